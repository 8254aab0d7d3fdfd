"""Stocks of one's own, and edges that a printer leaves white: what is printed lies inside them, at page and API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from django.http import QueryDict

from devices.labels import layout
from devices.labels.forms import LabelForm
from devices.labels.layout import Insets, Label, Options
from devices.labels.stocks import STOCKS, make_own
from devices.refusals import LABEL_TOO_SMALL
from tests.devices.api import Program, content, places
from tests.devices.labels.reading import codes, pictures, sheets
from tests.devices.labels.reading import places as symbols
from tests.devices.labels.test_pdf import many
from tests.devices.labels.test_printing import FULL, HTMX, pdf_of
from tests.refused import refused

if TYPE_CHECKING:
    from django.test import Client

    from devices.labels.stocks import Stock
    from tests.conftest import World

MM = 25.4
OWN = {
    "smallest": make_own("own-roll", (8, 8)),
    "tall": make_own("own-roll", (8, 300)),
    "ribbon": make_own("own-roll", (300, 8)),
    "large": make_own("own-roll", (300, 300)),
    "near square": make_own("own-roll", (26, 20)),
    "sheet": make_own("own-a4", (38.1, 21.2), (5, 13), (2.5, 0)),
    "letter": make_own("own-letter", (50, 30), (3, 6), (4, 3.5), (20, 12.5)),
}


def test_a_sheet_of_ones_own_is_laid_out_as_one_that_is_sold() -> None:
    own, sold = OWN["sheet"], STOCKS["l7651"]
    assert [own.corner(number) for number in range(65)] == pytest.approx(
        [pytest.approx(sold.corner(number)) for number in range(65)]
    )
    assert OWN["letter"].corner(17) == (20 + 2 * 54, 12.5 + 5 * 33.5)
    assert (OWN["tall"].is_roll, OWN["sheet"].is_roll) == (True, False)


@pytest.mark.parametrize("insets", [Insets(), Insets(left=2.5), Insets(1, 0.5, 1.5, 1)], ids=["none", "left", "all"])
@pytest.mark.parametrize("stock", [*OWN.values(), *STOCKS.values()], ids=[*OWN, *STOCKS])
def test_all_of_it_is_inside_what_is_printed(stock: Stock, insets: Insets) -> None:
    options = Options(stock=stock, insets=insets, dpi=600, with_model=True, logo_shape=2.0)
    drawing = layout.draw(Label("TMRY5AVJ28N5", "Pump 4", "KG-250"), options)
    left, top, width, height = options.printable
    assert (width, height) == pytest.approx(
        (stock.label[0] - insets.left - insets.right, stock.label[1] - insets.top - insets.bottom)
    )
    side = drawing.symbol.side * drawing.module
    boxes = [(drawing.x, drawing.y, side, side), *([drawing.logo] if drawing.logo else [])]
    boxes += [(text.x, text.baseline - 0.75 * text.height, text.width, text.height) for text in drawing.texts]
    for x, y, across, down in boxes:
        assert x >= left - 0.01
        assert y >= top - 0.01
        assert x + across <= left + width + 0.01
        assert y + down <= top + height + 0.05
    if stock in OWN.values():
        dpi = 600 if min(stock.label) < 20 else 200
        [page] = pictures(sheets([Label("TMRY5AVJ28N5", "Pump 4")], replace(options, dpi=dpi, logo_shape=None)), dpi)
        assert codes(page) == ["TMRY5AVJ28N5"]


def test_what_lies_in_the_insets_stays_white_and_the_quiet_zone_outside_of_them() -> None:
    stock, insets = STOCKS["roll-50x25"], Insets(top=1.5, right=3, bottom=2, left=4)
    drawn = sheets(many(1), Options(stock=stock, insets=insets, dpi=300))
    [page] = pictures(drawn, 300)
    left, top, right, bottom = page.point(lambda grey: 255 - grey).getbbox() or (0, 0, 0, 0)
    edges = (top, page.width - right, page.height - bottom, left)
    assert all(edge / 300 * MM >= inset - 0.05 for edge, inset in zip(edges, insets, strict=True))
    [symbol] = symbols(drawn)
    module = symbol.side / 21
    assert symbol.x - 4 * module >= insets.left
    assert symbol.y - 4 * module >= insets.top
    assert symbol.y + symbol.side + 4 * module <= 25 - insets.bottom


def test_nothing_fits() -> None:
    with refused(LABEL_TOO_SMALL):
        layout.draw(Label("X" * 64), Options(stock=STOCKS["l4731"], insets=Insets(2, 0, 3, 0), dpi=203, level="H"))


REFUSED: list[tuple[dict[str, str], str, str]] = [
    ({"stock": "own-roll", "width": "40"}, "height", "Give the label's height: 8 to 300 mm."),
    ({"stock": "own-roll", "width": "7", "height": "20"}, "width", "8"),
    ({"stock": "own-roll", "width": "40", "height": "301"}, "height", "300"),
    ({"stock": "own-roll", "width": "nan", "height": "20"}, "width", ""),
    ({"stock": "own-roll", "width": "40", "height": "20", "start": "2"}, "start", "A sheet of these has 1 label."),
    (
        {"stock": "own-a4", "width": "50", "height": "20", "columns": "5"},
        "columns",
        "So many columns need 250.0 mm with gaps and margin; the sheet has 210 mm.",
    ),
    ({"stock": "own-a4", "width": "60", "height": "20", "columns": "3", "margin_left": "31"}, "columns", "211.0 mm"),
    ({"stock": "own-letter", "width": "60", "height": "40", "rows": "7", "gap_down": "1"}, "rows", "286.0 mm"),
    ({"stock": "own-a4", "width": "50", "height": "20", "columns": "21"}, "columns", "20"),
    ({"stock": "own-a4", "width": "50", "height": "20", "rows": "2", "start": "3"}, "start", "has 2 labels."),
    ({"stock": "roll-25x25", "inset_left": "10.5", "inset_right": "10"}, "inset_left", "Of 25 mm, 20.5 mm are not"),
    ({"stock": "l4731", "inset_bottom": "6"}, "inset_top", "Of 10 mm, 6 mm are not printed: less than 5 mm are left."),
    ({"stock": "l7160", "inset_top": "-1"}, "inset_top", "0"),
    ({"stock": "l7160", "inset_top": "21"}, "inset_top", "20"),
    ({"stock": "own-poster", "width": "50", "height": "20"}, "stock", ""),
]


@pytest.mark.parametrize(("sent", "field", "cause"), REFUSED)
def test_what_is_refused_at_both_doors(
    client: Client, world: World, sent: dict[str, str], field: str, cause: str
) -> None:
    client.force_login(world.admin)
    answer = client.post("/labels/print/", FULL | sent)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    [said] = answer.context["form"].errors[field]
    assert cause in said
    assert said in client.post("/labels/preview/", FULL | sent, headers=HTMX).context["form"].errors[field]
    whole = {name: text if name == "stock" or text == "nan" else float(text) for name, text in sent.items()}
    whole |= {name: int(whole[name]) for name in ("columns", "rows", "start") if name in whole}
    program = Program(world.admin)
    assert places(program.post("labels/", {"filter": {}, "options": whole})) == [f"#/options/{field}"]
    assert places(program.get(f"devices/{world.placed.serial}/label.pdf", **sent)) == [field]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"width": 40}, "width"),
        ({"stock": "l7651", "rows": 3}, "rows"),
        ({"stock": "own-roll", "width": 40, "height": 20, "gap_down": 2}, "gap_down"),
    ],
)
def test_programs_are_told_what_would_not_be_heard(world: World, sent: dict[str, Any], field: str) -> None:
    """Pages keep what was typed for another stock, out of sight."""
    program = Program(world.admin)
    assert places(program.post("labels/", {"filter": {}, "options": sent})) == [f"#/options/{field}"]
    assert places(program.get(f"devices/{world.placed.serial}/label.pdf", **sent)) == [field]


def test_both_doors_print_the_same(client: Client, world: World) -> None:
    client.force_login(world.admin)
    own: dict[str, Any] = {"stock": "own-roll", "width": "40.5", "height": "18", "inset_left": "2"}
    assert pdf_of(client, **own) == [world.placed.serial]
    mine = client.post("/labels/print/", FULL | own).content
    program = Program(world.admin)
    told = program.post("labels/", {"filter": {}, "options": own | {"dpi": "300", "width": 40.5, "height": 18}})
    theirs = content(program.client.get(told.json()["file"]))
    single = content(program.get(f"devices/{world.placed.serial}/label.pdf", **own, dpi=300))
    [page], *others = (pictures(each, 300) for each in (mine, theirs, single))
    assert page.size == pytest.approx((40.5 / MM * 300, 18 / MM * 300), abs=1)
    assert [each.tobytes() for [each] in others] == [page.tobytes()] * 2


def test_the_page_begins_with_what_was_printed_last(client: Client, world: World) -> None:
    """By this person, and only once it was printed; the address says otherwise, programs are not concerned."""
    client.force_login(world.admin)
    own = {"stock": "own-roll", "width": "40.5", "height": "18", "inset_left": "2", "dpi": "203", "right": "0.5"}

    def begins(**query: str) -> dict[str, Any]:
        form = client.get("/labels/", query).context["form"]
        return {name: form[name].value() for name in (*own, "with_name", "start")}

    plain = begins()
    assert (plain["stock"], plain["inset_left"], plain["with_name"]) == ("l7160", None, True)
    client.post("/labels/preview/", FULL | own, headers=HTMX)
    client.post("/labels/print/", FULL | own | {"inset_left": "99"})
    assert begins() == plain
    full = {name: value for name, value in FULL.items() if name != "with_name"}
    assert client.post("/labels/print/", full | own).status_code == 200
    assert begins() == own | {"with_name": False, "start": "1"}
    assert begins(stock="l7651") == own | {"with_name": False, "start": "1", "stock": "l7651"}
    single = client.get(f"/devices/{world.placed.serial}/label/").context["form"]
    assert (single["width"].value(), single["with_name"].value()) == ("40.5", False)
    told = Program(world.admin).get(f"devices/{world.placed.serial}/label.pdf")
    assert pictures(content(told), 72)[0].size == pytest.approx((595, 842), abs=1)
    client.force_login(world.owner)
    assert begins() == plain


def test_looks_that_are_not_offered_any_more_are_left_out(world: World) -> None:
    form = LabelForm(QueryDict().dict(), organisation=world.kanarra, looks={"stock": "gone", "dpi": "300"})
    assert (form["stock"].value(), form["dpi"].value(), form.is_valid()) == ("l7160", "600", True)
