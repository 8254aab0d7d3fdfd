"""Letters that the labels' typeface lacks: printed by a font that has them, or told; never boxes, never wrong.

`fonts/` has two small fonts made for this: Boxes has two ideographs and a tractor, Bars three letters of Devanagari, of
which a conjunct has a shape of its own.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pypdfium2
import pytest
from PIL import Image, ImageChops

from devices import tasks
from devices.labels import fonts, layout, printing, shaping, zpl
from devices.labels.layout import Label, Options
from devices.labels.raster import draw_parts
from devices.labels.stocks import STOCKS
from devices.models import Device, LabelPrintJob
from tests.devices.api import Program
from tests.devices.labels.reading import pictures, sheets
from tests.devices.labels.test_printing import FULL, HTMX
from tests.devices.labels.zpl_reader import Printer

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World

FONTS = Path(__file__).parent / "fonts"
BARS = str(FONTS / "Bars.ttf")
BOXES = str(FONTS / "Boxes.ttf")
SERIAL = "TMRY5AVJ28N5"


@pytest.mark.parametrize(
    ("name", "others", "shown", "missing", "joined"),
    [
        ("Łódź Ωμέγα Київ", [], "Łódź Ωμέγα Київ", "", ""),
        ("Cafe\u0301 \u202e\0", [], "Café", "", ""),
        ("東京 4", [], "?? 4", "京東", ""),
        ("東京 4", [BOXES], "東京 4", "", ""),
        ("東京都 \U0001f69c\ufe0f", [BOXES], "東京? \U0001f69c", "都", ""),
        ("\U0001f69c", ["/nowhere.ttf", BOXES], "\U0001f69c", "", ""),
        ("जनरेटर", [], "??????", "", "जटनरे"),
        ("東 जन", [BOXES], "東 ??", "", "जन"),
        ("क्ष 7", [BOXES], "??? 7", "", "क्ष"),
        ("ខ្មែរ ไทย", [], "????? ???", "", "ทยไខមរ្ែ"),
        ("東 مولد", [BOXES], "東 ????", "", "دلمو"),
    ],
)
def test_what_is_printed(
    settings: Settings, name: str, others: list[str], shown: str, missing: str, joined: str
) -> None:
    settings.LABEL_FONTS = others
    drawing = layout.draw(Label(SERIAL, name), Options())
    assert drawing.texts[-1].words == shown
    assert [sorted(each) for each in drawing.words[1][1:]] == [sorted(missing), sorted(joined)]
    assert drawing.texts[-1].width == pytest.approx(measure(name, shown, drawing.texts[-1].size), abs=0.01)


def measure(name: str, shown: str, size: float) -> float:
    """Each letter as wide as its font has it, in mm: those of Boxes are a square each."""
    own = [each for each in shown if each in "東京\U0001f69c"]
    rest = "".join(each for each in shown if each not in own)
    return (len(own) * size + fonts.measure_width(rest, fonts.WORDS, size)) * layout.POINT


@pytest.mark.parametrize("name", ["مولد 4", "גנרטור", "x\u0323\u0331", "क्ष 7"])
def test_letters_are_told_where_nothing_joins_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings.LABEL_FONTS = [BARS]
    assert layout.draw(Label(SERIAL, name), Options()).words[1] == (name, "", "")
    monkeypatch.setattr(shaping, "is_available", lambda: False)
    shown, missing, joined = layout.draw(Label(SERIAL, name), Options()).words[1]
    assert (missing, set(joined)) == ("", {each for each in name if not each.isascii()})
    assert shown == "".join(each if each.isascii() else "?" for each in name)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("بيت", "\ufe96\ufef4\ufe91"),  # by hand: final, medial and initial form, from the left
        ("بي\u200cت", "\ufe95\ufef2\ufe91"),
        ("שלום", "םולש"),
        ("4 בית", "תיב 4"),
    ],
)
def test_letters_are_joined_and_in_order(name: str, seen: str) -> None:
    path = fonts.find_file(fonts.WORDS)
    apart = name.replace("\u200c", "")
    joined, plain, wrong = (
        shaping.draw_words(words, path, 60, shaped=words == name).picture for words in (name, seen, apart + " ")
    )
    assert differ(joined, plain) < 0.2 < 0.4 < differ(joined, wrong)


def differ(one: Image.Image, other: Image.Image) -> float:
    """The part of one picture's ink where the other has none, or the other way round."""
    size = (max(one.width, other.width), max(one.height, other.height))
    whole = [Image.new("1", size) for _ in range(2)]
    for paper, picture in zip(whole, (one, other), strict=True):
        paper.paste(picture)
    strange = ImageChops.logical_xor(*whole)
    return ink(strange) / ink(one)


