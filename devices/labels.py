"""What is printed on a device."""

from __future__ import annotations

from io import BytesIO

import segno

QUIET = 4  # modules, ISO/IEC 18004


def symbol(serial: str) -> bytes:
    """The serial as a QR code in SVG: upper case for the alphanumeric mode, level Q, never a Micro QR.

    Bigger modules beat more correction: level Q of a short serial still has 21 modules a side.
    """
    drawn = BytesIO()
    code = segno.make(serial.upper(), error="q", micro=False, boost_error=False)
    code.save(drawn, kind="svg", border=QUIET, scale=8, dark="#000", light="#fff", omitsize=True)
    return drawn.getvalue()
