"""Fragments that are written down once, with holes for texts: what a list shows on each row, or a page for each value.

    ROW = Stencil("devices/inventory/_row.html", texts=("name", "address"), flags=("is_admin",))

    ROW.fill(name, address, is_admin)  # SafeString

A template that is rendered for each of fifty rows asks a hundred nodes fifty times. Here it is rendered once for each
*shape*: the flags by their values, of the texts which are empty and which are safe already. In this text, made-up ones
are found again, and where they stand the given ones stand from then on, escaped as the template would.

So the template may only write texts, and ask whether they are empty; flags are for it to decide by. While `checked` is
true, as in all tests, each fragment is rendered as well, and has to be the same: docs/decisions/0059.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from django.template.loader import get_template
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from collections.abc import Sequence

checked = False
MOST = 500  # shapes of one fragment
LETTER = 0xE000  # for private use: no template has it
MADE_UP = re.compile(r"([\ue000-\uefff])")


class Unfillable(TypeError):
    """Say that a template does more with a text than to write it."""


class Plan(NamedTuple):
    """Hold the text of a shape, as a format, and which texts go into it, in order."""

    pattern: str
    places: tuple[int, ...]


class Stencil:
    def __init__(self, template: str, *, texts: Sequence[str], flags: Sequence[str] = ()) -> None:
        self.template, self.names, self.number = template, (*texts, *flags), len(texts)
        self._plans: dict[tuple[object, ...], Plan] = {}

    def fill(self, *given: Any) -> SafeString:
        """Return the fragment with these texts and flags, in the order in which they were declared."""
        texts = given[: self.number]
        shape = (*map(_read_kind, texts), *given[self.number :])
        if (plan := self._plans.get(shape)) is None:
            plan = self._keep(shape, self._make_plan(given))
        written = [text if type(text) is SafeString else escape(text) for text in texts]
        filled = SafeString(plan.pattern % tuple([written[place] for place in plan.places]))
        if checked and filled != (rendered := self._render(given)):
            raise Unfillable(f"{self.template} does more with a text than to write it: {filled!r}, not {rendered!r}")
        return filled

    def _keep(self, shape: tuple[object, ...], plan: Plan) -> Plan:
        if len(self._plans) >= MOST:
            self._plans.clear()
        self._plans[shape] = plan
        return plan

    def _make_plan(self, given: tuple[Any, ...]) -> Plan:
        made_up = [type(text)(chr(LETTER + place)) if text else text for place, text in enumerate(given[: self.number])]
        pieces = MADE_UP.split(self._render((*made_up, *given[self.number :])))
        pattern = "%s".join(piece.replace("%", "%%") for piece in pieces[::2])
        return Plan(pattern, tuple(ord(letter) - LETTER for letter in pieces[1::2]))

    def _render(self, given: tuple[Any, ...]) -> str:
        return get_template(self.template).render(dict(zip(self.names, given, strict=True)))


def _read_kind(text: str) -> object:
    return type(text) if text else ""
