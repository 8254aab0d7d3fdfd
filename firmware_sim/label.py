"""The label on the gateway: a QR code at error level Q with its quiet zone."""

from __future__ import annotations

import io

import segno

QUIET_ZONE = 4
PNG_SCALE = 12


def make_qr(content: str) -> segno.QRCode:
    return segno.make(content, error="q", micro=False, boost_error=False)


def draw_svg(content: str, title: str = "QR code of the serial") -> str:
    """Return inline SVG without styles of its own."""
    out = io.BytesIO()
    make_qr(content).save(
        out,
        kind="svg",
        border=QUIET_ZONE,
        xmldecl=False,
        svgclass="qr",
        lineclass=None,
        omitsize=True,
        dark="#000",
        light="#fff",
        title=title,
    )
    return out.getvalue().decode()


def draw_png(content: str) -> bytes:
    out = io.BytesIO()
    make_qr(content).save(out, kind="png", border=QUIET_ZONE, scale=PNG_SCALE)
    return out.getvalue()
