"""What labels are printed on: a stock as it is sold, or one of one's own, and how much of its edges is not printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from devices.labels import stocks
from devices.labels.layout import Insets

if TYPE_CHECKING:
    from devices.labels.stocks import Stock

LEAST, MOST = 8, 300  # mm of a label's side
LEAST_LEFT = 5.0  # mm of it that can be printed
MOST_INSET = 20
MOST_MARGIN = 150
MOST_GAP = 50
MOST_COLUMNS, MOST_ROWS = 20, 60
NEAR = 0.05  # mm
OF_LABELS = ("width", "height")
OF_SHEETS = ("columns", "rows", "gap_across", "gap_down", "margin_left", "margin_top")


def _ask_length(label: str, most: float, least: float = 0, text: str = "") -> forms.FloatField:
    return forms.FloatField(label=label, required=False, min_value=least, max_value=most, help_text=text)


class PaperForm(forms.Form):
    """Ask what is printed on; `paper` is that stock, once the form is valid."""

    stock = forms.ChoiceField(label="Labels", choices=lambda: list(stocks.choices()))
    width = _ask_length("Width, in mm", MOST, LEAST)
    height = _ask_length("Height, in mm", MOST, LEAST)
    columns = forms.IntegerField(label="Columns", required=False, min_value=1, max_value=MOST_COLUMNS)
    rows = forms.IntegerField(label="Rows", required=False, min_value=1, max_value=MOST_ROWS)
    gap_across = _ask_length("Gap between columns, in mm", MOST_GAP)
    gap_down = _ask_length("Gap between rows, in mm", MOST_GAP)
    margin_left = _ask_length("Left margin, in mm", MOST_MARGIN, text="Empty: the labels are in the middle.")
    margin_top = _ask_length("Top margin, in mm", MOST_MARGIN, text="Empty: the labels are in the middle.")
    inset_left = _ask_length("Left, in mm", MOST_INSET)
    inset_right = _ask_length("Right, in mm", MOST_INSET)
    inset_top = _ask_length("Top, in mm", MOST_INSET)
    inset_bottom = _ask_length("Bottom, in mm", MOST_INSET)

    paper: Stock | None = None

    @property
    def insets(self) -> Insets:
        return Insets(*(self.cleaned_data.get(f"inset_{side}") or 0.0 for side in Insets._fields))

    @property
    def insets_open(self) -> bool:
        """Return whether there is anything to see among the insets."""
        return any(self.data.get(f"inset_{side}") for side in Insets._fields)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        key = cleaned.get("stock", "")
        if key in stocks.OWN and not self.errors:
            self.paper = self._make_own(key, cleaned)
        elif key in stocks.STOCKS:
            self.paper = stocks.STOCKS[key]
        if self.paper and not self.errors:
            self._refuse_insets(self.paper)
        return cleaned

    def _make_own(self, key: str, cleaned: dict[str, Any]) -> Stock | None:
        for name in ("width", "height"):
            if cleaned[name] is None:
                self.add_error(name, f"Give the label's {name}: {LEAST} to {MOST} mm.")
        if self.errors:
            return None
        stock = stocks.make_own(
            key,
            (cleaned["width"], cleaned["height"]),
            (cleaned["columns"] or 1, cleaned["rows"] or 1),
            (cleaned["gap_across"] or 0.0, cleaned["gap_down"] or 0.0),
            (cleaned["margin_left"], cleaned["margin_top"]),
        )
        for axis, name in enumerate(("columns", "rows")):
            self._refuse_overflow(stock, axis, name)
        return None if self.errors else stock

    def _refuse_overflow(self, stock: Stock, axis: int, name: str) -> None:
        end = stock.corner(stock.per_page - 1)[axis] + stock.label[axis]
        if stock.first[axis] < -NEAR or end > stock.page[axis] + NEAR:
            taken = stock.page[axis] - 2 * stock.first[axis] if stock.first[axis] < 0 else end
            self.add_error(
                name,
                f"So many {name} need {taken:.1f} mm with gaps and margin; the sheet has {stock.page[axis]:g} mm. "
                f"Give fewer {name}, or smaller labels, gaps or margins.",
            )

    def _refuse_insets(self, stock: Stock) -> None:
        top, right, bottom, left = self.insets
        for name, size, inset in (("left", stock.label[0], left + right), ("top", stock.label[1], top + bottom)):
            if inset and size - inset < LEAST_LEFT:
                self.add_error(
                    f"inset_{name}",
                    f"Of {size:g} mm, {inset:g} mm are not printed: less than {LEAST_LEFT:g} mm are left. "
                    "Give smaller insets, or choose a larger label.",
                )
