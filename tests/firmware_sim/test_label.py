from __future__ import annotations

import struct

from firmware_sim import label


def test_png_has_quiet_zone_and_size() -> None:
    content = label.draw_png("7K3MQ2XW9TBC")
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    modules = len(label.make_qr("7K3MQ2XW9TBC").matrix)
    assert width == height == (modules + 8) * label.PNG_SCALE


def test_level_q_even_when_a_higher_one_would_fit() -> None:
    assert label.make_qr("7K3MQ2XW9TBC").error == "Q"
    assert label.make_qr("https://handover.example/d/7K3MQ2XW9TBC").error == "Q"


def test_svg_is_inline_and_has_no_style() -> None:
    svg = label.draw_svg("7K3MQ2XW9TBC")
    assert svg.startswith("<svg")
    assert "style" not in svg
    assert "<?xml" not in svg
