"""How forms' controls are written: from Django's own templates, folded."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from django import forms
from django.forms.renderers import DjangoTemplates
from django.template.backends.django import DjangoTemplates as Backend

if TYPE_CHECKING:
    from django.template.backends.base import BaseEngine

LOADERS = ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"]


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
