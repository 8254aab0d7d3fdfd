"""Digits that are entered at a gateway, and its signed answer, as docs/protocol.md has them."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from firmware_sim import presence
from firmware_sim.identity import BadInput

SECRET = bytes(range(32))


def test_a_secret_is_64_digits_as_the_page_shows_them() -> None:
    assert presence.read_secret(SECRET.hex()) == SECRET
    assert presence.read_secret(SECRET.hex().upper()) == SECRET
    assert presence.read_secret(SECRET.hex(" ", 4)) == SECRET


@pytest.mark.parametrize(
    "text", ["", "00", SECRET.hex()[:-1], SECRET.hex()[:-2], SECRET.hex() + "00", "x" * 64, "٣" * 64]
)
def test_any_other_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="it has 64 hexadecimal digits"):
        presence.read_secret(text)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("12345678", "12345678"),
        (" 1234 5678\n", "12345678"),
        ("1 2 3 4 5 6 7 8", "12345678"),
        ("00000000", "00000000"),
        ("1234567", ""),
        ("123456789", ""),
        ("1234567a", ""),
        ("1234-5678", ""),
        ("١٢٣٤٥٦٧٨", ""),
        ("", ""),
    ],
)
def test_eight_digits_are_read_however_they_are_grouped(text: str, digits: str) -> None:
    assert presence.read_digits(text) == digits


def test_the_answer_is_of_this_device_and_these_digits() -> None:
    answer = presence.sign(SECRET, "66f0c0ffee66f0c0ffee0001", "12345678")
    code = hmac.new(SECRET, b"presence:66f0c0ffee66f0c0ffee0001:12345678", hashlib.sha256).digest()
    assert base64.b64decode(answer, validate=True) == code
    others = [(SECRET[::-1], "66f0c0ffee66f0c0ffee0001", "12345678"), (SECRET, "66f0c0ffee66f0c0ffee0002", "12345678")]
    assert answer not in {presence.sign(*other) for other in others}
    assert answer != presence.sign(SECRET, "66f0c0ffee66f0c0ffee0001", "12345679")
