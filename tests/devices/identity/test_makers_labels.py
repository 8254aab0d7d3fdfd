"""What makers' labels hold, form by form, as a registry without any device reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.identity import makers_labels, named_values
from devices.identity.formats import OWN, Format, Kind
from devices.identity.label_text import clean_text, normalise_host, read_serial
from devices.identity.label_tiers import Misread, rank_addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.identity.label_tiers import Tiers

    Reader = Callable[[str], Tiers | None]

GTIN, GS = "09506000134352", "\x1d"
BASE = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122"
EUI = ["AABBCCDDEEFF0011", "AA:BB:CC:DD:EE:FF:00:11", "AABB.CCDD.EEFF.0011", "AA.BB.CC.DD.EE.FF.00.11"]
EUI = [*EUI, "AABB:CCDD:EEFF:0011"]
MAC = ["001B44113AB7", "00:1B:44:11:3A:B7", "001B.4411.3AB7", "00.1B.44.11.3A.B7", "001B:4411:3AB7"]

READ: list[tuple[Reader, str, list[list[str]]]] = [
    (makers_labels.read_tr005, BASE, [[], EUI]),
    (makers_labels.read_tr005, f"{BASE}:SYY_01", [["YY_01"], EUI]),  # a token may hold what drafts part fields by
    (makers_labels.read_tr005, f"URN:LW:DP{BASE[5:]}_SYY_V01", [["YY"], EUI]),
    (makers_labels.read_tr005, f"{BASE}:SA:SB", [["A", "B"], EUI]),
    (makers_labels.read_gs1, f"(01){GTIN}(21)AB12", [["AB12"]]),
    (makers_labels.read_gs1, f"(01){GTIN}(21)A(21)B", [["A", "B"]]),
    (makers_labels.read_gs1, "(00)106141411234567897(21) AB12 ", [["AB12"]]),
    (makers_labels.read_gs1, f"01{GTIN}11261231" + "21AB12", [["AB12"]]),
    (makers_labels.read_gs1, f"01{GTIN}3103000125" + f"10L7{GS}21AB12", [["AB12"]]),
    (makers_labels.read_gs1, f"01{GTIN}2001" + "21AB12", [["AB12"]]),
    (makers_labels.read_gs1, f"01{GTIN}8005000365{GS}21AB12{GS}240X", [["AB12"]]),
    (makers_labels.read_gs1, f"{GS}01{GTIN}{GS}21AB12", [["AB12"]]),
    (makers_labels.read_gs1_link, f"https://a.example/01/{GTIN}/21/A%2FB", [["A/B"]]),
    (makers_labels.read_gs1_link, "http://a.example/x/gtin/9506000134352/ser/AB?x=1", [["AB"]]),
    (makers_labels.read_plate, f"[)>\x1e06{GS}SAB 12{GS}1PKG\x1e\x04", [["AB 12"]]),
    (makers_labels.read_plate, f"[)>\x1e12{GS}SEQ 1{GS}SER AB{GS}SEQ 2\x1e\x04", [["AB"]]),
    (makers_labels.read_plate, f"[)>\x1e05{GS}01{GTIN}{GS}21AB\x1e\x04", [["AB"]]),
    (makers_labels.read_plate, "[)>\x1e06SAB\x1e\x04", [["AB"]]),
    (makers_labels.read_address, "0x001b44113ab7", [MAC]),
    (makers_labels.read_address, "EUI_aabbccddeeff0011", [EUI]),
    (makers_labels.read_address, "OO1B44113AB7", [MAC]),  # an O is none of its digits
    (named_values.read_record, '{"device": {"sn": "A"}, "sn2": 7}', [["A", "7"], []]),
    (named_values.read_record, '{"mac": "001B44113AB7"}', [[], MAC]),
    (named_values.read_record, '[[{"label": {"info": {"S/N": "A"}}}]]', [["A"], []]),
    (named_values.read_record, '{"port": {"sn": "B"}, "x": {"y": {"sn": "C"}}}', [["B"], []]),
    (named_values.read_record, '{"batteries": [{"sn": "B"}], "unit": {"sn": "A"}}', [["A"], []]),
    (named_values.read_record, '{"id": "A", "x": {"id": "B"}}', [["A"]]),
    (named_values.read_record, '{"model": "K", "x": {"device_id": "B", "uuid": "C"}}', [["B", "C"]]),
    (named_values.read_record, '{"wlan": "office", "imei": "861234567890301"}', [[], ["861234567890301"]]),
    (named_values.read_query, "https://a.example/p?SN=A&mac=001B44113AB7", [["A"], MAC]),
    (named_values.read_lines, "SN: A", [["A"], []]),
    (named_values.read_lines, "MAC: 001B44113AB7", [[], MAC]),
    (named_values.read_lines, "KG-250\nMAC: 001B44113AB7\nAB1234", [[], MAC, ["KG-250", "AB1234"]]),
    (named_values.read_lines, "AB1234\n\n KG ", [[], [], ["AB1234", "KG"]]),
    (named_values.read_lines, "Gateway SN: A\nAB1234", [[], [], ["AB1234"]]),
    (named_values.read_lines, "SN: A\tMAC: 001B44113AB7", [["A"], MAC]),
    (named_values.read_lines, "SN=A&foo=B", [["A"], []]),
]


@pytest.mark.parametrize(("read", "text", "tiers"), READ, ids=[f"{read.__name__} {text}" for read, text, _ in READ])
def test_what_a_label_of_each_form_holds(read: Reader, text: str, tiers: list[list[str]]) -> None:
    assert read(text) == tiers


OTHER: list[tuple[Reader, str]] = [
    (makers_labels.read_tr005, "LORA:D0:1122"),
    (makers_labels.read_gs1, "(801)5551234"),  # a telephone
    (makers_labels.read_gs1, "(01)09506000134353(21)A"),  # its check digit is wrong
    (makers_labels.read_gs1, f"(01){GTIN}(21)A x(y)"),
    (makers_labels.read_gs1, f"01{GTIN}"),
    (makers_labels.read_gs1, f"01{GTIN}99"[:16] + "XX"),
    (makers_labels.read_gs1, f"02{GTIN}21A"),
    (makers_labels.read_gs1_link, f"https://a.example/01/{GTIN}/10/L7"),
    (makers_labels.read_gs1_link, "https://a.example/01/09506000134353/21/A"),
    (makers_labels.read_gs1_link, f"ftp://a.example/01/{GTIN}/21/A"),
    (makers_labels.read_plate, f"01{GTIN}21A"),
    (makers_labels.read_address, "001B44113AB"),
    (makers_labels.read_address, "001B44113AG7"),
    (named_values.read_record, "SN: A"),
    (named_values.read_query, "https://a.example/p?x=1"),
    (named_values.read_query, "a.example/p?sn=1"),
    (named_values.read_query, "https://[::1/?sn=1"),
    (named_values.read_lines, "AB1234"),
    (named_values.read_lines, "WLAN: office"),
    (named_values.read_lines, " \n AB1234 \n"),
]


@pytest.mark.parametrize(("read", "text"), OTHER, ids=[f"{read.__name__} {text}" for read, text in OTHER])
def test_what_is_of_another_form_is_left_to_the_others(read: Reader, text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (BASE[:-1], "a LoRaWAN code that is incomplete"),
        (f"{BASE}:C0000", "a LoRaWAN code that was misread (its checksum is wrong)"),
        (f"(01){GTIN}(10)L7", "a GS1 code without a serial (AI 21)"),
        (f"01{GTIN}10L7", "a GS1 code without a serial (AI 21)"),
        (f"[)>\x1e06{GS}SEQ 1{GS}1PKG\x1e\x04", "a maker's plate (ISO/IEC 15434) without a serial"),
        (f"[)>\x1e06{GS}S {GS}1PKG\x1e\x04", "a maker's plate (ISO/IEC 15434) without a serial"),
        ('{"sn": "A"', "a data record that is broken"),
        ("[" * 100_000, "a data record that is broken"),
        ('{"model": "K"}', "a data record without a serial"),
        ('{"gateway": {"sn": "A"}, "usedBatteries": [{"sn": "B"}]}', "a data record without a serial"),
        ("Gateway SN: A", "a serial of another device or of a part"),
        ("Old SN A", "a serial of another device or of a part"),
    ],
    ids=lambda text: text[:60],
)
def test_what_is_broken_is_named(text: str, named: str) -> None:
    with pytest.raises(Misread) as caught:
        makers_labels.read_whole_text(text)
    assert str(caught.value) == named


def test_of_each_name_a_device_has_one_address() -> None:
    one = rank_addresses([("MAC", MAC[0]), ("mac", MAC[1]), ("BLE MAC", "001B44113AB8"), ("IMEI", "86")])
    assert one == [*MAC, *MAC, "001B44113AB8", *rank_addresses([("x", "001B44113AB8")])[1:], "86"]
    assert not one.rivals
    two = rank_addresses([("M.A.C", MAC[0]), ("mac", "001B44113AB8"), ("BLE", "001B44113AB9")])
    assert {MAC[0], "001B44113AB8"} < two.rivals
    assert "001B44113AB9" not in two.rivals


def test_lines_without_names_are_rivals_where_they_have_the_size_of_a_serial() -> None:
    def rivals(*lines: str) -> frozenset[str]:
        tiers = named_values.read_lines("\n".join(lines))
        assert tiers is not None
        assert tiers[-1].is_bare
        return tiers[-1].rivals

    assert rivals("AB1234", "CD1234", "KG-50", "Made in Utah", "2026-11-30", "30.11.26") == {"AB1234", "CD1234"}
    assert rivals("AB1234", "001B44113AB7") == {"AB1234"}
    assert rivals("001B44113AB7", "001B44113AB8") == {"001B44113AB7", "001B44113AB8"}
    assert rivals("A12", "B1", "C12") == {"A12", "C12"}
    assert rivals("Kanarra", "Utah") == frozenset()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (" AB12\r\n", "AB12"),
        ("A\rB", "A\nB"),
        ("]C1]Q3\\000026\ufeffAB12", "AB12"),
        ("\0\x02]C1AB12\x03", "AB12"),
        ("]C-AB12", "]C-AB12"),
        ("\\00002AB12", "\\00002AB12"),
        ("A\u200bB\u00adC\ufeff", "ABC"),
        ("\u202a\u2067AB12\u2069\u202c", "AB12"),
        ("\uff21\uff22\u3000\uff11\uff5e", "AB 1~"),
        ("GW-\n  0001", "GW-0001"),
        ("GW -\n0001", "GW -\n0001"),
        ("*GW-1*", "GW-1"),
        ("SN: *GW-1*", "SN: GW-1"),
        ("[)>\x1e06\x1dS1\x1e\x04 ", "[)>\x1e06\x1dS1\x1e\x04"),
    ],
    ids=repr,
)
def test_what_scanners_and_clipboards_add_goes(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@pytest.mark.parametrize(
    ("netloc", "host"),
    [("A.Example:443", "a.example"), ("a.example.:80", "a.example"), ("a.example:8443", "a.example:8443"), ("", "")],
)
def test_a_host_is_one_with_and_without_its_usual_port(netloc: str, host: str) -> None:
    assert normalise_host(netloc) == host


HERE = ["https://devices.example", "http://10.0.0.5:8000"]
ANY, DIGITS, MACS = Format(Kind.OPAQUE), Format(Kind.BASE10, length=6), Format(Kind.MAC48)
SERIALS: list[tuple[Format, str, str]] = [
    (ANY, "AB12", "AB12"),
    (ANY, "0x12", "0x12"),
    (ANY, "TEL:00042", "TEL:00042"),
    (ANY, "http://10.0.0.5:8000/d/AB%2012/", "AB 12"),
    (ANY, "https://DEVICES.example.:443/d/AB12?x#y", "AB12"),
    (ANY, "10.0.0.5:8000/d/AB12", "AB12"),
    (ANY, "a/d/AB12", "a/d/AB12"),
    (ANY, "SN: AB12\nMAC: 001B44113AB7", "AB12"),
    (DIGITS, "SN: AB12\nIMEI: 123456", "123456"),  # that which fits, though another is called the serial
    (MACS, "SN: AB12\nMAC: 001B44113AB7", "00:1B:44:11:3A:B7"),
    (DIGITS, '{"id": 123456}', "123456"),  # the format knows it
    (DIGITS, "KG-250\n123456\n2026-11-30", "123456"),
    (DIGITS, "SN: 123456; SN: 123 456", "123456"),  # one, in two writings
    (MACS, "0x001B44113AB7", "00:1B:44:11:3A:B7"),
    (ANY, "00:1B:44:11:3A:B7", "00:1B:44:11:3A:B7"),
]
WITHOUT: list[tuple[Format, str, str]] = [
    (ANY, "https://other.example/d/AB12", "This is the address of another site (other.example)."),
    (ANY, "https://[::1/d/AB12", "This is a broken web address."),
    (ANY, "https://devices.example/p/AB12", "This is a web address that names no serial of a device."),
    (ANY, '{"id": 123456}', "This is a data record in which an id may be of anything. Give the serial alone."),
    (DIGITS, "SN: 123456; SN: 123457", "This label names two serials, 123456 and 123457. Give one of them."),
    (DIGITS, "SN: AB12", "This is a label's whole text, and its serial “AB12” doesn't fit. “A” can't stand"),
    (OWN, "https://devices.example/d/AB12", "This is a label's whole text, and its serial “AB12” doesn't fit."),
    (ANY, "3 x AB12", "There is a number of pieces before the serial: give the serial alone."),
    (ANY, "10× AB12", "There is a number of pieces before the serial: give the serial alone."),
    (ANY, "UUID: AB12", "There is a name before the serial: give the serial alone."),
    (ANY, "No. AB12", "There is a name before the serial: give the serial alone."),
    (ANY, "AB12.", "There is a full stop behind the serial: remove it."),
    (ANY, "GW-1 GW-2 GW-3 GW-4", "These are 4 serials, GW-1, GW-2, GW-3: give each a row of its own."),
    (ANY, "12345678 12345679", "These are 2 serials"),
    (ANY, "001B44113AB7 001B44113AB8", "These are 2 serials"),
]


@pytest.mark.parametrize(("fitting", "text", "serial"), SERIALS, ids=[f"{f.kind} {t!r}" for f, t, _ in SERIALS])
def test_the_serial_that_a_cell_gives(fitting: Format, text: str, serial: str) -> None:
    assert read_serial(text, fitting, origins=HERE) == serial


@pytest.mark.parametrize(("fitting", "text", "cause"), WITHOUT, ids=[f"{f.kind} {t!r}" for f, t, _ in WITHOUT])
def test_why_a_cell_gives_none(fitting: Format, text: str, cause: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_serial(text, fitting, origins=HERE)
    assert str(caught.value).startswith(cause)


@pytest.mark.parametrize("text", ["12345678 1234", "AB 12", "861 234 567 890 301", "GW1 KG2", "4 mm", "AB.12"])
def test_what_is_one_serial_with_spaces_is_left_to_its_format(text: str) -> None:
    assert read_serial(text, ANY, origins=HERE) == text


def test_without_a_site_of_ones_own_any_address_of_that_form_counts() -> None:
    assert read_serial("https://other.example/d/AB12", ANY) == "AB12"
