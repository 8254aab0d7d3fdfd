"""How forms' controls are written: from Django's own templates, folded; those of which a page has many, without them.

A template includes another one for each option of a choice, and one more for its attributes. What is written here is
the same to the letter, and tests compare it.
"""

from __future__ import annotations

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.renderers import DjangoTemplates
from django.template import Context
from django.template.backends.django import DjangoTemplates as Backend
from django.template.base import render_value_in_context
from django.utils.safestring import SafeData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest
    from django.template.backends.base import BaseEngine

LOADERS = ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"]
FOLDER = "django/forms/widgets"
INPUTS = {f"{FOLDER}/{kind}.html" for kind in ("text", "search", "email", "number", "date", "hidden", "checkbox")}
SELECT, OPTION = f"{FOLDER}/select.html", f"{FOLDER}/select_option.html"


class Renderer(DjangoTemplates):
    @cached_property
    def engine(self) -> BaseEngine:
        return Backend(
            {
                "NAME": "forms",
                "DIRS": [Path(forms.__file__).parent / "templates"],
                "APP_DIRS": False,
                "OPTIONS": {"loaders": [("lib.rendering.folding.Loader", LOADERS)]},
            }
        )

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        if template_name in INPUTS:
            return _write_input(context["widget"])
        if template_name == SELECT and _has_plain_options(context["widget"]):
            return _write_select(context["widget"])
        return super().render(template_name, context, request)


def _write_input(widget: Mapping[str, Any]) -> str:
    value = "" if widget["value"] is None else f' value="{_write_text(widget["value"])}"'
    return f'<input type="{widget["type"]}" name="{escape(widget["name"])}"{value}{_write_attributes(widget)}>'


def _has_plain_options(widget: Mapping[str, Any]) -> bool:
    return all(option["template_name"] == OPTION for _, options, _ in widget["optgroups"] for option in options)


def _write_select(widget: Mapping[str, Any]) -> str:
    parts = [f'<select name="{escape(widget["name"])}"{_write_attributes(widget)}>']
    for name, options, _ in widget["optgroups"]:
        written = "".join([f"\n  {_write_option(option)}\n" for option in options])
        parts.append(f'\n  <optgroup label="{_write_shown(name)}">{written}\n  </optgroup>' if name else written)
    return "".join([*parts, "\n</select>"])


def _write_option(option: Mapping[str, Any]) -> str:
    label = _write_shown(option["label"])
    return f'<option value="{_write_text(option["value"])}"{_write_attributes(option)}>{label}</option>'


def _write_attributes(widget: Mapping[str, Any]) -> str:
    given = widget["attrs"].items()
    return "".join(
        [
            f" {escape(name)}" if value is True else f' {escape(name)}="{_write_text(value)}"'
            for name, value in given
            if value is not False
        ]
    )


def _write_text(value: Any) -> str:
    """Return it as a text, as the filter `stringformat` does."""
    return str(value) if isinstance(value, SafeData) else escape(str(value))


def _write_shown(value: Any) -> str:
    return escape(value) if type(value) is str else render_value_in_context(value, Context())
