"""What a code is that is no label of ours: named, so that people look for the right one."""

from __future__ import annotations

import re

_NAMES = {
    "WIFI:": "a Wi-Fi code",
    "DPP:": "a Wi-Fi Easy Connect (DPP) code",
    "BEGIN:VCARD": "a contact card",
    "MECARD:": "a contact card",
    "BIZCARD:": "a contact card",
    "BEGIN:VEVENT": "a calendar entry",
    "BEGIN:VCALENDAR": "a calendar entry",
    "BCD\n": "a payment code",
    "SPC\n": "a payment code",
    "SPD*": "a payment code",
    "UPI:": "a payment code",
    "BITCOIN:": "a payment code",
    "ETHEREUM:": "a payment code",
    "LIGHTNING:": "a payment code",
    "PAYPAL:": "a payment code",
    "TEL:": "a telephone number",
    "SMS:": "a text message",
    "SMSTO:": "a text message",
    "MMS:": "a text message",
    "MMSTO:": "a text message",
    "MAILTO:": "an e-mail address",
    "MATMSG:": "an e-mail message",
    "SMTP:": "an e-mail message",
    "GEO:": "a place on a map",
    "OTPAUTH:": "a two-factor secret",
    "OTPAUTH-MIGRATION:": "a two-factor secret",
    "JAVASCRIPT:": "a script",
    "DATA:": "embedded data",
    "MARKET:": "a link to an app",
    "FIDO:": "a passkey code",
    "MT:": "a Matter pairing code",
    "X-HM:": "a HomeKit pairing code",
    "PART:": "one code of several that belong together",
}
_FORMS = [
    (re.compile(r"000201[0-9].{40,}", re.DOTALL), "a payment code"),
    (re.compile(r"(Z:[0-9A-F]{16}\$I:|ZB\d?:|G\$M:)", re.IGNORECASE), "a Zigbee installation code"),
    (re.compile(r"[0-9A-F]{16}[|,;][0-9A-F]{32,36}\Z", re.IGNORECASE), "a Zigbee installation code"),
    (re.compile(r"90[0-9]{50,}\Z"), "a Z-Wave SmartStart code"),
    (re.compile(r"\+(?=.*\d)(?!\$\$).*/\$"), "a UDI of a medical device (HIBC)"),
    (re.compile(r"\+[A-Z]\d{3}[0-9A-Z]{1,18}\d.\Z"), "a UDI of a medical device (HIBC)"),
    (re.compile(r"=/[A-Z0-9]{4}"), "a UDI of a medical device (ICCBBA)"),
    (re.compile(r"LPA:1\$", re.IGNORECASE), "an eSIM's activation code"),
]
_LAYOUTS = [
    (re.compile(r"https?Ö(--)?", re.IGNORECASE), "a German"),
    (re.compile(r"(?=(?:.*[&é\"'(èçà]){2})[A-Za-z&é\"'(\-èçà_ :;,!?/§M]+\Z"), "a French"),
    (re.compile(r"(?=(?:.*[\u0400-\u04FF]){2})[\u0400-\u04FF0-9\s.,:/\-]+\Z"), "a Cyrillic"),
    (re.compile(r"(?=(?:.*[\u0370-\u03FF]){2})[\u0370-\u03FF0-9\s.,:/\-]+\Z"), "a Greek"),
]


def name_foreign(text: str) -> str | None:
    """Return what the text certainly is unless a device has it as its serial, or None."""
    start = text[:20].upper()
    known = next((what for prefix, what in _NAMES.items() if start.startswith(prefix)), None)
    return known or next((what for form, what in _FORMS if form.match(text)), None) or _name_layout(text)


def _name_layout(text: str) -> str | None:
    layout = next((layout for form, layout in _LAYOUTS if form.match(text)), None)
    return layout and (
        f"a text as a scanner types it on {layout} keyboard layout (set the scanner and this device to the same one)"
    )
