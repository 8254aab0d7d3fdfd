"""ZPL II: drawn by a printer of the tests' own, the labels are those of the PDF, and no name is a command."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
from django.conf import settings as site
from PIL import Image, ImageChops, ImageFilter

from devices import tasks
from devices.labels import documents, layout, pdf, printing, zpl
from devices.labels.layout import Insets, Label, Options
from devices.labels.stocks import ROLLS, STOCKS, make_own
from devices.labels.symbol import Level, build_content
from devices.models import Device, LabelPrintJob
from devices.refusals import ZPL_OF_SHEET
from tests.devices.api import Program, content, places
from tests.devices.labels.reading import codes, pictures
from tests.devices.labels.test_pdf import ORIGIN, SERIALS, many
from tests.devices.labels.test_printing import FULL, HTMX, taken
from tests.devices.labels.zpl_reader import Printer
from tests.refused import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.test import Client
    from pytest_django.fixtures import Settings

    from devices.labels.layout import Drawing
    from devices.labels.stocks import Stock
    from tests.conftest import World

BOXES = str(Path(__file__).parent / "fonts" / "Boxes.ttf")
ONLY = re.compile(r"(\^XA|\^PW\d+|\^LL\d+|\^LH0,0|\^FO\d+,\d+|\^GFA,\d+,\d+,\d+,[0-9A-Yg-z,:]*|\^FS|\^XZ|\n)*")
COMMANDS = [
    "^XZ^XA^FO0,0^A0N,50,50^FDforged^FS^XZ",
    "~DGR:LOGO.GRF,8,1,FFFFFFFFFFFFFFFF",
    "~JA",
    "^FD_5EXZ^FS",
    "a^FS\r\n^XZ\r\nb",
    "\\&\\7EJA {{ ;;",
    "^CC/ /XZ",
    "\x02^\x03~\x1b\x10",
    "東京 ^XZ \U0001f69c",
]


def sent(labels: Sequence[Label], options: Options, logo: Image.Image | None = None) -> bytes:
    out = BytesIO()
    assert zpl.write(out, labels, options, logo) == len(labels)
    assert ONLY.fullmatch(out.getvalue().decode("ascii")) or options.marks
    return out.getvalue()


def symbol_of(page: Image.Image, drawing: Drawing, options: Options) -> tuple[Image.Image, Image.Image]:
    """The symbol with its quiet zone as it is printed, and as its modules are."""
    dots = round(drawing.module / options.dot)
    side = drawing.symbol.side * dots
    x, y = round((drawing.x + options.shift[0]) / options.dot), round((drawing.y + options.shift[1]) / options.dot)
    wanted = Image.new("L", (side, side), 255)
    for column, row, length in drawing.symbol.runs():
        wanted.paste(0, (column * dots, row * dots, (column + length) * dots, (row + 1) * dots))
    return page.crop((x, y, x + side, y + side)), wanted


@pytest.mark.parametrize("dpi", [203, 300, 600])
@pytest.mark.parametrize("kind", ["serial", "url"])
@pytest.mark.parametrize("stock", [*ROLLS, make_own("own-roll", (33.3, 41))], ids=lambda stock: stock.key)
def test_what_comes_out_of_the_printer(stock: Stock, kind: str, dpi: int) -> None:
    level = random.Random(stock.key + kind).choice(list(Level))
    options = Options(stock=stock, dpi=dpi, level=level, content=kind, origin=ORIGIN, with_model=True)
    labels = [Label(serial, "Pump 4", "KG-250") for serial in SERIALS.values()] + many(2)
    pages = Printer().run(sent(labels, options))
    assert len(pages) == len(labels)
    for label, page in zip(labels, pages, strict=True):
        assert page.size == tuple(round(side / 25.4 * dpi) for side in stock.label)
        drawing = layout.draw(label, options)
        printed, wanted = symbol_of(page, drawing, options)
        assert printed.tobytes() == wanted.tobytes()
        if round(drawing.module / options.dot) > 1:
            assert codes(page) == [build_content(label.serial, kind, ORIGIN)]


def test_it_is_what_the_pdf_shows() -> None:
    """The words have the PDF's place and size: nine tenths of their ink is within a dot or two of its."""
    logo = pdf.read_logo((site.BASE_DIR / "config/demo/kanarra.png").read_bytes())
    options = Options(stock=STOCKS["roll-62x29"], dpi=300, with_model=True, logo_shape=1.0)
    labels = [Label("TMRY5AVJ28N5", "Kaiser Permanente Anaheim", "KG-250")]
    [page] = Printer().run(sent(labels, options, logo))
    out = BytesIO()
    pdf.write(out, labels, options, logo)
    [other] = pictures(out.getvalue(), 300)
    other = other.crop((0, 0, *page.size))
    near = other.filter(ImageFilter.MinFilter(5))
    strange = ImageChops.multiply(ImageChops.invert(page), near).histogram()[255]
    assert strange < 0.02 * page.histogram()[0]
    assert page.histogram()[0] == pytest.approx(other.histogram()[0], rel=0.1)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_name_is_a_command(settings: Settings, name: str) -> None:
    settings.LABEL_FONTS = [BOXES]
    options = Options(stock=STOCKS["roll-100x50"], dpi=203, with_model=True)
    [first, second] = Printer().run(sent([Label("TMRY5AVJ28N5", name, name), Label("TMRY5AVJ28N5", "b")], options))
    assert codes(first) == codes(second) == ["TMRY5AVJ28N5"]
    assert first.histogram()[0] > second.histogram()[0]


