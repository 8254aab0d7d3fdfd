"""Fragments that are filled in are those that their templates write."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from django.template import engines
from django.template.loader import get_template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

from devices.models import Attribute, Device, DeviceModel
from devices.templatetags.device_rows import ROW
from lib.rendering import stencils
from lib.rendering.stencils import Stencil, Unfillable
from telemetry.templatetags.readings import CHART, STATE, TIMELINE
from telemetry.templatetags.readings import TILE as TILE_OF_VALUE
from tenants.models import Group
from tests.telemetry import reports

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

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


ON_PAGES = [ROW, TILE_OF_VALUE, STATE, CHART, TIMELINE]
LETTERS = [chr(stencils.LETTER + number) for number in range(20)]


@pytest.mark.parametrize("stencil", ON_PAGES, ids=lambda each: each.template)
def test_letters_for_private_use_are_nobodys_place(stencil: Stencil) -> None:
    """Whoever names a device, a group, an attribute or its unit with those by which places are found."""
    stencil = Stencil(stencil.template, texts=stencil.names[: stencil.number], flags=stencil.names[stencil.number :])
    flags = [True] * (len(stencil.names) - stencil.number)
    template = get_template(stencil.template)
    for shift in (0, 1, 7):  # at first, so that the plan is made of such, and again
        texts = ["".join(LETTERS[place + shift :] + LETTERS[: place + shift]) for place in range(stencil.number)]
        for given in ([*texts, *flags], [*map(SafeString, texts), *flags], [*texts[::-1], *flags]):
            expected = template.render(dict(zip(stencil.names, given, strict=True)))
            assert stencil.fill(*given) == expected


@pytest.mark.django_db
def test_pages_with_such_letters_are_those_that_are_rendered(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    those = "".join(LETTERS)
    told = {"name": f"{LETTERS[9]}{LETTERS[0]} <b>%s", "description": those, "tags": {those[:3]: those[::-1]}}
    Device.objects.filter(pk=world.placed.pk).update(**told)
    Group.objects.filter(pk=world.anaheim.pk).update(name=f"{LETTERS[4]}{LETTERS[1]}")
    DeviceModel.objects.filter(organisation=world.kanarra).update(name=those[5:])
    Attribute.objects.filter(version=world.version).update(label=those[2:9], unit=those[:2])
    reports.save(reports.timed(world.placed, reports.now(), rpm=7, engineState=those))
    client.force_login(world.owner)
    plain, seen = Stencil.fill, list[tuple[str, str, str]]()

    def fill(self: Stencil, *given: Any) -> SafeString:
        filled = plain(self, *given)
        seen.append((self.template, filled, self._render(given)))
        return filled

    monkeypatch.setattr(Stencil, "fill", fill)
    for address in [reverse("devices:list"), world.placed.get_absolute_url()] * 2:
        assert escape(told["name"]) in client.get(address).content.decode()
    assert {template for template, _, _ in seen} == {
        each.template for each in (ROW, TILE_OF_VALUE, STATE, CHART, TIMELINE)
    }
    for _, filled, rendered in seen:
        assert filled == rendered


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
