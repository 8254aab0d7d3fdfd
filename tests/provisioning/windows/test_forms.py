"""What a technician is offered to fill in: only what they may use, and what is most likely chosen already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices.lifecycle import assignments
from devices.models import Device, DeviceModel
from provisioning.windows.forms import LAST_GROUP, PlaceForm, ProofForm, ScanForm
from tenants.models import Membership, Organisation, Role, User
from tests import builders
from tests.provisioning.conftest import form_data
from tests.provisioning.windows.test_operations import place

if TYPE_CHECKING:
    from tests.conftest import World


def make_form(world: World, data: dict[str, object] | None = None, **change: Any) -> PlaceForm:
    given: dict[str, Any] = {"user": world.technician, "device": world.waiting, **change}
    given["user"] = User.objects.get(pk=given["user"].pk)
    return PlaceForm(data, **given)


@pytest.mark.parametrize(
    ("text", "read"),
    [("KG2500", "KG2500"), ("  KG2500\r\n", "KG2500"), ("\ufeffKG2500", "KG2500"), ("]Q1KG2500", "KG2500")],
)
def test_what_scanners_put_around_a_text_is_no_mistake(text: str, read: str) -> None:
    form = ScanForm({"text": text})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["text"] == read


@pytest.mark.parametrize("text", ["", "   ", "\r\n"])
def test_nothing_scanned_is_said_to_be_nothing(text: str) -> None:
    assert ScanForm({"text": text}).errors["text"] == ["Scan the label, or type the serial that is printed on it."]


@pytest.mark.parametrize(
    ("method", "label"), [("claim-code", "Claim code"), ("rotating-code", "Code on the display"), ("press", None)]
)
def test_a_code_is_called_what_it_is(method: str, label: str | None) -> None:
    form = ProofForm({"code": ""}, method=method)
    assert form.fields["code"].label == label
    assert form.errors["code"] == ["Enter the code."]


def test_of_several_groups_none_is_chosen_until_one_was(world: World) -> None:
    ward = builders.make_group(world.region, "Ward")
    assert make_form(world).initial["group"] is None
    place(world, ward)
    form = make_form(world)
    assert form.initial["group"] == ward.pk
    assert form.fields["group"].help_text == LAST_GROUP


def test_the_only_group_is_chosen_and_nothing_said_of_it(world: World) -> None:
    place(world, world.anaheim)
    form = make_form(world)
    assert form.initial["group"] == world.anaheim.pk
    assert form.fields["group"].help_text != LAST_GROUP


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"name": ""}, "name", "Give the device a name."),
        ({"name": "a\u202eb"}, "name", "control"),
        ({"group": ""}, "group", "Choose where the device is installed."),
        ({"group": "0"}, "group", "This group can't take the device (any more)."),
        ({"group": "region"}, "group", "This group can't take the device (any more)."),
        ({"group": "boise"}, "group", "This group can't take the device (any more)."),
        ({"model": ""}, "model", "Choose the device's model."),
        ({"model": "0"}, "model", "This model is not supported (any more)."),
    ],
    ids=str,
)
def test_what_does_not_fit_comes_back_with_its_cause(
    world: World, change: dict[str, str], field: str, said: str
) -> None:
    sent = {name: getattr(getattr(world, value, value), "pk", value) for name, value in change.items()}
    form = make_form(world, form_data(world, **sent))
    assert list(form.errors) == [field]
    assert said in form.errors[field][0]


def test_models_are_the_organisations_own_and_those_that_it_still_has(world: World) -> None:
    theirs = world.other_version.model
    old = DeviceModel.objects.create(organisation=world.kanarra, name="Old", retired_at=Now())
    new = DeviceModel.objects.create(organisation=world.kanarra, name="New")
    assert theirs is not None
    for model, fits in ((theirs, False), (old, False), (new, True)):
        assert make_form(world, form_data(world, model=model.pk)).is_valid() is fits
    Device.objects.filter(pk=world.waiting.pk).update(model=old)
    kept = Device.objects.select_related("organisation").get(pk=world.waiting.pk)
    assert make_form(world, form_data(world, model=old.pk), device=kept).is_valid()
    assert make_form(world, device=kept).initial["model"] == old.pk


def test_the_name_is_kept_where_one_sees_the_device(world: World) -> None:
    assert make_form(world).initial["name"] == "Waiting gateway"
    assert make_form(world, device=world.placed).initial["name"] == "Anaheim One"
    assert make_form(world, device=world.foreign).initial["name"] == ""
    assert make_form(world, device=world.foreign, user=world.owner).initial["name"] == "Canary Boise One"


def test_whose_it_is_is_asked_where_the_organisation_wants_that(world: World) -> None:
    assert "person" not in make_form(world).fields
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    device = Device.objects.select_related("organisation").get(pk=world.waiting.pk)
    assert "person" in make_form(world, device=device).fields
    form = make_form(world, form_data(world, person=world.viewer.email), device=device)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["person"] == world.viewer


def test_another_persons_device_does_not_tell_its_name(world: World) -> None:
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    mine = builders.make_device(world.version, name="Robin's own")
    place_at: dict[str, Any] = {"group": world.anaheim, "name": mine.name, "model": mine.model, "by": world.owner}
    fresh = Device.objects.select_related("organisation", "version").get(pk=mine.pk)
    assignments.assign(device=fresh, **place_at, person=world.viewer)
    device = Device.objects.select_related("organisation", "group").get(pk=mine.pk)
    assert make_form(world, device=device).initial["name"] == ""
    Membership.objects.filter(user=world.technician).update(role=Role.ADMIN)
    assert make_form(world, device=device).initial["name"] == "Robin's own"
