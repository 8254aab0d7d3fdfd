"""What is told of a format, and each kind of text that one takes or not, to the last character."""

from __future__ import annotations

import pytest

from devices.identity import serials
from devices.identity.formats import OWN, Format, Kind, Separator

UUID = "6eaf9cef-7c31-4287-b2f7-3fbe1bb1fc84"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (OWN, "12 characters of Handover's own, the last two of which check the others"),
        (Format(prefix="KG-"), "“KG-”, then 12 characters of Handover's own, the last two of which check the others"),
        (Format(Kind.OPAQUE), "letters or digits (and . _ : -)"),
        (Format(Kind.OPAQUE, "GW-", 9), "“GW-”, then 9 letters or digits (and . _ : -)"),
        (Format(Kind.BASE10, length=8), "8 digits"),
        (Format(Kind.BASE16, length=8), "8 hexadecimal digits"),
        (Format(Kind.BASE16, casing="upper"), "hexadecimal digits in upper case"),
        (Format(Kind.UUID4), "a UUID of version 4"),
        (Format(Kind.MAC48, casing="lower"), "a MAC-48 address in lower case"),
        (Format(Kind.EUI64), "an EUI-64 address"),
    ],
)
def test_what_fits_is_said_in_one_line(made: Format, words: str) -> None:
    assert made.describe() == words


@pytest.mark.parametrize(
    ("made", "guard"),
    [
        (OWN, "end in two check characters."),
        (Format(Kind.OPAQUE, length=4), "end in two check characters."),
        (Format(Kind.OPAQUE, length=3), "They carry no check: they are too short for one."),
        (Format(Kind.BASE10, length=4), "end in a check digit (ISO 7064)."),
        (Format(Kind.BASE16, length=3), "They carry no check: they are too short for one."),
        (Format(Kind.BASE10), "Without a length Handover can't make serials of this format"),
        (Format(Kind.UUID4), "are random, and carry no check"),
        (Format(Kind.MAC48), "are locally administered, and carry no check"),
        (Format(Kind.EUI64), "are locally administered, and carry no check"),
    ],
)
def test_what_guards_a_made_serial_is_said(made: Format, guard: str) -> None:
    assert guard in made.check_description


@pytest.mark.parametrize(
    ("made", "capacity", "is_small"),
    [
        (OWN, 2**50, False),
        (Format(Kind.UUID4), 2**122, False),
        (Format(Kind.MAC48), 2**46, False),
        (Format(Kind.EUI64), 2**62, False),
        (Format(Kind.OPAQUE, length=3), 32**3, True),
        (Format(Kind.OPAQUE, length=6), 32**4, False),
        (Format(Kind.OPAQUE, length=5), 32**3, True),
        (Format(Kind.BASE10, length=7), 10**6, False),
        (Format(Kind.BASE10, length=6), 10**5, True),
        (Format(Kind.BASE16, length=6), 16**5, False),
        (Format(Kind.BASE16, length=5), 16**4, True),
        (Format(Kind.BASE16), 0, False),
    ],
)
def test_how_many_can_be_made_and_whether_a_million_can(made: Format, capacity: int, is_small: bool) -> None:
    assert (made.capacity, made.is_small) == (capacity, is_small)


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        (OWN, 12),
        (Format(prefix="KG-"), 14),  # the registry drops the dash
        (Format(Kind.OPAQUE, "GW:", 9), 12),
        (Format(Kind.OPAQUE, "GW:"), None),
        (Format(Kind.BASE10, length=8), 8),
        (Format(Kind.UUID4), 32),
        (Format(Kind.MAC48), 17),
        (Format(Kind.MAC48, separator=Separator.DASH), 12),
        (Format(Kind.EUI64, separator=Separator.NONE), 16),
        (Format(Kind.EUI64, "x"), 24),
    ],
)
def test_a_made_serial_is_as_long_in_the_registry_as_is_said(made: Format, kept: int | None) -> None:
    assert made.length_kept == kept
    if kept is not None:
        assert {len(serials.canonical(text)) for text in made.examples()} == {kept}


@pytest.mark.parametrize(
    ("made", "takes"),
    [
        (Format(Kind.OPAQUE), True),
        (Format(Kind.BASE10), True),
        (Format(Kind.BASE16), True),
        (Format(Kind.OPAQUE, length=9), False),
        (Format(Kind.OPAQUE, "GW"), False),
        (Format(Kind.MAC48), False),
        (OWN, False),
    ],
)
def test_which_formats_tell_nothing_apart(made: Format, takes: bool) -> None:
    assert made.takes_nearly_all is takes


