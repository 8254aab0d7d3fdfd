"""What a label may name, by how sure that is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from devices.identity import serials

if TYPE_CHECKING:
    from collections.abc import Iterable


class Misread(Exception):
    """Say what the text is, which is of this form but broken."""


class Tier(list[str]):
    """Hold the texts of one rank that may be the device's serial, an address in each of its writings.

    `rivals`: those of which a device has but one, so that two different ones are two devices, known or not. `is_weak`:
    what has this name is of anything, and counts only where a format or an organisation knows it. `is_bare`: no name
    says what these are, a model's perhaps: where formats are known, such a rival has to fit one.
    """

    def __init__(
        self, texts: Iterable[str] = (), rivals: Iterable[str] = (), *, is_weak: bool = False, is_bare: bool = False
    ) -> None:
        super().__init__(texts)
        self.rivals, self.is_weak, self.is_bare = frozenset(rivals), is_weak, is_bare


Tiers = list[Tier]


def rank_serials(texts: Iterable[str]) -> Tier:
    """Return the tier of what a label calls the device's serial."""
    found = list(texts)
    return Tier(found, found)


def rank_addresses(named: Iterable[tuple[str, str]]) -> Tier:
    """Return the tier of addresses with their names: a device has several, but of each name one."""
    found: dict[str, list[str]] = {}
    for name, text in named:
        found.setdefault(re.sub(r"[\W_]", "", name).upper(), []).append(text)
    twice = [texts for texts in found.values() if len({serials.join_writings(each) for each in texts}) > 1]
    rivals = [form for texts in twice for text in texts for form in write_addresses(text) or [text]]
    return Tier(
        [form for texts in found.values() for text in texts for form in write_addresses(text) or [text]], rivals
    )


def write_addresses(text: str) -> list[str]:
    """Return a MAC or EUI as the registry may have it, bare first; nothing for any other text."""
    digits = re.sub(r"[\s:.\-_]", "", text).upper().replace("O", "0")
    return [digits, *serials.write_otherwise(digits)] if re.fullmatch("[0-9A-F]{12}|[0-9A-F]{16}", digits) else []
