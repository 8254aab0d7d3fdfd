"""Which column of a file fills which field of a device."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

from devices import tags
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

# Headers in lower case, without anything but letters and digits; the surest comes first.
_SPELLINGS = {
    "serial": "serialnumber serialno serialnr seriennummer serial sn deviceserial imei deveui macaddress mac uuid "
    "deviceidentity identity id",
    "name": "name devicename bezeichnung label title",
    "description": "description desc notes note comment comments beschreibung",
    "model": "model devicemodel modell producttype product type",
    "group": "group path site location customer grouppath gruppe",
    "tags": "tags labels",
    "certificate": "certificate cert tlsclientcertificate clientcertificate x509 pem zertifikat",
}
_BY_SPELLING = {spelling: field for field, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_RANK = {spelling: rank for spellings in _SPELLINGS.values() for rank, spelling in enumerate(spellings.split())}
_WEST = ["id", "tlsclientcertificate", "tags"]


def guess(
    header: Sequence[str], remembered: Mapping[str, str], can_generate: bool = True
) -> tuple[list[str], Import.Dialect]:
    """A field or "" for each column: as this recipe had it last, else by common names, else by the file's dialect.
    Of two columns for one field the surer one has it: a serial number goes before an id.

    A Losant file has columns of any name: one is the name, perhaps one the description, and every other one a tag.
    """
    plain = [re.sub(r"[^a-z0-9äöü]", "", name.lower()) for name in header]
    found = [""] * len(header)
    ranked = (_candidate(name, plain[at], remembered) for at, name in enumerate(header))
    for (_, field), at in sorted(zip(ranked, range(len(header)), strict=True), key=lambda each: each[0][0]):
        if is_known(field) and field not in found:
            found[at] = field
    if plain == _WEST:
        return found, Import.Dialect.WEST
    if "name" in found and "serial" not in found and not remembered and can_generate:
        rest = [field or f"{TAG}{_called(name)[: tags.NAME_LENGTH]}" for field, name in zip(found, header, strict=True)]
        return [field if is_known(field) else "" for field in rest], Import.Dialect.LOSANT
    return found, Import.Dialect.OWN


def _candidate(name: str, spelling: str, remembered: Mapping[str, str]) -> tuple[int, str]:
    """How sure, lowest first, and the field. That a column was left out once says nothing against a known name."""
    if field := remembered.get(name) or _tag_of(name):
        return -1, field
    return _RANK.get(spelling, 0), _BY_SPELLING.get(spelling, "")


def _tag_of(name: str) -> str:
    """`tag:site`, `Tag: site` and `tags.site` name a tag themselves."""
    match = re.match(r"tags?\s*[:.]\s*(\S.*)", name, re.IGNORECASE)
    return f"{TAG}{_called(match[1])}" if match else ""


def _called(text: str) -> str:
    return " ".join(text.split())


def _cleaned(field: str) -> str:
    """Return the field, a tag's with its name as tags keep it where it can be one."""
    try:
        return f"{TAG}{tags.clean_name(field[len(TAG) :])}" if field.startswith(TAG) else field
    except ValidationError:
        return field


def is_known(field: str) -> bool:
    return not field or field in FIELDS or (field.startswith(TAG) and tags.is_name(field[len(TAG) :]))


def check(columns: Sequence[str], header: Sequence[str], *, can_generate: bool, needs_certificate: bool) -> list[str]:
    """The columns to keep. Raises ValidationError, in words for people."""
    kept = ["" if field == "ignore" else _cleaned(field) for field in columns]
    if len(kept) != len(header):
        raise ValidationError({"columns": f"The file has {len(header)} columns, but {len(kept)} were matched."})
    if unknown := [field for field in kept if not is_known(field)]:
        raise ValidationError({"columns": f"“{unknown[0][:80]}” is no field of a device."})
    if twice := [field for field in dict.fromkeys(kept) if field and kept.count(field) > 1]:
        raise ValidationError({"columns": f"Two columns can't both fill {title(twice[0])}. Ignore one of them."})
    if "serial" not in kept and not can_generate:
        raise ValidationError({"columns": "Say which column holds the serials: this recipe's can't be made here."})
    if "certificate" not in kept and needs_certificate:
        raise ValidationError({"columns": "Say which column holds the certificates: this recipe asks for one each."})
    return kept


def title(field: str) -> str:
    return FIELDS.get(field) or f"the tag “{field[len(TAG) :]}”"