FITS = [
    (Format(Kind.OPAQUE), "A"),
    (Format(Kind.OPAQUE), "A" * 64),
    (Format(Kind.OPAQUE), "A.b_c:d-e f"),
    (Format(Kind.OPAQUE), "-" * 30 + "A" * 64),  # the registry drops the dashes
    (Format(Kind.OPAQUE, length=5), "A-B-C"),
    (Format(Kind.OPAQUE, "GW-"), "GW-" + "A" * 62),
    (Format(Kind.OPAQUE), "NEWS"),
    (Format(Kind.OPAQUE), "..."),
    (Format(Kind.BASE10), "0" * 64),
    (Format(Kind.BASE10, "7", 3), "7123"),
    (Format(Kind.BASE16), "aB09"),
    (Format(Kind.BASE16, "x", casing="lower"), "xab09"),
    (Format(Kind.BASE16, casing="upper"), "AB09"),
    (Format(Kind.UUID4), UUID),
    (Format(Kind.UUID4), UUID.upper()),
    (Format(Kind.UUID4), UUID.replace("-", "")),
    (Format(Kind.UUID4, "urn:"), f"urn:{UUID}"),
    (Format(Kind.MAC48), "02:00:5e:10:00:AB"),
    (Format(Kind.MAC48, separator=Separator.NONE), "02005e1000AB"),
    (Format(Kind.EUI64, casing="upper"), "02:00:5E:FF:FE:10:00:AB"),
]
OTHERS = [
    (Format(Kind.OPAQUE), "A" * 65, "65 characters are too many: at most 64 can be kept."),
    (Format(Kind.OPAQUE), " A", "There is a space before or after the serial: remove it."),
    (Format(Kind.OPAQUE), "A\t", "There is a space before or after the serial: remove it."),
    (Format(Kind.OPAQUE, "GW"), "GW A", "There is a space after “GW”: remove it."),
    (Format(Kind.OPAQUE), "A" + "-" * 200, "201 characters are too many: a serial has at most 64."),
    (Format(Kind.OPAQUE), "--", "There is no serial: letters or digits (and . _ : -) expected."),
    (Format(Kind.OPAQUE), "A/B", "“/” can't stand: letters or digits (and . _ : -) expected."),
    (Format(Kind.OPAQUE), "new", "“NEW” can't be a serial"),
    (Format(Kind.OPAQUE), "n-e-w", "“NEW” can't be a serial"),
    (Format(Kind.OPAQUE), ".", "“.” can't be a serial"),
    (Format(Kind.OPAQUE), "-..", "“..” can't be a serial"),
    (Format(Kind.OPAQUE, length=5), "ABCD", "5 characters expected, found 4."),
    (Format(Kind.BASE10), "", "The serial is missing. Expected: digits."),
    (Format(Kind.BASE10), "12 34", "A space can't stand: digits expected."),
    (Format(Kind.BASE10, "7"), "8123", "It doesn't begin with “7”. Expected: “7”, then digits."),
    (Format(Kind.BASE10, "7", 3), "71234", "3 characters expected after “7”, found 4."),
    (Format(Kind.BASE16), "AG", "“G” can't stand: hexadecimal digits expected."),
    (Format(Kind.BASE16, casing="lower"), "aB", "“B” can't stand: hexadecimal digits in lower case expected."),
    (Format(Kind.UUID4), UUID[:-1], "This is not a UUID of version 4. One looks like "),
    (Format(Kind.UUID4), UUID.replace("-b2f7", "-72f7"), "This is not a UUID of version 4."),
    (Format(Kind.UUID4), UUID.replace("-4287", "-1287"), "This is not a UUID of version 4."),
    (Format(Kind.UUID4), "{" + UUID + "}", "“{” can't stand: a UUID of version 4 expected."),
    (Format(Kind.MAC48), "02005E1000AB", "An address in another writing. Here it is written as 02:00:5E:10:00:AB."),
    (Format(Kind.MAC48), "02:00:5E:10:00:A", "This is not a MAC-48 address."),
    (
        Format(Kind.MAC48, casing="upper"),
        "02:00:5e:10:00:AB",
        "An address in another writing. Here it is written as 02:",
    ),
    (Format(Kind.MAC48, casing="upper"), "02:00:5e:10:00", "“e” can't stand: a MAC-48 address in upper case"),
    (Format(Kind.MAC48, separator=Separator.NONE), "02:005E1000", "“:” can't stand: a MAC-48 address expected."),
    (Format(Kind.EUI64, "x"), "x02:00:5E:10:00:AB", "This is not an EUI-64 address after “x”."),
    (OWN, "7K3MQ2XW9TBC1", "12 characters expected, found 13."),
    (OWN, "7K3MQ2XW9TUC", "“U” never stands in a serial of this kind. Compare it with the label."),
    (OWN, "7K3M.Q2XW9TBC", "“.” never stands in a serial of this kind."),
    (Format(prefix="KG"), "KG7K3M\x01", "12 characters expected after “KG”, found 4."),
    (Format(prefix="KG"), "KG7K3Mé", "“É” never stands in a serial of this kind after “KG”."),
]