def ink(picture: Image.Image) -> int:
    return picture.convert("L").histogram()[255]


def test_a_conjunct_has_its_own_shape(settings: Settings) -> None:
    """Of a whole em, of which it has a fifth; letter by letter it were 2.4."""
    settings.LABEL_FONTS = [BOXES, BARS]
    text = layout.draw(Label(SERIAL, "क्ष 7"), Options()).texts[-1]
    assert text.words == "क्ष 7"
    assert text.width == pytest.approx(text.height, rel=0.01)


@pytest.mark.parametrize("name", ["مولد كهربائي رقم 4", "क्ष 7"])
def test_the_pdf_and_the_label_printer_show_the_same(settings: Settings, name: str) -> None:
    settings.LABEL_FONTS = [BARS]
    options = Options(stock=STOCKS["roll-62x29"], dpi=300)
    labels = [Label(SERIAL, name)]
    [page] = pictures(sheets(labels, options), 300)
    out = BytesIO()
    zpl.write(out, labels, options)
    [label] = Printer().run(out.getvalue())
    text = layout.draw(labels[0], options).texts[-1]
    top, bottom = (round((text.baseline + part * text.height) / options.dot) for part in (-1, 0.4))
    box = (round(text.x / options.dot) - 4, top, label.width, bottom)
    shown, wanted = (each.point(lambda grey: 255 - grey).crop(box) for each in (page, label))
    assert wanted.getbbox()
    assert shown.getbbox() == pytest.approx(wanted.getbbox(), abs=2)
    assert shown.histogram()[255] == pytest.approx(wanted.histogram()[255], rel=0.15)


@pytest.mark.parametrize("stock", ["roll-25x25", "roll-62x29"])
def test_marks_above_marks_stay_on_their_line(settings: Settings, stock: str) -> None:
    settings.LABEL_FONTS = [BARS]
    options = Options(stock=STOCKS[stock], dpi=300, with_model=True)
    drawing = layout.draw(Label(SERIAL, "कैकै", "कै 7"), options)
    code, *texts = draw_parts(drawing, options)
    quiet = round(4 * drawing.module / options.dot)
    tops = [part.y for part in texts]
    ends = [part.y + part.picture.height for part in texts]
    beside = options.stock.label[0] > 40
    assert all(top >= end - 1 for top, end in zip(tops[1:], ends, strict=False))
    assert beside or tops[0] >= code.y + code.picture.height + quiet - 2
    assert ends[-1] <= options.dots[1]


@pytest.mark.parametrize("name", ["مولد كهربائي " * 9, "क्ष" * 120])
def test_long_joined_words_are_cut(settings: Settings, name: str) -> None:
    settings.LABEL_FONTS = [BARS]
    text = layout.draw(Label(SERIAL, name), Options()).texts[-1]
    assert name.startswith(text.words.rstrip("…"))
    assert len(text.words) < len(name.strip())
    assert text.x + text.width <= STOCKS["l7160"].label[0]


