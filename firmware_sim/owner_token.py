"""A gateway whose label proves who holds it: LoRa Alliance TR005 with an owner token.

It asks no door: its factory gave it a credential, and a technician who scans the label needs no button.
docs/protocol.md, "Other proofs of presence".
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from .doors import Door
from .flash import Kept
from .identity import BadInput, normalise_serial

if TYPE_CHECKING:
    from .doors import Given, Walk

TOKEN = re.compile(r"[!-9;-~]{8,100}")  # visible ASCII without a colon
JOIN_EUI, PROFILE = "0" * 16, "FFFF0001"


def walk(given: Given) -> Walk:
    """Return what its factory gave it. Raises BadInput."""
    if not TOKEN.fullmatch(given.token):
        raise BadInput("Bad --token: an owner token has 8 to 100 letters, digits and signs, and no colon.")
    yield from ()
    label = write_label(given.serial, given.token)
    return Kept(given.serial, given.device_id, given.access_key, given.access_secret, label=label)


def write_label(serial: str, token: str) -> str:
    """Return the text of its QR code, with a DevEUI made of the serial."""
    own = normalise_serial(serial)
    dev_eui = hashlib.sha256(own.encode()).hexdigest()[:16].upper()
    text = f"LW:D0:{JOIN_EUI}:{dev_eui}:{PROFILE}:O{token}:S{own}"
    return f"{text}:C{compute_checksum(text):04X}"


def compute_checksum(text: str) -> int:
    """Compute CRC-16/MODBUS, as TR005 has it."""
    checksum = 0xFFFF
    for octet in text.encode():
        checksum ^= octet
        for _ in range(8):
            checksum = checksum >> 1 ^ (0xA001 if checksum & 1 else 0)
    return checksum


DOORS = {
    "owner-token": Door(
        "a credential of its factory, and a label whose owner token proves who holds it",
        ("token", "device_id", "access_key", "access_secret"),
        walk,
        str,
        (),
        asks=False,
    )
}
