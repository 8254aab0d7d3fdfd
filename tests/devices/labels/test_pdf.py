"""Everything printed scans: each stock, level, content and serial, as dots of the printer, and where it belongs."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_STORED, ZipFile

import pypdfium2
import pytest
from django.conf import settings
from PIL import Image
from reportlab.pdfbase import pdfmetrics

from devices.identity import serials
from devices.labels import documents, fonts, layout, pdf
from devices.labels.layout import Label, Options
from devices.labels.stocks import STOCKS, Stock
from devices.labels.symbol import Level, build_content
from devices.refusals import LABEL_TOO_SMALL
from tests.devices.labels.reading import Place, codes, pictures, places, sheets
from tests.refused import refused

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN = "https://devices.example"
SERIALS = {"own": "TMRY5AVJ28N5", "long": "EXAMPLE.2026." + "X" * 20, "odd": "A_B:C.D", "one": "7"}


def many(count: int) -> list[Label]:
    return [Label(serials.generate(), f"Generator {number}", "KG-250") for number in range(count)]


@pytest.mark.parametrize("kind", ["serial", "url"])
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("stock", STOCKS.values(), ids=lambda stock: stock.key)
def test_all_that_is_printed_is_read_again(stock: Stock, level: str, kind: str) -> None:
    dpi = 600 if min(stock.label) < 20 else 300
    options = Options(stock=stock, dpi=dpi, level=level, content=kind, origin=ORIGIN, with_model=True)
    labels = [Label(serial, "Name") for serial in SERIALS.values()] + many(2)
    used = stock.corner(min(len(labels), stock.per_page) - 1)[1] + stock.label[1]
    pages = pictures(sheets(labels, options), dpi, unseen=stock.page[1] - used)
    assert len(pages) == -(-len(labels) // stock.per_page)
    found = [text for page in pages for text in codes(page)]
    assert sorted(found) == sorted(build_content(label.serial, kind, ORIGIN) for label in labels)


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("stock", STOCKS.values(), ids=lambda stock: stock.key)
def test_every_place_of_a_sheet(stock: Stock, dpi: int) -> None:
    """Where the stock's table has it, to the nearest dot (less than a tenth of a millimetre off), as large as said."""
    options = Options(stock=stock, dpi=dpi)
    labels = many(stock.per_page)
    drawn = sheets(labels, options)
    [page] = pictures(drawn, dpi)
    assert page.size == pytest.approx([side / 25.4 * dpi for side in stock.page], abs=1)
    assert sorted(codes(page)) == sorted(label.serial for label in labels)
    for number, (label, place) in enumerate(zip(labels, places(drawn), strict=True)):
        assert place == pytest.approx(expected(label, number, options), abs=min(0.09, options.dot / 2 + 0.001))


def expected(label: Label, number: int, options: Options) -> Place:
    drawing = layout.draw(label, options)
    quiet = drawing.symbol.quiet * drawing.module
    x, y = options.stock.corner(number)
    x, y = x + drawing.x + quiet + options.shift[0], y + drawing.y + quiet + options.shift[1]
    return Place(x, y, drawing.symbol.inner * drawing.module)


def test_a_symbol_is_one_path_and_the_logo_one_image() -> None:
    picture = pdf.read_logo((settings.BASE_DIR / "config/demo/kanarra.png").read_bytes())
    assert picture is not None
    out = BytesIO()
    pdf.write(out, many(21), Options(logo_shape=picture.width / picture.height), picture)
    with pypdfium2.PdfDocument(out.getvalue()) as document:
        kinds = [each.type for each in document[0].get_objects(max_depth=1)]
    assert kinds.count(pypdfium2.raw.FPDF_PAGEOBJ_PATH) == 21
    assert kinds.count(pypdfium2.raw.FPDF_PAGEOBJ_FORM) == 21
    assert out.getvalue().count(b"/Subtype /Image") == 2  # the picture, and its mask
    assert [len(codes(page)) for page in pictures(out.getvalue(), 300)] == [21]


