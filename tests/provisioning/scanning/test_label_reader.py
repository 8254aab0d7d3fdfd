"""What scanned and typed texts are taken for."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.identity import makers_labels, serials
from devices.identity.label_text import clean_text
from lib.refusals import Refusal
from provisioning.scanning import label_reader
from tests.provisioning.scanning import label_cases

HERE = ["https://devices.example"]
SERIAL = "TMRY5AVJ28N5"
TR005 = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR"
GTIN = "09506000134352"
MAC = "00:1B:44:11:3A:B7"
EUI = "70:B3:D5:7E:D0:00:12:34"


def candidates(text: str) -> list[str]:
    return label_reader.read_label(text, origins=HERE).candidates


@pytest.mark.parametrize(
    "text",
    [
        SERIAL,
        "tmry 5avj 28n5",
        " TMRY-5AVJ-28N5\r\n",
        "TMRY\u20135AVJ\u201328N5",
        f"https://devices.example/d/{SERIAL}",
        f"HTTPS://DEVICES.EXAMPLE/D/{SERIAL}",
        f"https://devices.example/d/{SERIAL.lower()}/?utm=1#x",
        f"http://devices.example/d/{SERIAL}",
        f"https://devices.example:443/d/{SERIAL}/",
        f"devices.example/d/{SERIAL}",
        f"Devices.Example/D/{SERIAL}/",
        f"//devices.example/d/{SERIAL}",
        f"https://devices.example/d/%20{SERIAL}",
        *(f"{mark}{SERIAL}" for mark in ("]Q0", "]Q1", "]Q6", "]C0", "]C1", "]d1", "]d2", "]X0", "]A0")),
        f"\ufeff{SERIAL}",
        f"ï»¿{SERIAL}",
        f"\\000026{SERIAL}",
        f"]Q2\\000026\ufeff{SERIAL}",
        f"]Q1https://devices.example/d/{SERIAL}",
        f"{SERIAL}\0",
        f"{SERIAL}\t",
        f"\x02{SERIAL}\x03",
        "TMRY\u200b5AVJ\u200d28\u00adN5",
        f"\u202a{SERIAL}\u202c",
        "\uff34\uff2d\uff32\uff39\uff15\uff21\uff36\uff2a\uff12\uff18\uff2e\uff15",
        "TMRY\u30005AVJ\u00a028N5",
    ],
)
def test_labels_of_ours(text: str) -> None:
    assert candidates(text) == [SERIAL]


@pytest.mark.parametrize("serial", ["A1", "42", "7", ".", "TEL:00042", "MT:2024001", "GEO:17", "LW:0001", "DATA:5"])
def test_what_a_serial_may_be_is_looked_up_first(serial: str) -> None:
    for text in (serial, serial.lower(), f"https://devices.example/d/{serial}/"):
        assert candidates(text) == [serial]


def test_tr005_gives_serial_then_dev_eui() -> None:
    assert makers_labels.compute_crc16(TR005) == 0xAF2C
    digits = "AABBCCDDEEFF0011"
    dev_eui = (digits, *serials.write_otherwise(digits))
    for text in (f"{TR005}:CAF2C", f"{TR005}:Caf2c", f"{TR005}:CAF2C".lower()):
        assert label_reader.read_label(text, origins=HERE).tiers[-2:] == (("YYWWNNNNNN",), dev_eui)
    for text in (
        "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122",
        "URN:LW:DP:1122334455667788:AABBCCDDEEFF0011:AABB1122",
        "urn:dev:lw:1122334455667788_aabbccddeeff0011_aabb1122_V0A1B2C3",
    ):
        assert label_reader.read_label(text, origins=HERE).tiers[-1] == dev_eui
    draft = "URN:LW:DP:1122334455667788:AABBCCDDEEFF0011:AABB1122:%V0042:%SYYWWNNNNNN"
    assert label_reader.read_label(draft, origins=HERE).tiers[-2] == ("YYWWNNNNNN",)


@pytest.mark.parametrize(
    "fields",
    [
        ":CAF2C:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR",  # as The Things Stack writes it
        ":C1234:SYYWWNNNNNN",  # to which a checksum that does not end the code is any text
        "::SYYWWNNNNNN:",
        ":SYYWWNNNNNN::",
        ":XUNKNOWN:O:SYYWWNNNNNN:P",
    ],
)
def test_fields_of_tr005_stand_in_any_order_and_may_be_empty(fields: str) -> None:
    text = f"LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122{fields}"
    assert label_reader.read_label(text, origins=HERE).tiers[-2] == ("YYWWNNNNNN",)


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        (f"01{GTIN}21{SERIAL}", SERIAL),
        (f"01{GTIN}10LOT7\x1d21{SERIAL}", SERIAL),
        (f"01{GTIN}17261231310300125021{SERIAL}\x1d10LOT7", SERIAL),
        (f"]d2\x1d01{GTIN}21{SERIAL}", SERIAL),
        (f"]C101{GTIN}21{SERIAL}", SERIAL),
        (f"(01){GTIN}(21){SERIAL}", SERIAL),
        (f"(01) {GTIN} (21) {SERIAL}", SERIAL),
        (f"https://id.gs1.org/01/{GTIN}/21/{SERIAL}", SERIAL),
        (f"https://id.gs1.org/01/{GTIN}/21/%41B%2E1", "AB.1"),
        (f"HTTPS://maker.example/shop/01/{GTIN}/10/LOT7/21/{SERIAL}?17=261231", SERIAL),
        (f"https://devices.example/01/{GTIN}/21/{SERIAL}", SERIAL),
        (f"[)>\x1e06\x1d1PKG-250\x1dS{SERIAL}\x1dQ1\x1e\x04", SERIAL),
        (f"[)>\x1e06\x1dS{SERIAL}\x1e\x04", SERIAL),
        (f"[)>\x1e05\x1d01{GTIN}\x1d21{SERIAL}\x1e\x04", SERIAL),
        (f"[)>\x1e12\x1dMFR 12345\x1dSER {SERIAL}\x1e\x04", SERIAL),
        (f"S/N: {SERIAL}", SERIAL),
        (f"S/N {SERIAL}", SERIAL),
        (f"SN:{SERIAL}", SERIAL),
        (f"sn={SERIAL.lower()}", SERIAL),
        (f"Serial: {SERIAL}", SERIAL),
        (f"Serial No.: {SERIAL}", SERIAL),
        (f"Serial Number {SERIAL}", SERIAL),
        (f"SN: {SERIAL} MAC: 001B44113AB7", SERIAL),
        (f"MAC:001B44113AB8;SN:{SERIAL};PN:KG-250", SERIAL),
        (f"SN:{SERIAL}\nMAC:001B44113AB8\nPN:KG-250", SERIAL),
        (f"PN:KG-250\r\nSerial number: {SERIAL}\r\n", SERIAL),
        (f'{{"serial": "{SERIAL}"}}', SERIAL),
        (f'[{{"device": {{"serialNumber": "{SERIAL}"}}, "model": "KG"}}]', SERIAL),
        ('{"sn": 42}', "42"),
        ('{"DevEUI": "70B3D57ED0001234", "AppEUI": "70B3D57ED0009999"}', EUI),
        ("DevEUI: 70B3D57ED0001234\nJoinEUI: 70B3D57ED0009999", EUI),
        ("JoinEUI:70B3D57ED0009999 DevEUI:70B3D57ED0001234", EUI),
        ("70b3d57ed0001234", EUI),
        ("70-B3-D5-7E-D0-00-12-34", EUI),
        ("001B44113AB7", MAC),
        ("00-1b-44-11-3a-b7", MAC),
        ("001b.4411.3ab7", MAC),
        ("00 1B 44 11 3A B7", MAC),
        ("MAC: 00-1B-44-11-3A-B7", MAC),
        ("WLAN MAC 001B44113AB7", MAC),
        (MAC, "001B44113AB7"),
    ],
)
def test_makers_labels(text: str, serial: str) -> None:
    found = candidates(text)
    assert serial in found
    assert not [each for each in found if "D0009999" in each.replace(":", "") and len(each) < 24]


def what(text: str) -> str:
    """What it is named where no device has such a serial."""
    try:
        return label_reader.read_label(text, origins=HERE).what or ""
    except Refusal as refusal:
        return str(refusal.facts["what"])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("\ufeff\0", "empty"),
        ("WIFI:T:WPA;S:lobby;P:secret;;", "Wi-Fi"),
        ("DPP:C:81/1;M:001b44113ab7;K:MDkwEwYH;;", "Wi-Fi Easy Connect (DPP)"),
        ("BEGIN:VCARD\nVERSION:3.0\nNOTE:SN: TMRY5AVJ28N5\nEND:VCARD", "contact card"),
        ("MECARD:N:Doe;;", "contact card"),
        ("BCD\n002\n1\nSCT", "payment"),
        ("upi://pay?pa=a@b", "payment"),
        ("bitcoin:1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "payment"),
        ("tel:+15551234", "telephone"),
        ("TEL:00042", "telephone"),
        ("MT:Y.K9042C00KA0648G00", "Matter"),
        ("X-HM:00527813XYZ1", "HomeKit"),
        ("Z:000D6F000EA5C1B2$I:83FED3407A939723A5C639B26916D505C3B5", "Zigbee"),
        ("900132782003515253545541424344453132333435212223242500100435301537022065520001000000300578", "Z-Wave"),
        ("+A99912345/$$52001510X3G", "UDI"),
        ("LPA:1$SMDP.EXAMPLE$ABC", "eSIM"),
        (f"(01){GTIN}(10)LOT7", "GS1 code without a serial"),
        ("[)>\x1e06\x1d1PKG-250\x1e\x04", "15434"),
        ("mailto:a@b.example", "e-mail"),
        ("javascript:alert(1)", "script"),
        ("data:text/html,<script>", "embedded data"),
        ("https://evil.example/d/TMRY5AVJ28N5", "another site (evil.example)"),
        ("https://devices.example@evil.example/d/TMRY5AVJ28N5", "another site (evil.example)"),
        ("https://devices.example.evil.example/d/X", "another site"),
        (f"https://evil.example/01/09506000134353/21/{SERIAL}", "another site"),
        ("//evil.example/d/TMRY5AVJ28N5", "no serial"),
        ("evil.example/d/TMRY5AVJ28N5", "no serial"),
        ("https://devices.example/accounts/logout/", "not a device"),
        ("devices.example/accounts/logout/", "not a device"),
        ("https://devices.example/d/", "no serial"),
        ("https://devices.example/d/../../accounts/logout/", "no serial"),
        ("ftp://devices.example/d/TMRY5AVJ28N5", "no web address"),
        ("https://[::1/d/X", "broken"),
        ("<script>alert(1)</script>", "no serial"),
        ("TMRY\x005AVJ28N5", "control characters"),
        ("TMRY\u202e5AVJ28N5", "control characters"),
        ("T\u041cRY5AVJ28N5", "“\u041c”"),
        ('LQNQRRQà&""ç', "French keyboard"),
        ("httpsÖ--devices.example-d-TMRY5AVJ28N5", "German keyboard"),
        ("\u041b\u0424\u0422\u0424\u041a\u041a\u042401339", "Cyrillic keyboard"),
        ('{"model": "KG-250"}', "data record"),
        ('{"serial": ', "data record"),
        (f"{TR005}:C0000", "checksum"),
        ("LW:D0:1122", "incomplete"),
        ("A" * 65, "no serial"),
        ("A" * 4096, "too long"),
    ],
)
def test_everything_else_is_named_for_what_it_is(text: str, named: str) -> None:
    assert named in what(text)


@pytest.mark.parametrize("text", ["bitcoin:1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "LW:D0:1122"])
def test_nothing_is_read_out_of_what_is_broken_or_foreign(text: str) -> None:
    assert candidates(text) == [serials.canonical(text)]


@given(st.text(max_size=1500))
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(Refusal):
        found = candidates(text)
        assert all(serials.is_plausible(serial) and serial == serials.canonical(serial) for serial in found)


def name(text: str) -> str:
    """What it is, in the words of the table: the first that it names beside itself."""
    try:
        reading = label_reader.read_label(text, origins=[label_cases.ORIGIN])
    except Refusal:
        return label_cases.NONE
    itself = (serials.canonical(clean_text(text)),)
    tiers = [tier for tier in reading.tiers if tier != itself]
    if not tiers:
        is_bare = serials.is_plausible(itself[0]) and reading.what is None and ":" not in itself[0]
        return serials.fold(itself[0]) if is_bare else label_cases.NONE
    rivals = {serials.join_writings(serials.fold(each)) for each in tiers[0] if each in reading.rivals}
    own = [*rivals] or [serials.join_writings(serials.fold(tiers[0][0]))]
    return own[0] if len(own) == 1 else label_cases.TWO


@pytest.mark.parametrize(("text", "named"), label_cases.NAMES.items())
def test_what_a_label_names_first(text: str, named: str) -> None:
    assert name(text) == serials.fold(named) if named not in (label_cases.TWO, label_cases.NONE) else named
