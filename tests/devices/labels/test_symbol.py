"""The symbol alone: its content, its size, and that it is read again."""

from __future__ import annotations

import re
from io import BytesIO
from xml.etree import ElementTree

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from devices.identity import serials
from devices.labels import symbol
from devices.labels.symbol import Level
from lib.refusals import Refusal
from provisioning.scanning import label_reader as scanner

HERE = "https://devices.example"
SERIAL = "TMRY5AVJ28N5"


def painted(drawn: bytes, module: int = 4) -> Image.Image:
    """The SVG's one path, filled as any renderer fills it."""
    root = ElementTree.fromstring(drawn)
    side = int(root.attrib["viewBox"].split()[2])
    picture = Image.new("L", (side * module, side * module), 255)
    pen = ImageDraw.Draw(picture)
    ground, dark = root.findall("{http://www.w3.org/2000/svg}path")
    assert ground.get("fill") == "#fff"
    for x, y, length, back in re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", dark.attrib["d"]):
        assert length == back
        box = [int(x), int(y), int(x) + int(length), int(y) + 1]
        pen.rectangle([box[0] * module, box[1] * module, box[2] * module - 1, box[3] * module - 1], fill=0)
    return picture


def read(picture: Image.Image) -> str:
    [found] = zxingcpp.read_barcodes(picture)
    return found.text


@pytest.mark.parametrize(
    ("serial", "kind", "origin", "text"),
    [
        ("abcd1234efgh", "serial", HERE, "ABCD1234EFGH"),
        (SERIAL, "url", HERE, f"HTTPS://DEVICES.EXAMPLE/D/{SERIAL}"),
        (SERIAL, "url", f"{HERE}/", f"HTTPS://DEVICES.EXAMPLE/D/{SERIAL}"),
        (SERIAL, "url", "http://127.0.0.1:8000", f"HTTP://127.0.0.1:8000/D/{SERIAL}"),
        ("A_B:C.D", "url", HERE, "https://devices.example/d/A_B:C.D"),
        (SERIAL, "url", "https://my_site.example", f"https://my_site.example/d/{SERIAL}"),
        ("..", "url", HERE, ".."),
    ],
)
def test_content(serial: str, kind: str, origin: str, text: str) -> None:
    assert symbol.build_content(serial, kind, origin) == text


@given(
    st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ._:", min_size=1, max_size=64).filter(lambda text: text.strip(".")),
    st.sampled_from(["serial", "url"]),
)
def test_the_scanner_understands_every_content(serial: str, kind: str) -> None:
    try:
        content = symbol.build_content(serial, kind, HERE)
        assert scanner.read_label(content, origins=[HERE]).candidates[0] == serials.canonical(serial)
    except Refusal:
        assert kind == "serial"


def test_a_short_serial_has_the_least_modules_at_level_q() -> None:
    made = symbol.make_symbol(SERIAL)
    assert (made.code.designator, made.code.mode, made.inner, made.side) == ("1-Q", "alphanumeric", 21, 29)


def test_more_correction_where_it_is_free_and_never_less() -> None:
    assert symbol.make_symbol("A", Level.L).code.designator == "1-H"
    assert symbol.make_symbol(SERIAL, Level.H).code.designator == "2-H"


@pytest.mark.parametrize("quiet", [2, 4, 7])
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize(
    "text", ["1", SERIAL, "Z" * 64, f"HTTPS://DEVICES.EXAMPLE/D/{SERIAL}", "https://x_y.example/d/A_B"]
)
def test_svg_and_png_are_read_again(text: str, level: str, quiet: int) -> None:
    made = symbol.make_symbol(text, level, quiet)
    picture = painted(made.svg())
    assert read(picture) == text
    assert picture.size == (made.side * 4, made.side * 4)
    assert picture.crop((0, 0, picture.width, 4 * quiet)).getextrema() == (255, 255)
    assert read(Image.open(BytesIO(made.png(side=20, dpi=300)))) == text


def test_never_less_than_the_least_quiet_zone() -> None:
    assert symbol.make_symbol(SERIAL, quiet=0).quiet == 2


@pytest.mark.parametrize(("dpi", "dots"), [(203, 5), (300, 8), (600, 16)])
def test_png_has_whole_dots_a_module_and_says_how_large_it_is(dpi: int, dots: int) -> None:
    picture = Image.open(BytesIO(symbol.make_symbol(SERIAL).png(side=20, dpi=dpi)))
    assert picture.size == (29 * dots, 29 * dots)
    assert picture.info["dpi"] == pytest.approx((dpi, dpi), abs=0.1)


def test_svg_in_millimetres() -> None:
    root = ElementTree.fromstring(symbol.make_symbol(SERIAL).svg(side=20))
    assert (root.get("width"), root.get("height")) == ("20mm", "20mm")
