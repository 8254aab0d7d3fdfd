"""Answers that a device sends to a challenge: read in every alphabet of base64, and what is none is said to be."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.presence.signatures import LONGEST, MAC_LENGTH, Signed, compute_fingerprint, is_made_with, read_answer
from provisioning.presence.signatures import is_signed_by as is_signed

MAC = bytes(range(240, 240 + 16)) + b"\xfb\xff" * 8
DER, SIGNATURE = b"\x30\x82" + b"\xfe\xfb" * 20, b"\xff\xef" * 32


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padding", [True, False], ids=["padded", "bare"])
def test_it_is_read_in_either_alphabet_with_its_padding_or_without(encode: object, *, padding: bool) -> None:
    def write(part: bytes) -> str:
        text: str = encode(part).decode()  # type: ignore[operator]
        return text if padding else text.rstrip("=")

    assert read_answer(write(MAC)) == Signed(MAC, b"")
    assert read_answer(f" {write(MAC)}\r\n") == Signed(MAC, b"")
    assert read_answer(f"{write(DER)}.{write(SIGNATURE)}") == Signed(SIGNATURE, DER)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" ", "it is empty"),
        ("AAAA.", "it is empty"),
        ("=", "it is empty"),
        ("!!!!", "it is not base64"),
        ("AAAAA", "it is not base64"),
        ("AA AA", "it is not base64"),
        ("AÄAA", "it is not base64"),
        ("AAAA.BBBB.CCCC", "it is not base64"),
        ("AAAA", "it has 3 bytes, HMAC-SHA256 has 32"),
        (base64.b64encode(bytes(MAC_LENGTH + 1)).decode(), "it has 33 bytes, HMAC-SHA256 has 32"),
        ("A" * (LONGEST + 1), "it has more than 8000 characters"),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(text: str, why: str) -> None:
    with pytest.raises(ValueError) as told:
        read_answer(text)
    assert str(told.value) == why


def test_with_a_certificate_the_signature_is_as_long_as_its_key_makes_it() -> None:
    assert read_answer("AAAA.BBBB") == Signed(base64.b64decode("BBBB"), bytes(3))


@given(st.text(max_size=80))
def test_whatever_comes_is_read_or_said_to_be_none(text: str) -> None:
    try:
        answer = read_answer(text)
    except ValueError:
        return
    assert answer.signature


def test_a_mac_is_of_one_secret_and_one_message() -> None:
    mac = base64.b16decode("5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843")
    assert is_made_with(b"Jefe", b"what do ya want for nothing?", mac)  # RFC 4231, 4.3
    assert not is_made_with(b"Jefe", b"what do ya want for nothing", mac)
    assert not is_made_with(b"jefe", b"what do ya want for nothing?", mac)
    assert not is_made_with(b"Jefe", b"what do ya want for nothing?", mac[:-1])
    assert not is_made_with(b"Jefe", b"what do ya want for nothing?", b"")


@pytest.mark.parametrize("certificate", [b"", b"no certificate", DER])
def test_what_is_no_certificate_signed_nothing(certificate: bytes) -> None:
    assert not is_signed(certificate, b"message", SIGNATURE)


def test_a_certificate_is_known_by_all_of_it() -> None:
    assert compute_fingerprint(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert compute_fingerprint(DER) != compute_fingerprint(DER + b"\0")
