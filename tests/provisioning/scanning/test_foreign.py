"""What a code is that is no label: named as what it is, and nothing that may be a serial is."""

from __future__ import annotations

import pytest

from provisioning.scanning.foreign import name_foreign


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("WIFI:T:WPA;S:shop;P:secret;;", "a Wi-Fi code"),
        ("wifi:S:shop;;", "a Wi-Fi code"),
        ("DPP:C:81/1;M:5254005828e5;K:MDkw;;", "a Wi-Fi Easy Connect (DPP) code"),
        ("BEGIN:VCARD\nVERSION:3.0\nN:Owen\nEND:VCARD", "a contact card"),
        ("MECARD:N:Owen;;", "a contact card"),
        ("BEGIN:VEVENT\nSUMMARY:x", "a calendar entry"),
        ("BCD\n002\n1\nSCT", "a payment code"),
        ("SPC\n0200\n1", "a payment code"),
        ("SPD*1.0*ACC:CZ58", "a payment code"),
        ("upi://pay?pa=x@y", "a payment code"),
        ("bitcoin:175tWpb8K1S7NmH4Zx6rewF9WQrcZv245W", "a payment code"),
        ("00020101021126360014A0000000000000005204000053039865802CN", "a payment code"),
        ("TEL:+14155550100", "a telephone number"),
        ("SMSTO:+14155550100:hi", "a text message"),
        ("mailto:x@y.example", "an e-mail address"),
        ("MATMSG:TO:x@y.example;;", "an e-mail message"),
        ("geo:37.33,-122.03", "a place on a map"),
        ("otpauth://totp/x?secret=JBSWY3DP", "a two-factor secret"),
        ("javascript:alert(1)", "a script"),
        ("data:text/html,x", "embedded data"),
        ("market://details?id=x", "a link to an app"),
        ("FIDO:/1234", "a passkey code"),
        ("MT:Y.K90SO527JA0648G00", "a Matter pairing code"),
        ("X-HM://00KAO1KVEWLWX", "a HomeKit pairing code"),
        ("Z:0123456789ABCDEF$I:83FED3407A939723A5C639B26916D505", "a Zigbee installation code"),
        ("0123456789abcdef|83fed3407a939723a5c639b26916d505c3b5", "a Zigbee installation code"),
        ("90" + "0" * 50, "a Z-Wave SmartStart code"),
        ("+A99912345/$$52001510X3", "a UDI of a medical device (HIBC)"),
        ("+A999MKPBPR07181C", "a UDI of a medical device (HIBC)"),
        ("=/A9999XYZ100T0944", "a UDI of a medical device (ICCBBA)"),
        ("LPA:1$smdp.example$04386", "an eSIM's activation code"),
        ("PART:1/2:x", "one code of several that belong together"),
    ],
    ids=lambda value: value[:16],
)
def test_a_code_is_named(text: str, what: str) -> None:
    assert name_foreign(text) == what


@pytest.mark.parametrize(
    ("typed", "layout"),
    [
        ("httpsÖ--site.example-d-KG2500", "a German"),
        ("HTTPÖ--site.example", "a German"),
        ("&é\"'(-èçà", "a French"),
        ("ФБЦДУ-12345", "a Cyrillic"),
        ("ΑΒΓ-12345", "a Greek"),
    ],
)
def test_what_a_scanner_typed_on_another_keyboard_is_named(typed: str, layout: str) -> None:
    named = name_foreign(typed)
    assert named is not None
    assert f"on {layout} keyboard layout" in named


@pytest.mark.parametrize(
    "text",
    [
        "KG2500-0001",
        "42",
        "TELEMETRY-1",
        "WIFI-GATEWAY-7",
        "DATA-LOGGER-7",
        "PARTNO-7",
        "SMS4000",
        "GEORGE-1",
        "9012345678",
        "0123456789ABCDEF",
        "000201",
        "+14155550100",
        "Größe-1",
        "É-1",
        "Ф1",
        "https://site.example/d/KG2500",
        "",
    ],
)
def test_what_may_be_a_serial_is_not_named(text: str) -> None:
    assert name_foreign(text) is None
