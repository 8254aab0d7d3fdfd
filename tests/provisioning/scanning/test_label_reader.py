"""What scanned and typed texts are taken for."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.identity import serials
from provisioning.scanning import label_reader

HERE = ["https://devices.example"]
SERIAL = "TMRY5AVJ28N5"
TR005 = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR"


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
    ],
)
def test_labels_of_ours(text: str) -> None:
    assert label_reader.read(text, origins=HERE) == [SERIAL]


def test_tr005_gives_serial_then_dev_eui() -> None:
    assert label_reader.crc16(TR005) == 0xAF2C
    assert label_reader.read(f"{TR005}:CAF2C", origins=HERE) == ["YYWWNNNNNN", "AABBCCDDEEFF0011"]
    assert label_reader.read("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122", origins=HERE) == ["AABBCCDDEEFF0011"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("WIFI:T:WPA;S:lobby;P:secret;;", "Wi-Fi"),
        ("BEGIN:VCARD\nVERSION:3.0\nEND:VCARD", "contact card"),
        ("MECARD:N:Doe;;", "contact card"),
        ("BCD\n002\n1\nSCT", "payment"),
        ("upi://pay?pa=a@b", "payment"),
        ("bitcoin:1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "payment"),
        ("tel:+15551234", "telephone"),
        ("mailto:a@b.example", "e-mail"),
        ("javascript:alert(1)", "script"),
        ("data:text/html,<script>", "embedded data"),
        ("https://evil.example/d/TMRY5AVJ28N5", "another site (evil.example)"),
        ("https://devices.example@evil.example/d/TMRY5AVJ28N5", "another site (evil.example)"),
        ("https://devices.example.evil.example/d/X", "another site"),
        ("//evil.example/d/TMRY5AVJ28N5", "no serial"),
        ("https://devices.example/accounts/logout/", "not a device"),
        ("https://devices.example/d/", "no serial"),
        ("https://devices.example/d/../../accounts/logout/", "no serial"),
        ("ftp://devices.example/d/TMRY5AVJ28N5", "no web address"),
        ("https://[::1/d/X", "broken"),
        ("<script>alert(1)</script>", "no serial"),
        ("TMRY\x005AVJ28N5", "control characters"),
        ("TMRY\u202e5AVJ28N5", "control characters"),
        ("T\u041cRY5AVJ28N5", "“\u041c”"),
        ('{"DevEUI": "AABBCCDDEEFF0011"}', "data record"),
        (f"{TR005}:C0000", "checksum"),
        ("LW:D0:1122", "incomplete"),
        ("A" * 65, "no serial"),
        ("A" * 4096, "too long"),
    ],
)
def test_everything_else_is_named_for_what_it_is(text: str, what: str) -> None:
    with pytest.raises(label_reader.NotALabel, match=r".") as refused:
        label_reader.read(text, origins=HERE)
    assert what in str(refused.value)


@given(st.text(max_size=1500))
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(label_reader.NotALabel):
        found = label_reader.read(text, origins=HERE)
        assert all(serials.is_plausible(serial) and serial == serials.canonical(serial) for serial in found)
