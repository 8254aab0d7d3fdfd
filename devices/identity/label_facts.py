"""What a label says of its device beside its serial: in TR005, in JSON, or in the query of an address.

Makers name the fields of JSON and of addresses as they like: the usual names are known, an organisation adds its own.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from devices.identity import makers_labels, named_values

if TYPE_CHECKING:
    from collections.abc import Mapping

USUAL = {
    "deveui": "dev_eui",
    "joineui": "join_eui",
    "appeui": "join_eui",
    "profileid": "profile",
    "deviceprofile": "profile",
    "deviceprofileid": "profile",
    "ownertoken": "owner_token",
    "claimcode": "owner_token",
}
FACTS = {
    "serial": "Serial",
    "dev_eui": "DevEUI",
    "join_eui": "AppEUI or JoinEUI",
    "profile": "Profile",
    "owner_token": "Owner token (claim code)",
}
LONGEST = 64  # characters of a profile


class LabelFacts(NamedTuple):
    """Hold what a label says; empty where it does not. EUIs are 16 hex digits in upper case."""

    serial: str = ""
    dev_eui: str = ""
    join_eui: str = ""
    profile: str = ""  # of TR005 the ProfileID: 8 hex digits
    owner_token: str = ""
    proprietary: str = ""

    def without_secrets(self) -> dict[str, str]:
        """Return what may be kept: all that it says but the owner token."""
        return {name: value for name, value in self._asdict().items() if value and name != "owner_token"}


def read_facts(text: str, names: Mapping[str, str] | None = None) -> LabelFacts:
    """Return what the label says. `names` are an organisation's: folded name (`fold_name`) -> one of `FACTS`."""
    if parts := makers_labels.split_tr005(text):
        return LabelFacts(**parts)
    known, found = {**USUAL, **(names or {})}, dict[str, str]()
    for name, value in _find_pairs(text):
        if fact := known.get(fold_name(name)):
            found.setdefault(fact, _clean(fact, value))
    return LabelFacts(**{fact: value for fact, value in found.items() if value})


def fold_name(name: str) -> str:
    """Return a field's name as names are compared: its letters and digits, in lower case."""
    return re.sub("[^a-z0-9]", "", name.lower())


def clean_eui(text: str) -> str:
    """Return the 16 hex digits of an EUI-64 in any writing; empty where it is none."""
    digits = re.sub(r"[\s:.\-_]", "", text).upper()
    return digits if re.fullmatch("[0-9A-F]{16}", digits) else ""


def clean_profile(text: str) -> str:
    """Return a profile as profiles are compared; empty where it can be none."""
    profile = " ".join(text.split()).upper()
    return profile if len(profile) <= LONGEST and profile.isprintable() else ""


def _clean(fact: str, value: str) -> str:
    if fact in ("dev_eui", "join_eui"):
        return clean_eui(value)
    if fact == "profile":
        return clean_profile(value)
    return value.strip() if value.isprintable() else ""  # no escaped NUL, which no database takes


def _find_pairs(text: str) -> list[tuple[str, str]]:
    """Return names and values of a JSON record, or of an address's query; none of any other text."""
    with suppress(ValueError, RecursionError):
        if text.startswith(("{", "[")):
            levels = named_values.find_levels(named_values.load_record(text))
            return [pair for pairs in levels for pair in pairs]
        return parse_qsl(urlsplit(text).query)
    return []
