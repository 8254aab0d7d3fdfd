"""The table of supported models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.inventory.filters import DeviceFilter
from devices.models import DeviceModel, Event
from provisioning.windows.forms import PlaceForm
from tenants.models import Organisation

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.fixture
def owner(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def post(client: Client, route: str, model: DeviceModel | None = None, **data: str) -> Any:
    return client.post(reverse(f"devices:{route}", kwargs={"pk": model.pk} if model else {}), data)


def used(world: World) -> DeviceModel:
    assert world.version.model
    return world.version.model


def test_add_rename_delete(owner: Client, world: World) -> None:
    assert post(owner, "model-add", name="  KG  60 ").status_code == 302
    model = DeviceModel.objects.get(name="KG 60")
    assert model.organisation == world.kanarra
    assert post(owner, "model-rename", model, name="KG-60").status_code == 302
    assert post(owner, "model-delete", model).status_code == 302
    assert not DeviceModel.objects.filter(pk=model.pk).exists()
    events = Event.objects.filter(kind=Event.Kind.MODEL_CHANGED).order_by("pk")
    assert [(each.by, each.data["act"], each.data["name"]) for each in events] == [
        (world.owner, "added", "KG 60"),
        (world.owner, "renamed", "KG 60"),
        (world.owner, "deleted", "KG-60"),
    ]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("", "Give the model a name."),
        ("KG-250", "There is a model with this name already."),
        ("a\x00", "U+0000"),
        ("x" * 121, "at most 120"),
    ],
)
def test_a_name_that_can_not_be_is_told_beside_the_field(owner: Client, world: World, name: str, cause: str) -> None:
    other = DeviceModel.objects.create(organisation=world.kanarra, name="KG-60")
    for answer in (post(owner, "model-add", name=name), post(owner, "model-rename", other, name=name)):
        assert answer.status_code == 422
        assert cause in answer.content.decode()
    assert set(DeviceModel.objects.filter(organisation=world.kanarra).values_list("name", flat=True)) == {
        "KG-250",
        "KG-60",
    }
    assert not Event.objects.filter(kind=Event.Kind.MODEL_CHANGED).exists()


def test_one_in_use_is_not_deleted(owner: Client, world: World) -> None:
    answer = owner.post(reverse("devices:model-delete", kwargs={"pk": used(world).pk}), follow=True)
    assert "KG-250 is in use. Retire it instead" in answer.content.decode()
    assert DeviceModel.objects.filter(pk=used(world).pk).exists()
    assert not Event.objects.filter(kind=Event.Kind.MODEL_CHANGED).exists()


def test_a_retired_one_is_no_longer_offered_and_devices_keep_it(owner: Client, world: World) -> None:
    unused = DeviceModel.objects.create(organisation=world.kanarra, name="KG-60")
    for model in (used(world), unused):
        for _ in range(2):
            assert post(owner, "model-retire", model).status_code == 302
    assert Event.objects.filter(kind=Event.Kind.MODEL_CHANGED, data__act="retired").count() == 2
    world.placed.refresh_from_db()
    assert world.placed.model == used(world)
    assert offered(DeviceFilter({}, user=world.owner)) == {"KG-250"}
    assert offered(PlaceForm(user=world.technician, device=world.waiting)) == {"KG-250"}
    world.waiting.model = None
    assert offered(PlaceForm(user=world.technician, device=world.waiting)) == set()
    assert post(owner, "model-restore", unused).status_code == 302
    assert offered(PlaceForm(user=world.technician, device=world.waiting)) == {"KG-60"}


def offered(form: Any) -> set[str]:
    return {str(label) for key, label in form.fields["model"].widget.choices if str(key)}


@pytest.mark.parametrize("name", ["model-rename", "model-retire", "model-restore", "model-delete"])
def test_anothers_stays_as_it_is(owner: Client, world: World, name: str) -> None:
    before = list(DeviceModel.objects.order_by("pk").values())
    theirs = world.other_version.model
    for model in (theirs, DeviceModel(pk=999_999)):
        assert post(owner, name, model, name="Mine now").status_code == 404
    assert list(DeviceModel.objects.order_by("pk").values()) == before


def test_counts_and_constant_queries(owner: Client, world: World) -> None:
    def queries() -> tuple[int, str]:
        with CaptureQueriesContext(connection) as asked:
            html = owner.get(reverse("devices:models")).content.decode()
        return len(asked), html

    few, html = queries()
    assert '<td data-label="Devices" class="num">3</td>' in html
    assert '<td data-label="Recipes" class="num">1</td>' in html
    DeviceModel.objects.bulk_create(DeviceModel(organisation=world.kanarra, name=f"M{n}") for n in range(5))
    assert queries()[0] == few
    assert (
        "Rename<span"
        not in owner.get(reverse("devices:model", kwargs={"pk": used(world).pk}))
        .content.decode()
        .split(f'id="model-{used(world).pk}"')[1]
        .split("</tr>")[0]
    )


def test_a_reload_after_a_post_leads_back(owner: Client, world: World) -> None:
    for name in ("model-rename", "model-retire", "model-restore", "model-delete"):
        answer = owner.get(reverse(f"devices:{name}", kwargs={"pk": used(world).pk}))
        assert answer.status_code == 302
        assert owner.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize("lacks", ["role", "second factor"])
def test_who_reaches_nothing_sees_no_models(client: Client, world: World, lacks: str) -> None:
    if lacks == "role":
        world.viewer.memberships.all().delete()
    else:
        Organisation.objects.update(require_two_factor=True)
    client.force_login(world.viewer)
    assert client.get("/api/v1/models/").json()["results"] == []
    assert client.get(f"/api/v1/models/{used(world).pk}/").status_code == 404
