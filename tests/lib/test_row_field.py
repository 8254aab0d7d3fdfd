"""A field to choose one of few rows reads them once, and offers what Django's own field offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django import forms
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import DeviceModel
from lib.fields import RowField

if TYPE_CHECKING:
    from tests.conftest import World


def make_form(kind: type[forms.ModelChoiceField], empty_label: str | None, chosen: int) -> forms.Form:  # type: ignore[type-arg]
    form = forms.Form(initial={"model": chosen})
    form.fields["model"] = kind(DeviceModel.objects.order_by("name"), empty_label=empty_label)
    return form


@pytest.mark.parametrize("empty_label", ["Choose a model…", None])
def test_it_offers_what_djangos_own_offers(world: World, empty_label: str | None) -> None:
    for name in ("KG-60", "KG-100 <b>"):
        DeviceModel.objects.create(organisation=world.kanarra, name=name)
    own, theirs = (
        str(make_form(kind, empty_label, world.version.model_id or 0)) for kind in (RowField, forms.ModelChoiceField)
    )
    assert own == theirs
    assert "KG-100 &lt;b&gt;" in own


def test_it_reads_them_once(world: World) -> None:
    form = make_form(RowField, "", 0)
    with CaptureQueriesContext(connection) as asked:
        assert str(form) == str(form)
    (only,) = asked.captured_queries
    assert only["sql"].startswith("SELECT")


def test_none_are_offered_of_none(world: World) -> None:
    form = forms.Form()
    form.fields["model"] = RowField(DeviceModel.objects.none(), empty_label=None)
    assert "<option" not in str(form)
    choices: Any = RowField(DeviceModel.objects.none()).choices
    assert list(choices) == [("", "---------")]