@pytest.mark.parametrize("shift", [(0.0, 0.0), (-3.0, 1.5), (4.0, -6.0)])
def test_insets_shifts_and_outlines(shift: tuple[float, float]) -> None:
    """What a shift takes beyond the edge is cut, as on paper; never is anything at a negative place."""
    options = Options(stock=STOCKS["roll-50x25"], dpi=203, insets=Insets(1, 2, 1.5, 3), shift=shift)
    label = Label("TMRY5AVJ28N5", "Pump")
    [page] = Printer().run(sent([label], options))
    left, top, right, bottom = page.point(lambda grey: 255 - grey).getbbox() or (0, 0, 0, 0)
    dots = 203 / 25.4
    assert left >= max(0, (3 + shift[0]) * dots - 1)
    assert top >= max(0, (1 + shift[1]) * dots - 1)
    assert right <= min(page.width, (48 + shift[0]) * dots + 1)
    assert bottom <= min(page.height, (23.5 + shift[1]) * dots + 1)
    [outlined] = Printer().run(sent([label], replace(options, marks="outline")))
    assert [outlined.getpixel(dot) for dot in ((0, 0), (page.width - 1, page.height - 1), (5, 0))] == [0, 0, 0]


@pytest.mark.parametrize("width", [1, 7, 8, 9, 80, 1607, 3300])
def test_graphics_are_what_they_were(width: int) -> None:
    """Compressed and read again: noise, stripes, white, black, and runs longer than the longest count."""
    noise = random.Random(width)
    made = [Image.new("1", (width, 6), value) for value in (0, 1)]
    for density in (2, 12, 200):
        rows = [[noise.randrange(density) == 0 for _ in range(width)] for _ in range(4)]
        made.append(Image.new("1", (width, 6)))
        made[-1].putdata([dot for row in (rows[0], rows[0], *rows) for dot in row])
    for picture in made:
        drawn = Printer().run(f"^XA^PW{width}^LL6^LH0,0^FO0,0{zpl.encode_graphic(picture)}^FS^XZ".encode())
        assert drawn[0].tobytes() == picture.convert("L").point(lambda ink: 255 - ink).tobytes()


def test_sheets_are_refused() -> None:
    with refused(ZPL_OF_SHEET):
        zpl.write(BytesIO(), many(1), Options())


ROLL = {"stock": "roll-50x25", "dpi": "203", "output": "zpl"}


def test_every_door_gives_the_same(client: Client, world: World) -> None:
    client.force_login(world.admin)
    Device.objects.filter(pk=world.placed.pk).update(name="^XZ~JA")
    answer = client.post("/labels/print/", FULL | ROLL)
    assert (answer["Content-Type"], answer["Content-Disposition"]) == (
        "application/zpl",
        'attachment; filename="labels-1.zpl"',
    )
    assert [codes(page) for page in Printer().run(answer.content)] == [[world.placed.serial]]
    assert "Download ZPL" in client.post("/labels/preview/", FULL | ROLL, headers=HTMX).content.decode()
    assert "400 × 200 dots" in client.post("/labels/preview/", FULL | ROLL, headers=HTMX).content.decode()
    looks = {"stock": "roll-50x25", "dpi": "203"}
    single = client.get(f"/devices/{world.placed.serial}/label.zpl", looks)
    assert single["Content-Disposition"] == f'attachment; filename="{world.placed.serial}.zpl"'
    program = Program(world.admin)
    guessed = {name: value for name, value in ROLL.items() if name != "dpi"}
    assert places(program.post("labels/", {"filter": {}, "options": guessed})) == ["#/options/dpi"]
    assert places(program.get(f"devices/{world.placed.serial}/label.zpl", stock="roll-50x25")) == ["dpi"]
    told = program.post("labels/", {"filter": {}, "options": ROLL}).json()
    file = program.client.get(told["file"], headers={"Accept": "application/zpl"})
    assert file["Content-Type"] == "application/zpl"
    theirs = program.get(f"devices/{world.placed.serial}/label.zpl", **looks)
    assert theirs["Label-Notes"] == "[]"
    assert answer.content == single.content == content(file) == theirs.content


def test_every_door_refuses_sheets(client: Client, world: World) -> None:
    client.force_login(world.admin)
    for url in ("/labels/preview/", "/labels/print/"):
        body = client.post(url, FULL | {"output": "zpl"}, headers=HTMX if "preview" in url else {}).content.decode()
        assert "these labels lie on sheets. Choose a roll" in body
    one = client.get(f"/devices/{world.placed.serial}/label.zpl")
    assert (one.status_code, "these labels lie on sheets" in one.content.decode()) == (422, True)
    program = Program(world.admin)
    sent = {"output": "zpl", "dpi": "203"}
    assert places(program.post("labels/", {"filter": {}, "options": sent})) == ["#/options/output"]
    assert places(program.post("labels/", {"filter": {}, "options": {"output": "epl"}})) == ["#/options/output"]
    assert places(program.get(f"devices/{world.placed.serial}/label.zpl", dpi="203")) == ["output"]
    assert not LabelPrintJob.objects.exists()


def test_many_are_several_files(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "STRAIGHT", 2)
    monkeypatch.setattr(documents, "PART", 2)
    client.force_login(world.owner)
    client.post("/labels/print/", FULL | ROLL)
    job = LabelPrintJob.objects.get()
    tasks.make_sheet(job.pk)
    with ZipFile(BytesIO(taken(client, job))) as archive:
        assert archive.namelist() == ["labels-000001.zpl", "labels-000003.zpl"]
        pages = [page for name in archive.namelist() for page in Printer().run(archive.read(name))]
    assert sorted(text for page in pages for text in codes(page)) == sorted(
        each.serial for each in (world.waiting, world.placed, world.foreign)
    )
