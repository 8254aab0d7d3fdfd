"""What people do with an import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.imports.reading import Preview

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devices.models import Import, RecipeVersion
    from tenants.models import Group, User

ENCODINGS = {
    "utf-8": "Unicode (UTF-8)",
    "utf-16": "Unicode (UTF-16)",
    "utf-16-le": "Unicode (UTF-16, little-endian)",
    "utf-16-be": "Unicode (UTF-16, big-endian)",
    "windows-1252": "Western European (Windows-1252)",
    "latin-1": "Western European (Latin-1)",
}


def upload(*, by: User, version: RecipeVersion, name: str, chunks: Iterable[bytes]) -> Import:
    """Keeps the file and guesses its columns. Raises Unreadable, with nothing kept."""
    raise NotImplementedError


def count(*, by: User, version: RecipeVersion, total: int, group: Group | None, name_pattern: str) -> Import:
    """So many devices with serials made here; it starts at once. Raises ValidationError by field: total, group,
    name_pattern."""
    raise NotImplementedError


def preview(importing: Import, rows: int = 10, *, encoding: str | None = None, delimiter: str | None = None) -> Preview:
    """The file's first rows, by the import's encoding and delimiter or by those given. Raises Unreadable."""
    raise NotImplementedError


def match(
    *,
    importing: Import,
    by: User,
    columns: Sequence[str],
    encoding: str,
    delimiter: str,
    group: Group | None,
    all_or_nothing: bool,
    name_pattern: str,
) -> bool:
    """Starts the check; whether this call did. Remembers the columns for the recipe's next file.

    For an import that is uploaded, checked, or failed in its check. `columns`: for each of the file's columns a field
    of FIELDS, `tag:<key>` or "". Raises ValidationError by field: columns, encoding, delimiter, group, name_pattern;
    Unreadable if the file is none in that encoding.
    """
    raise NotImplementedError


def start(*, importing: Import, by: User) -> bool:
    """Makes the devices of a checked import; whether this call started it. All or nothing refuses rows with problems,
    and no import starts that would make nothing."""
    raise NotImplementedError


def cancel(*, importing: Import, by: User) -> bool:
    """Ends an import that has not ended, at once or within a batch; whether it will. What batches made, stays."""
    raise NotImplementedError
