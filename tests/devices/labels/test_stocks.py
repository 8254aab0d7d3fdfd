"""The table of labels: what is printed lies on them, and in the middle of the sheet."""

from __future__ import annotations

import pytest

from devices.labels.stocks import A4, LETTER, ROLLS, SHEETS_A4, SHEETS_LETTER, STOCKS, Stock

SHEETS = (*SHEETS_A4, *SHEETS_LETTER)


@pytest.mark.parametrize("stock", SHEETS, ids=lambda stock: stock.key)
def test_a_sheet_holds_its_labels_in_its_middle(stock: Stock) -> None:
    assert stock.page == (A4 if stock in SHEETS_A4 else LETTER)
    for axis in (0, 1):
        assert stock.pitch[axis] >= stock.label[axis]
        last = stock.corner(stock.per_page - 1)[axis] + stock.label[axis]
        assert stock.page[axis] - last == pytest.approx(stock.first[axis], abs=0.1)


@pytest.mark.parametrize(
    ("key", "count", "last"),
    [
        ("l7651", 65, (167.15, 265.1)),
        ("l7160", 21, (139.25, 243.75)),
        ("l7159", 24, (139.25, 250.2)),
        ("l4731", 189, (176.0, 273.5)),
        ("5160", 30, (144.4625, 241.3)),
        ("5167", 80, (164.30625, 254.0)),
    ],
)
def test_known_sheets(key: str, count: int, last: tuple[float, float]) -> None:
    stock = STOCKS[key]
    assert stock.per_page == count
    assert stock.corner(count - 1) == pytest.approx(last)


@pytest.mark.parametrize("stock", ROLLS, ids=lambda stock: stock.key)
def test_a_roll_has_one_label_a_page(stock: Stock) -> None:
    assert (stock.per_page, stock.page, stock.corner(0)) == (1, stock.label, (0, 0))
    assert not any(each.is_roll for each in SHEETS)