@pytest.mark.parametrize("dpi", [203, 300, 600])
@pytest.mark.parametrize("key", ["l7651", "l4731", "roll-62x29"])
def test_modules_are_whole_dots(key: str, dpi: int) -> None:
    """Rendered without smoothing or with it, no dot is grey inside a symbol."""
    options = Options(stock=STOCKS[key], dpi=dpi, with_name=False)
    label = many(1)[0]
    with pypdfium2.PdfDocument(sheets([label], options)) as document:
        page = document[0].render(scale=dpi / 72).to_pil().convert("L")
    drawing = layout.draw(label, options)
    dots, (x, y) = round(drawing.module / options.dot), options.stock.corner(0)
    left, top = round((x + drawing.x) / options.dot), round((y + drawing.y) / options.dot)
    side = drawing.symbol.side * dots
    seen = page.crop((left, top, left + side, top + side))
    wrong = 0
    for row in range(drawing.symbol.inner):
        for column in range(drawing.symbol.inner):
            dot = ((column + drawing.symbol.quiet) * dots + dots // 2, (row + drawing.symbol.quiet) * dots + dots // 2)
            dark = seen.getpixel(dot) < 64 if dots > 1 else seen.getpixel(dot) < 128
            wrong += dark != bool(drawing.symbol.code.matrix[row][column])
    assert wrong == 0
    assert abs(drawing.module / options.dot - dots) < 1e-9


def test_starting_at_a_part_used_sheet_and_shifted() -> None:
    options = Options(start=20, shift=(1.5, -0.7))
    labels = many(3)
    drawn = sheets(labels, options)
    first, second = pictures(drawn, 300)
    assert sorted(codes(first)) == sorted(label.serial for label in labels[:2])
    assert codes(second) == [labels[2].serial]
    for number, place in zip((19, 20), places(drawn), strict=True):
        assert place == pytest.approx(expected(labels[0], number, options), abs=0.05)


@pytest.mark.parametrize("marks", ["outline", "ticks"])
def test_marks_leave_the_codes_alone(marks: str) -> None:
    plain_options = Options(stock=STOCKS["l7651"])
    labels = many(65)
    [page] = pictures(sheets(labels, replace(plain_options, marks=marks)), 300)
    assert sorted(codes(page)) == sorted(label.serial for label in labels)
    [plain] = pictures(sheets(labels, plain_options), 300)
    assert page.tobytes() != plain.tobytes()


def words(label: Label, options: Options) -> list[str]:
    return [text.words for text in layout.draw(label, options).texts]


def test_what_is_written_beside_it() -> None:
    label = Label("TMRY5AVJ28N5", "Kaiser Permanente Anaheim", "KG-250")
    assert " ".join(words(label, Options(with_name=False))) == "TMRY 5AVJ 28N5"
    assert words(label, Options(with_model=True))[-2:] == ["Kaiser Permanente Anaheim", "KG-250"]
    assert words(Label("TMRY5AVJ28N5", "TMRY5AVJ28N5"), Options())[-1] != "TMRY5AVJ28N5"


def test_long_words_shrink_then_are_cut() -> None:
    short, long = (layout.draw(Label("TMRY5AVJ28N5", "N" * count), Options()).texts[-1] for count in (4, 100))
    assert short.words == "NNNN"
    assert long.size == layout.WORDS_SMALLEST < short.size
    assert long.words.endswith("…")
    assert len(long.words) > 10


@pytest.mark.parametrize("stock", STOCKS.values(), ids=lambda stock: stock.key)
@pytest.mark.parametrize("serial", [*SERIALS.values(), "W" * 64])
def test_nothing_leaves_its_label(stock: Stock, serial: str) -> None:
    options = Options(stock=stock, with_model=True, logo_shape=2.5)
    drawing = layout.draw(Label(serial, "W" * 120, "M" * 120), options)
    width, height = stock.label
    side = drawing.symbol.side * drawing.module
    assert drawing.x >= 0.4
    assert drawing.y >= 0.4
    assert drawing.x + side <= width
    assert drawing.y + side <= height
    for text in drawing.texts:
        assert text.x >= 0
        assert text.x + text.width <= width + 0.01
        assert text.baseline - text.height >= 0
        assert text.baseline <= height
        beside = text.x >= drawing.x + side - 0.01 or text.baseline - text.height >= drawing.y + side - 0.8
        assert beside, text
    if drawing.logo:
        assert drawing.logo.x >= drawing.x + side - 0.01
        assert drawing.logo.y + drawing.logo.height <= min(text.baseline - text.height * 0.8 for text in drawing.texts)


def test_the_symbol_never_shrinks_silently() -> None:
    assert layout.draw(Label("TMRY5AVJ28N5"), Options()).warnings == []
    [small] = layout.draw(Label("TMRY5AVJ28N5"), Options(stock=STOCKS["l4731"])).warnings
    assert "Modules of 0.25 mm are hard to scan: print at 600 dpi" in small
    [fine] = layout.draw(Label("TMRY5AVJ28N5"), Options(stock=STOCKS["l4731"], dpi=600)).warnings
    assert "Modules of 0.30 mm are hard to scan: choose a larger label" in fine
    [narrow] = layout.draw(Label("TMRY5AVJ28N5"), Options(quiet=2)).warnings
    assert "white border" in narrow
    [large] = layout.draw(Label("TMRY5AVJ28N5"), Options(side=90)).warnings
    assert large.startswith("The symbol is as large as fits: ")


def test_a_size_of_ones_own() -> None:
    drawing = layout.draw(Label("TMRY5AVJ28N5"), Options(side=15, dpi=600))
    assert drawing.module * drawing.symbol.inner == pytest.approx(15, abs=0.5)


def test_what_can_not_be_printed_at_all_is_refused() -> None:
    with refused(LABEL_TOO_SMALL):
        layout.draw(Label("X" * 64), Options(stock=STOCKS["l4731"], dpi=50, content="url", origin=ORIGIN))


def test_names_of_any_script_are_drawn_or_marked() -> None:
    shown = words(Label("TMRY5AVJ28N5", "Łódź Ωμέγα Київ 東京\u202e\0"), Options())
    assert shown[-1] == "Łódź Ωμέγα Київ ??"
    assert b"DejaVuSansMono-Bold" in sheets([Label("TMRY5AVJ28N5")], Options())  # embedded


def test_the_serial_s_typeface_tells_look_alikes_apart() -> None:
    fonts.register_fonts()
    faces = pdfmetrics.getFont(fonts.SERIAL).face.charToGlyph
    assert len({faces[ord(each)] for each in "0O1IL"}) == 5


@pytest.mark.parametrize("broken", [None, b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"GIF89a"])
def test_a_broken_logo_is_left_out(broken: bytes | None) -> None:
    assert pdf.read_logo(broken) is None


def test_many_labels_are_several_pdfs_in_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(documents, "PART", 50)
    labels, heard = many(130), list[int]()
    options = Options(start=3)
    with (tmp_path / "labels.zip").open("w+b") as out:
        assert documents.write_all(out, iter(labels), options, total=130, on_progress=heard.append) == 130
    with ZipFile(tmp_path / "labels.zip") as archive:
        assert {each.compress_type for each in archive.infolist()} == {ZIP_STORED}
        assert archive.namelist() == [
            "labels-000001.pdf",
            "labels-000041.pdf",
            "labels-000083.pdf",
            "labels-000125.pdf",
        ]
        pages = [pictures(archive.read(name), 300) for name in archive.namelist()]
    assert [len(each) for each in pages] == [2, 2, 2, 1]
    found = [text for each in pages for page in each for text in codes(page)]
    assert sorted(found) == sorted(label.serial for label in labels)
    assert len(codes(pages[0][0])) == 19


def test_progress_is_heard() -> None:
    heard = list[int]()
    documents.write_all(BytesIO(), many(501), Options(stock=STOCKS["l4731"]), total=501, on_progress=heard.append)
    assert heard == [250, 500]


def test_a_page_as_a_picture_is_mostly_white() -> None:
    [page] = pictures(sheets(many(21), Options()), 100)
    assert isinstance(page, Image.Image)
    dark = page.histogram()[0] / (page.width * page.height)
    assert 0.05 < dark < 0.4
