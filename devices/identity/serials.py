"""Serials that can't be mistyped.

Handover's own serials are twelve characters of Crockford's base 32: ten random ones (50 bits) and two
check characters, a Reed-Solomon code over GF(32) (x^5 + x^2 + 1) of distance 3. One or two wrong characters,
and any swap, never give another valid serial. Organisations may have formats of their own; those carry what
they carry, and are compared by the same folding of look-alike characters.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SHORT = 6  # characters that are read at one look
LENGTH = 12
MAX_LENGTH = 64

RESERVED = {
    "NEW": "“NEW” can't be a serial: its address is where devices are added. Put a prefix before it.",
    ".": "“.” can't be a serial: an address with it leads elsewhere. Put a prefix before it.",
    "..": "“..” can't be a serial: an address with it leads elsewhere. Put a prefix before it.",
}
"""Folded serials that can't be in an address -> why, in words for people."""

_UNSEEN = re.compile(r"[\s\-\u2010-\u2015\u2212\x00-\x1f\x7f\ud800-\udfff]+")  # spacing, and what no database takes
_SHAPE = re.compile(r"[0-9A-Z._:]{1,64}\Z")


_WRITINGS = ((":", 2), (".", 4), (".", 2), (":", 4))  # what stands between how many digits, besides none
ADDRESS_LENGTHS = frozenset((12, 14, 16, 17, 19, 23))
_ADDRESS = re.compile(  # by its first digits at once, as most serials are none
    r"[0-9A-F]{2}(?:[0-9A-F]{10}(?:[0-9A-F]{4})?"
    r"|([:.])[0-9A-F]{2}(?:\1[0-9A-F]{2}){4}(?:(?:\1[0-9A-F]{2}){2})?"
    r"|[0-9A-F]{2}([:.])[0-9A-F]{4}(?:\2[0-9A-F]{4}){1,2})"
)


def _compute_powers() -> list[int]:
    powers, value = [], 1
    for _ in range(31):
        powers.append(value)
        value = (value << 1) ^ (0b100101 if value & 0b10000 else 0)
    return powers


_EXP = _compute_powers()
_LOG = {value: power for power, value in enumerate(_EXP)}


def _multiply(a: int, b: int) -> int:
    return _EXP[(_LOG[a] + _LOG[b]) % 31] if a and b else 0


def canonical(text: str) -> str:
    """Return the serial as stored and shown: upper case, without spaces and dashes."""
    bare = text.isascii() and text.isalnum()  # as most are, a million in a file
    return (text if bare else _UNSEEN.sub("", text)).upper()


def fold(text: str) -> str:
    """Return the serial as compared: canonical, with look-alikes as one (O as 0, I and L as 1)."""
    return join_look_alikes(canonical(text))


def join_look_alikes(serial: str) -> str:
    """Return a canonical serial as compared; five times as fast as by str.translate, a million times a file."""
    return serial.replace("O", "0").replace("I", "1").replace("L", "1")


def join_writings(key: str) -> str:
    """Return a folded serial as devices are told apart: a MAC or EUI address is one in all its writings."""
    is_written = len(key) in ADDRESS_LENGTHS and not key.isalnum() and _ADDRESS.fullmatch(key)
    return key.replace(":", "").replace(".", "") if is_written else key


def is_address(text: str) -> bool:
    """Return whether it is a MAC or EUI address and nothing else, in upper or lower case."""
    return len(text) in ADDRESS_LENGTHS and _ADDRESS.fullmatch(text.upper()) is not None


def write_otherwise(key: str) -> tuple[str, ...]:
    """Return a folded MAC or EUI address in its other writings: bare, in pairs, in fours; () for what is none."""
    if len(key) not in ADDRESS_LENGTHS or not _ADDRESS.fullmatch(key):
        return ()
    digits = key.replace(":", "").replace(".", "")
    parts = {size: [digits[at : at + size] for at in range(0, len(digits), size)] for size in (2, 4)}
    written = (digits, *(mark.join(parts[size]) for mark, size in _WRITINGS))
    return tuple(each for each in written if each != key)


def list_writings(keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the other writings of those folded serials that are addresses."""
    return {key: others for key in keys if (others := write_otherwise(key))}


def explain_equality(one: str, other: str) -> str:
    """Return why two canonical serials count as one that are written in two ways; "" of those written alike."""
    if one == other:
        return ""
    if join_look_alikes(one) == join_look_alikes(other):
        return "look-alikes such as O and 0, or I and 1, count as one"
    return "an address counts as one in all its writings"


def is_plausible(text: str) -> bool:
    """Return whether the text could be a serial of any format at all."""
    return bool(_SHAPE.match(canonical(text)))


def is_valid(text: str) -> bool:
    """Return whether the text is one of Handover's own serials, its check characters included."""
    key = fold(text)
    return _is_own_shape(key) and compute_check_characters(key[:-2]) == key[-2:]


def is_mistyped(text: str) -> bool:
    """Return whether the text has the shape of our own serials but wrong check characters."""
    key = fold(text)
    return _is_own_shape(key) and not is_valid(key)


def _is_own_shape(key: str) -> bool:
    return len(key) == LENGTH and all(character in ALPHABET for character in key)


def compute_check_characters(payload: str) -> str:
    """Compute the check characters: the remainder of the payload's polynomial by (x - a)(x - a^2)."""
    first, second = 0, 0
    linear, constant = _EXP[1] ^ _EXP[2], _EXP[3]
    for character in payload:
        carry = first ^ ALPHABET.index(character)
        first, second = second ^ _multiply(carry, linear), _multiply(carry, constant)
    return ALPHABET[first] + ALPHABET[second]


def generate() -> str:
    payload = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 2))
    return payload + compute_check_characters(payload)


def format_in_fours(serial: str) -> str:
    """Return the serial in fours, as printed and typed best; a short one, or one with separators of its own, stays as
    it is."""
    if len(serial) <= SHORT or re.search(r"[._:]", serial):
        return serial
    return " ".join(serial[start : start + 4] for start in range(0, len(serial), 4))
