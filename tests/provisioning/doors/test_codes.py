"""Codes that a device shows: however somebody types them, they are read; and nothing else is."""

from __future__ import annotations

import pytest

from provisioning.doors.approval.codes import ALPHABET, LENGTH, make_code, read_code, show_code


def test_no_letter_is_a_vowel_or_looks_like_another() -> None:
    assert not set(ALPHABET) & set("AEIOUY0123456789")
    assert len(set(ALPHABET)) == len(ALPHABET) == 20
    made = {make_code() for _ in range(200)}
    assert len(made) == 200
    assert all(read_code(code) == code and len(code) == LENGTH for code in made)


@pytest.mark.parametrize(
    "typed",
    ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "WDJB\u2013MJHT", "WDJB\u2010MJHT", "W.D.J.B_M-J\tH T", "wDjB\u2014MjHt"],
)
def test_it_is_read_however_it_is_typed(typed: str) -> None:
    assert read_code(typed) == "WDJBMJHT"
    assert show_code(read_code(typed)) == "WDJB-MJHT"


@pytest.mark.parametrize(
    "typed",
    ["", "WDJB-MJH", "WDJB-MJHTX", "WDJB-MJHA", "WDJB-MJH1", "WDJB/MJHT", "\uff37DJBMJHT", "WDJB-MJH\0", "-" * 8],
)
def test_what_is_none_is_no_code(typed: str) -> None:
    assert read_code(typed) == ""
