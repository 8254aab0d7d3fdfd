"""Serials that can't be mistyped."""

from hypothesis import given
from hypothesis import strategies as st

from devices.identity import serials

CHARACTER = st.sampled_from(serials.ALPHABET)
SERIAL = (
    st.lists(CHARACTER, min_size=10, max_size=10).map("".join).map(lambda it: it + serials.compute_check_characters(it))
)
PLACE = st.integers(0, serials.LENGTH - 1)


@given(SERIAL)
def test_spacing_case_and_look_alikes_are_forgiven(serial: str) -> None:
    typed = serials.format_in_fours(serial).lower().replace(" ", "-").replace("0", "o").replace("1", "l")
    assert serials.fold(typed) == serial
    assert serials.is_valid(typed)


@given(SERIAL, PLACE, CHARACTER, PLACE, CHARACTER)
def test_one_or_two_wrong_characters_never_make_another_serial(
    serial: str, first: int, one: str, second: int, other: str
) -> None:
    wrong = list(serial)
    wrong[first], wrong[second] = one, other
    text = "".join(wrong)
    assert serials.is_valid(text) == (text == serial)
    assert serials.is_mistyped(text) == (text != serial)


@given(SERIAL, PLACE, PLACE)
def test_a_swap_never_makes_another_serial(serial: str, first: int, second: int) -> None:
    swapped = list(serial)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    text = "".join(swapped)
    assert serials.is_valid(text) == (text == serial)


def test_generated_ones_are_valid_and_differ() -> None:
    made = {serials.generate() for _ in range(500)}
    assert len(made) == 500
    assert all(map(serials.is_valid, made))


def test_other_formats_are_neither_valid_nor_mistyped() -> None:
    for text in ("", "KP-002", "AABBCCDDEEFF0011", "0123456789ABCDEFG"):
        assert not serials.is_valid(text)
        assert not serials.is_mistyped(text)


def test_a_short_serial_or_one_with_separators_of_its_own_is_not_regrouped() -> None:
    assert serials.format_in_fours("TMRY5AVJ28N5") == "TMRY 5AVJ 28N5"
    for serial in ("00:1B:44:11:3A:B7", "GW-2024.0017", "KG_250_0017", "LE003", "004711"):
        assert serials.format_in_fours(serial) == serial


WRITINGS = {
    "AABBCCDDEE01": ["AA:BB:CC:DD:EE:01", "AABB.CCDD.EE01", "AA.BB.CC.DD.EE.01", "AABB:CCDD:EE01"],
    "70B3D57ED0001234": ["70:B3:D5:7E:D0:00:12:34", "70B3.D57E.D000.1234", "70B3:D57E:D000:1234"],
}


def test_an_address_is_one_in_all_its_writings() -> None:
    for bare, others in WRITINGS.items():
        for text in (bare, *others, *map(str.lower, others), bare.lower(), "-".join(others[0].split(":"))):
            key = serials.fold(text)
            assert serials.join_writings(key) == bare
            assert {key, *serials.write_otherwise(key)} >= {bare, *others}
            assert len(serials.write_otherwise(key)) == 4


def test_what_has_separators_of_its_own_is_no_address() -> None:
    for key in (
        "",
        "AA:BB:CC:DD:EE",
        "AA.BB:CC.DD:EE.01",
        "GW.2024.0017",
        "KANARRA01339",
        "1234.5678",
        "AABB:CCDD:EE0",
    ):
        assert (serials.join_writings(key), serials.write_otherwise(key)) == (key, ())
