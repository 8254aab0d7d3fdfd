"""Formats of serials: what fits, why not, and made ones."""

from __future__ import annotations

import itertools
import uuid
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.identity import formats, serials
from devices.identity.formats import CASED, SEPARATED, SIZED, Casing, Format, Kind, Separator
from devices.recipes.organisation_format import format_of

if TYPE_CHECKING:
    from tests.conftest import World

FORMATS = [
    Format(kind, prefix, length, casing, separator)
    for kind in Kind.values
    for prefix in ("", "gw-")
    for length in ((None, 2, 8, 61) if kind in SIZED else (None,))
    for casing in (Casing.values if kind in CASED else [Casing.ANY])
    for separator in (Separator.values if kind in SEPARATED else [Separator.COLON])
]


def entropy(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


@pytest.mark.parametrize("made", FORMATS, ids=str)
def test_what_a_format_makes_fits_it_is_told_apart_and_can_be_registered(made: Format) -> None:
    assert Format.from_json(made.as_json()) == made
    assert made.describe()
    assert made.check_description
    assert len(made.examples(2)) == 2
    assert [made.problem(example) for example in made.examples()] == [None] * 3
    if made.can_generate:
        texts = {made.generate(entropy(number)) for number in range(30)}
        assert texts == {made.generate(entropy(number)) for number in range(30)}
        assert all(made.problem(text) is None and serials.is_plausible(text) for text in texts)
        assert len({serials.fold(text) for text in texts}) == len(texts) or made.length == 2


@pytest.mark.parametrize(
    ("made", "text", "cause"),
    [
        (Format(), "7K3MQ2XW9TB", "12 characters expected, found 11."),
        (Format(), "7K3M Q2XW 9TB0", "The check characters do not fit: a character is mistyped."),
        (Format(), "7K3M*Q2XW9TB", "“*” never stands"),
        (Format(prefix="KG"), "7K3MQ2XW9TBC", "It doesn't begin with “KG”."),
        (Format(Kind.OPAQUE, "GW-", 12), "GW-ABCDEF12345", "12 characters expected after “GW-”, found 11."),
        (Format(Kind.OPAQUE, "GW-", 12), "gw-ABCDEF123456", "but with another casing"),
        (Format(Kind.OPAQUE, "GW-"), "GW---", "There is no serial after “GW-”"),
        (Format(Kind.OPAQUE, "GW-"), "GW-é", "“é” can't stand after “GW-”"),
        (Format(Kind.OPAQUE, "GW-"), "GW-a\x00", "An unseen character (U+0000)"),
        (Format(Kind.OPAQUE, "GW-"), "GW-" + "a" * 63, "63 characters after “GW-” are too many: at most 62"),
        (Format(Kind.OPAQUE), "A" * 1_000_000, "1,000,000 characters are too many"),
        (Format(Kind.OPAQUE), "  ", "The serial is missing."),
        (Format(Kind.OPAQUE), "A1 ", "a space before or after"),
        (Format(Kind.OPAQUE), "A1\n", "a space before or after"),
        (Format(Kind.BASE10, "", 6), "12345", "6 characters expected, found 5."),
        (Format(Kind.BASE10, "", 6), "12345O", "“O” can't stand: 6 digits expected."),
        (Format(Kind.BASE10, "", 6), "12345\u0663", "can't stand"),
        (Format(Kind.BASE10), "1" * 65, "65 characters are too many"),
        (Format(Kind.BASE16, "", 4, Casing.UPPER), "00af", "“a” can't stand: 4 hexadecimal digits in upper case"),
        (Format(Kind.UUID4), "c232ab00-9414-11ec-b3c8-9f68deced846", "This is not a UUID of version 4."),
        (Format(Kind.MAC48), "02-00-5E-10-00-01", "Here it is written as 02:00:5E:10:00:01."),
        (Format(Kind.MAC48), "02:00:5E:10:00", "This is not a MAC-48 address. One looks like "),
        (Format(Kind.EUI64, separator=Separator.NONE), "02005E1000AB", "This is not an EUI-64 address."),
    ],
)
def test_what_does_not_fit_is_told_why(made: Format, text: str, cause: str) -> None:
    assert cause in (made.problem(text) or "")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (Format(), "7k3m-q2xw-9tbc"),
        (Format(Kind.OPAQUE, "GW-"), "GW-AB 12.3"),
        (Format(Kind.UUID4), "6eaf9cef-7c31-4287-b2f7-3fbe1bb1fc84"),
        (Format(Kind.UUID4), "E56C38EC87A148129D9441E1B3347194"),
        (Format(Kind.MAC48, separator=Separator.DASH), "aa-BB-cc-00-11-22"),
        (Format(Kind.EUI64, separator=Separator.NONE), "AABBCCDDEEFF0011"),
    ],
)
def test_forgiven_is_what_the_registry_drops_anyway(made: Format, text: str) -> None:
    if made.kind == Kind.OWN:
        text = serials.format_in_fours(made.examples(1)[0]).lower().replace(" ", "-")
    assert made.problem(text) is None