def test_the_fonts_are_in_the_file(settings: Settings) -> None:
    settings.LABEL_FONTS = [BOXES]
    drawn = sheets([Label(SERIAL, "a東b京\U0001f69c")], Options())
    with pypdfium2.PdfDocument(drawn) as document:
        assert "a東b京" in document[0].get_textpage().get_text_bounded()
    assert b"Boxes" in drawn
    assert b"Boxes" not in sheets([Label(SERIAL, "plain")], Options())


@pytest.fixture
def named(world: World) -> World:
    """Three devices with letters of their own; one without."""
    for device, name in ((world.placed, "東 7"), (world.waiting, "京東 जन"), (world.foreign, "Pump")):
        Device.objects.filter(pk=device.pk).update(name=name)
    return world


JOINED = "Devanagari letters have to be joined or put in order, and no font here has all of such a name: "
JOINED += "printed as “?” on 1 label: "


def test_the_page_says_so_before_and_after(client: Client, named: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(named.owner)
    body = client.post("/labels/preview/", FULL, headers=HTMX).content.decode()
    assert f"{JOINED}{named.waiting.serial}." in body
    assert body.count("Leave the names out, change them, or have") == 1
    assert "in the first" not in body
    assert "The font has no " in body
    assert "printed as" not in client.post(
        "/labels/preview/", {k: v for k, v in FULL.items() if k != "with_name"}, headers=HTMX
    ).content.decode()  # fmt: skip
    monkeypatch.setattr(printing, "STRAIGHT", 0)
    monkeypatch.setattr(printing, "NOTED", 2)
    assert "in the first 2 labels" in client.post("/labels/preview/", FULL, headers=HTMX).content.decode()
    client.post("/labels/print/", FULL)
    job = LabelPrintJob.objects.get()
    tasks.make_sheet(job.pk)
    told = client.get(f"/labels/{job.key}/").content.decode()
    assert "3 labels are ready" in told
    assert f"{JOINED}{named.waiting.serial}." in told
    one = client.get(f"/devices/{named.placed.serial}/label/").content.decode()
    assert f"The font has no 東: printed as “?” on 1 label: {named.placed.serial}." in one
    assert "printed as" not in client.get(f"/devices/{named.foreign.serial}/label/").content.decode()


def test_programs_are_told_the_same(named: World, settings: Settings) -> None:
    admin = Program(named.owner)
    options: dict[str, Any] = {"stock": "l4731", "dpi": "203"}

    def notes() -> list[dict[str, Any]]:
        answer = admin.post("labels/", {"filter": {}, "options": options}).json()
        assert admin.get(f"labels/{answer['key']}/").json()["notes"] == answer["notes"]
        return list(answer["notes"])

    missing, joined, hard, *rest = notes()
    assert missing["text"].startswith("The font has no ")
    assert (missing["count"], set(missing["serials"])) == (2, {named.placed.serial, named.waiting.serial})
    assert (sorted(missing["letters"]), sorted(joined["letters"])) == (list("京東"), list("जन"))
    assert (hard["count"], hard["letters"]) == (3, "")
    assert "hard to scan" in hard["text"]
    assert len(rest) <= 1
    options |= {"stock": "l7160", "with_name": False}
    assert notes() == []
    options["with_name"] = True
    settings.LABEL_FONTS = [BOXES]
    [only] = notes()
    assert only["text"].startswith(JOINED)
    file = admin.get(f"devices/{named.waiting.serial}/label.pdf")
    assert "Devanagari letters" in file["Label-Notes"]
    assert admin.get(f"devices/{named.foreign.serial}/label.pdf")["Label-Notes"] == "[]"


def test_a_font_that_can_not_be_used_is_logged_and_left_out(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = tmp_path / "bad.ttf"
    bad.write_bytes(b"OTTO" + bytes(100))
    settings.LABEL_FONTS = [str(bad), BOXES]
    assert layout.draw(Label(SERIAL, "東"), Options()).texts[-1].words == "東"
    assert f"LABEL_FONTS: {bad} can't be used" in caplog.text
