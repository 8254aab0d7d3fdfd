"""One serial in several writings: what counts as the same, and what could be a serial at all."""

from __future__ import annotations

import pytest

from devices.identity import serials

BARE, EUI = "AABBCCDDEE01", "70B3D57ED0001234"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("tmry 5avj-28n5", "TMRY5AVJ28N5"),
        ("GW\u20102024\u20130017\u2212A", "GW20240017A"),  # dashes as word processors write them
        ("a\tb\nc\x00d\x7fe\u00a0f\ud800", "ABCDEF"),
        ("00:1b.44_1", "00:1B.44_1"),
        ("ß", "SS"),
        ("", ""),
    ],
)
def test_what_the_registry_keeps_of_a_text(text: str, kept: str) -> None:
    assert serials.canonical(text) == kept
    assert serials.canonical(kept) == kept


@pytest.mark.parametrize(
    ("one", "other", "cause"),
    [
        ("GW1", "GW1", ""),
        ("GWO1", "GW0I", "look-alikes such as O and 0, or I and 1, count as one"),
        ("GWL1", "GW11", "look-alikes such as O and 0, or I and 1, count as one"),
        (BARE, "AA:BB:CC:DD:EE:01", "an address counts as one in all its writings"),
    ],
)
def test_why_two_writings_are_one_serial(one: str, other: str, cause: str) -> None:
    assert serials.explain_equality(one, other) == cause
    assert serials.join_writings(serials.fold(one)) == serials.join_writings(serials.fold(other))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (BARE, True),
        (BARE.lower(), True),
        (EUI, True),
        ("AA:BB:CC:DD:EE:01", True),
        ("aabb.ccdd.ee01", True),
        ("70:B3:D5:7E:D0:00:12:34", True),
        ("70B3:D57E:D000:1234", True),
        ("AA-BB-CC-DD-EE-01", False),  # the registry drops dashes
        (" AABBCCDDEE01", False),
        ("AABBCCDDEE0G", False),
        ("AABBCCDDEE0", False),
        ("AABBCCDDEE0123", False),
        ("AA:BB:CC:DD.EE:01", False),
        ("AABB.CCDD:EE01", False),
        ("AA:BBCC:DDEE:01", False),
        ("", False),
    ],
)
def test_what_is_an_address_and_nothing_else(text: str, is_one: bool) -> None:
    assert serials.is_address(text) is is_one
    assert bool(serials.write_otherwise(text.upper())) is is_one


def test_the_other_writings_of_many_are_those_of_each() -> None:
    found = serials.list_writings(["KANARRA01339", BARE, "AABB.CCDD.EE01"])
    assert found == {BARE: serials.write_otherwise(BARE), "AABB.CCDD.EE01": serials.write_otherwise("AABB.CCDD.EE01")}
    assert serials.write_otherwise("AABB.CCDD.EE01")[0] == BARE
    assert serials.list_writings([]) == {}


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("A" * 64, True),
        ("A" * 65, False),
        ("-" * 80 + "a", True),
        ("kg_250.17:3", True),
        ("", False),
        (" - ", False),
        ("é", False),
        ("a/b", False),
        ("a\n", True),
        ("٣", False),
    ],
)
def test_what_could_be_a_serial_of_any_format(text: str, is_one: bool) -> None:
    assert serials.is_plausible(text) is is_one


@pytest.mark.parametrize(
    ("text", "is_valid", "is_mistyped"),
    [
        ("000000000000", True, False),
        ("oooo-oooo-oooo", True, False),
        ("000000000001", False, True),
        ("00000000000", False, False),
        ("0000000000000", False, False),
        ("00000000000U", False, False),
        ("00000000000:", False, False),
    ],
)
def test_only_what_looks_like_an_own_serial_is_mistyped(text: str, is_valid: bool, is_mistyped: bool) -> None:
    assert (serials.is_valid(text), serials.is_mistyped(text)) == (is_valid, is_mistyped)


@pytest.mark.parametrize(
    ("serial", "printed"),
    [("ABCDEFG", "ABCD EFG"), ("ABCDEF", "ABCDEF"), ("ABCD", "ABCD"), ("AB.CDEF", "AB.CDEF"), ("", "")],
)
def test_a_serial_is_printed_in_fours(serial: str, printed: str) -> None:
    assert serials.format_in_fours(serial) == printed