@given(st.sampled_from(FORMATS), st.text(max_size=80))
def test_whatever_is_said_to_fit_can_be_registered(made: Format, text: str) -> None:
    for given_text in (text, made.prefix + text):
        if made.problem(given_text) is None:
            assert serials.is_plausible(given_text)


@pytest.mark.parametrize(("kind", "alphabet"), [(Kind.BASE10, formats.DIGITS), (Kind.BASE16, formats.HEX)])
def test_one_wrong_digit_of_a_made_serial_shows(kind: Kind, alphabet: str) -> None:
    text = Format(kind, length=10).generate(entropy(1))
    for place, other in itertools.product(range(9), alphabet):
        wrong = text[:place] + other + text[place + 1 : -1]
        assert (formats.compute_check_digit(wrong, alphabet) == text[-1]) == (other == text[place])


def test_the_check_digit_is_the_standards() -> None:
    assert formats.compute_check_digit("0794", formats.DIGITS) == "5"  # ISO 7064's own example of MOD 11,10


def test_addresses_are_local_and_uuids_say_what_they_are() -> None:
    for number in range(50):
        assert int(Format(Kind.MAC48).generate(entropy(number))[:2], 16) & 3 == 2
        assert int(Format(Kind.EUI64).generate(entropy(number))[:2], 16) & 3 == 2
        assert uuid.UUID(Format(Kind.UUID4).generate(entropy(number))).version == 4


def test_made_opaque_ones_end_in_check_characters() -> None:
    body = Format(Kind.OPAQUE, "GW-", 9).generate(entropy(1)).removeprefix("GW-")
    assert serials.compute_check_characters(body[:-2]) == body[-2:]


def test_what_can_not_be_made_is_not() -> None:
    made = Format(Kind.BASE10)
    assert (made.can_generate, made.capacity) == (False, 0)
    with pytest.raises(ValueError, match="without a length"):
        made.generate(entropy(1))
    with pytest.raises(ValueError, match="entropy"):
        Format().generate(b"short")
    assert Format(Kind.BASE10, length=8).capacity == 10**7


BROKEN: list[Any] = [
    [],
    "own",
    {"kind": "what"},
    {"kind": 3},
    {"kind": "opaque", "length": "12"},
    {"kind": "opaque", "length": True},
    {"kind": "opaque", "length": 0},
    {"kind": "opaque", "length": 65},
    {"kind": "opaque", "length": 60, "prefix": "GW-100"},
    {"kind": "opaque", "prefix": "a b"},
    {"kind": "opaque", "prefix": "x" * 33},
    {"kind": "mac48", "separator": "*"},
    {"kind": "base16", "casing": "Title"},
    {"kind": "own", "colour": "blue"},
]


@pytest.mark.parametrize("stored", BROKEN, ids=str)
def test_a_broken_format_is_refused_and_never_stops_a_recipe(world: World, stored: Any) -> None:
    with pytest.raises(ValueError, match=r"serial|prefix"):
        Format.from_json(stored)
    world.version.identity = stored
    assert format_of(world.version) == Format()


def test_the_recipes_format_goes_before_the_organisations(world: World) -> None:
    world.version.recipe.organisation.identity = {"kind": "base10", "length": 8}
    assert format_of(world.version) == Format(Kind.BASE10, length=8)
    world.version.identity = {"kind": "mac48"}
    assert format_of(world.version) == Format(Kind.MAC48)


@pytest.mark.parametrize("given", ["00-1A-2b-3C-4D-01", "001a.2b3c.4d01", "001A2B3C4D01", "00 1A 2B 3C 4D 01"])
def test_an_address_in_another_writing_is_shown_in_the_formats_own(given: str) -> None:
    told = Format("mac48", casing="upper").problem(given)
    assert told == "An address in another writing. Here it is written as 00:1A:2B:3C:4D:01."
    assert "0:1A" not in str(Format("eui64").problem(given))


def test_one_digit_is_no_digits() -> None:
    assert Format("base10", prefix="TRIZM", length=1).describe() == "“TRIZM”, then 1 digit"
    assert Format("base10", length=11).describe() == "11 digits"
