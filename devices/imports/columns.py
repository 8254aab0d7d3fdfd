"""Which column of a file fills which field of a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.models import Import

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIELDS = {
    "serial": "Serial",
    "name": "Name",
    "description": "Description",
    "model": "Model",
    "group": "Group",
    "tags": "Tags",
    "certificate": "Certificate",
}
"""Field -> its name for people. Besides them `tag:<key>`, the value of one tag, and "" for a column that is ignored."""
TAG = "tag:"


def guess(header: Sequence[str], remembered: Mapping[str, str], can_generate: bool) -> tuple[list[str], Import.Dialect]:
    """A field or "" for each column: as this recipe had it last, else by common names, else by the file's dialect."""
    raise NotImplementedError