@pytest.mark.parametrize(("made", "text"), FITS, ids=[f"{made.kind} {text[:40]!r}" for made, text in FITS])
def test_what_fits_to_the_last_character(made: Format, text: str) -> None:
    assert made.problem(text) is None
    assert serials.is_plausible(text)


@pytest.mark.parametrize(("made", "text", "cause"), OTHERS, ids=[f"{m.kind} {t[:40]!r}" for m, t, _ in OTHERS])
def test_what_does_not_fit_and_what_would(made: Format, text: str, cause: str) -> None:
    assert (made.problem(text) or "").startswith(cause)


def test_an_own_serial_fits_in_any_writing_and_with_a_wrong_character_in_none() -> None:
    (serial,) = OWN.examples(1)
    for text in (
        serial,
        serial.lower(),
        serials.format_in_fours(serial),
        "-".join(serial),
        f"{serial[:5]} {serial[5:]}",
    ):
        assert OWN.problem(text) is None
    for place, character in enumerate(serial):
        wrong = serials.ALPHABET[serials.ALPHABET.index(character) - 1]
        told = OWN.problem(serial[:place] + wrong + serial[place + 1 :])
        assert told == "The check characters do not fit: a character is mistyped. Compare it with the label."


def test_what_a_kind_has_no_use_for_is_left_at_its_default() -> None:
    assert Format(Kind.UUID4, length=5, casing="lower", separator="-") == Format(Kind.UUID4)
    assert Format(Kind.BASE10, length=5, casing="lower", separator="-") == Format(Kind.BASE10, length=5)
    assert Format(Kind.MAC48, length=5, casing="lower", separator="-") == Format(Kind.MAC48, "", None, "lower", "-")
    assert Format(Kind.BASE16, casing="lower").as_json() == {"kind": "base16", "casing": "lower"}
    assert Format(Kind.MAC48, separator="").as_json() == {"kind": "mac48", "separator": ""}
    assert Format.from_json({}) == OWN


@pytest.mark.parametrize(("prefix", "most"), [("", 64), ("GW-", 62), ("x" * 32, 32)])
def test_a_serial_with_its_prefix_is_one_that_can_be_kept(prefix: str, most: int) -> None:
    assert Format(Kind.OPAQUE, prefix, most).length_kept == 64
    with pytest.raises(ValueError, match=f"between 1 and {most} characters"):
        Format(Kind.OPAQUE, prefix, most + 1)


def test_casing_and_separator_hold_for_what_is_made() -> None:
    entropy = bytes(range(32))
    made = Format(Kind.BASE16, "GW-", 12, "lower").generate(entropy)
    assert made.removeprefix("GW-") == made.removeprefix("GW-").lower()
    assert Format(Kind.BASE16, "GW-", 12).generate(entropy) == made.upper()
    dashed = Format(Kind.MAC48, separator="-").generate(entropy)
    assert dashed.split("-") == Format(Kind.MAC48).generate(entropy).split(":")
    assert Format(Kind.MAC48, separator="").generate(entropy) == dashed.replace("-", "")
    assert [len(part) for part in Format(Kind.UUID4).generate(entropy).split("-")] == [8, 4, 4, 4, 12]
    assert Format(Kind.UUID4).generate(entropy).islower()
