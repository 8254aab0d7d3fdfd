"""Controls of forms are what Django's own templates write."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from lib.rendering.forms import INPUTS, SELECT, Renderer

if TYPE_CHECKING:
    from django.forms.widgets import Widget

ODD = "<b>&amp;\"'%s {{ name }}\n"
VALUES: list[Any] = [
    None,
    "",
    "text",
    ODD,
    mark_safe(ODD),
    gettext_lazy("late"),
    0,
    1234567,
    Decimal("1.50"),
    True,
    False,
]
ATTRIBUTES: list[dict[str, Any]] = [
    {},
    {"id": "x", "class": ODD, "required": True, "disabled": False},
    {"data-safe": mark_safe(ODD), "max": 5000, "late": gettext_lazy("<late>"), "none": None, ODD: ""},
]
CHOICES: list[list[Any]] = [
    [],
    [("", "Any"), ("text", "Text"), (ODD, ODD), (mark_safe(ODD), mark_safe(ODD))],
    [(1234567, 1234567), (None, gettext_lazy("<late>")), (True, date(2026, 1, 31)), (0, Decimal("1.50"))],
    [("Group & one", [("text", "Text"), (1, "One")]), ("2", "Two"), (gettext_lazy("<late>"), [("3", "Three")])],
]


class Search(forms.TextInput):
    template_name, input_type = "django/forms/widgets/search.html", "search"


class OwnOption(forms.Select):
    def create_option(self, *given: Any, **named: Any) -> dict[str, Any]:
        return super().create_option(*given, **named) | {"attrs": {"data-own": ODD, "selected": True}}


class OwnOptions(forms.Select):
    option_template_name = "django/forms/widgets/radio_option.html"


INPUT_KINDS: list[type[Widget]] = [
    forms.TextInput,
    Search,
    forms.EmailInput,
    forms.NumberInput,
    forms.DateInput,
    forms.HiddenInput,
    forms.CheckboxInput,
]
SELECTS = [forms.Select, OwnOption, OwnOptions, forms.NullBooleanSelect, forms.SelectMultiple]


def check(widget: Widget, value: Any, attributes: dict[str, Any]) -> None:
    written = [widget.render(ODD, value, attributes, renderer) for renderer in (Renderer(), DjangoTemplates())]
    assert written[0] == written[1]


@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_inputs(kind: type[Widget]) -> None:
    assert kind.template_name in INPUTS
    for value in VALUES:
        for attributes in ATTRIBUTES:
            check(kind(), value, attributes)


@pytest.mark.parametrize("kind", SELECTS)
@pytest.mark.parametrize("choices", CHOICES, ids=["none", "texts", "others", "groups"])
def test_selects(kind: type[forms.Select], choices: list[Any]) -> None:
    assert kind.template_name == SELECT
    for value in VALUES:
        for attributes in ATTRIBUTES:
            widget = kind()
            widget.choices = choices
            check(widget, [value, "text"] if kind is forms.SelectMultiple else value, attributes)


def test_all_inputs_are_tried() -> None:
    assert {kind.template_name for kind in INPUT_KINDS} == INPUTS


@pytest.mark.parametrize("kind", [forms.Textarea, forms.RadioSelect, forms.PasswordInput, forms.ClearableFileInput])
def test_all_others_are_left_to_the_templates(kind: type[Widget]) -> None:
    check(kind(), "text", ATTRIBUTES[1])
