"""Fragments that are filled in are those that their templates write."""

from __future__ import annotations

from itertools import product

import pytest
from django.template import engines
from django.template.loader import get_template
from django.utils.safestring import SafeString

from lib.rendering import stencils
from lib.rendering.stencils import Stencil, Unfillable

TILE = "telemetry/dashboard/_tile.html"
NAMES = ("label", "value", "unit", "span", "name", "age")
TEXTS = ("", "100%", "<b>&amp;\"'", "\ue000", "%s %(x)s", SafeString("<b>5</b>"))


@pytest.fixture(autouse=True)
def _as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stencils, "checked", False)


def test_whatever_the_texts_are_the_template_writes_the_same() -> None:
    stencil = Stencil(TILE, texts=NAMES, flags=("is_outside",))
    template = get_template(TILE)
    for first, second, outside in product(TEXTS, TEXTS, (True, False)):
        given = (first, second, second, first, "rpm", SafeString("<time>now</time>"), outside)
        assert stencil.fill(*given) == template.render(dict(zip((*NAMES, "is_outside"), given, strict=True)))


def test_it_is_rendered_once_for_each_shape() -> None:
    stencil = Stencil(TILE, texts=NAMES, flags=("is_outside",))
    for number in range(50):
        stencil.fill(f"Speed {number}", str(number), "rpm", "", "speed", "now", number % 2 == 0)
    assert len(stencil._plans) == 2


def test_a_template_that_looks_at_a_text_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stencils, "checked", True)
    monkeypatch.setattr(stencils, "get_template", engines["django"].from_string)
    assert Stencil("{{ text }}{% if text %}!{% endif %}", texts=["text"]).fill("ab") == "ab!"
    for looks in ("{{ text|upper }}", "{{ text|length }}", "{% if text == 'ab' %}{{ text }}{% endif %}"):
        with pytest.raises(Unfillable):
            Stencil(looks, texts=["text"]).fill("ab")
