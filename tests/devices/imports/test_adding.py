"""Adding one device: registered, its secret on the answer and nowhere else; or the form back, with its reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices.credentials import operations as credentials
from devices.identity import serials
from devices.lifecycle import register_with_credential
from devices.models import Credential, Device, DeviceModel, Event, Recipe, RecipeVersion
from tests import builders

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from tests.conftest import World

SERIAL = "KANARRA7F3" + serials.compute_check_characters("KANARRA7F3")


@pytest.fixture
def mine(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def post(client: Client, world: World, **fields: Any) -> HttpResponse:
    given = {"recipe": world.version.recipe_id, "serial": SERIAL} | fields
    return client.post(reverse("devices:new-one"), given)  # type: ignore[return-value]


def shown(body: str, name: str) -> str:
    found = re.search(rf'id="{name}">([^<]+)<', body)
    assert found
    return found[1]


@pytest.mark.parametrize("how", ["", "file", "many", "one", "else"])
def test_three_ways(mine: Client, how: str) -> None:
    body = mine.get(reverse("devices:new"), {"how": how}).content.decode()
    assert body.count('class="way"') == 3
    assert body.count('aria-current="page"') >= 1
    assert "Canary" not in body


def test_without_a_recipe_the_page_leads_to_one(mine: Client, world: World) -> None:
    Recipe.objects.manageable_by(world.owner).update(retired_at="2026-01-01T00:00Z")
    assert "A recipe comes first" in mine.get(reverse("devices:new")).content.decode()


def test_the_secret_is_shown_once_and_works(mine: Client, world: World) -> None:
    model = DeviceModel.objects.create(organisation=world.kanarra, name="KG-500")
    answer = post(mine, world, name="Pump  house", group=world.anaheim.pk, model=model.pk, tags="batch=7; site = roof")
    body = answer.content.decode()
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    device = Device.objects.get(serial=SERIAL)
    assert (device.name, device.group, device.model) == ("Pump house", world.anaheim, model)
    assert device.tags == {"batch": "7", "site": "roof"}
    key, secret = shown(body, "access-key"), shown(body, "access-secret")
    assert credentials.authenticate_device(access_key=key, access_secret=secret) == device
    assert body.count(secret) == 1
    kinds = Event.objects.filter(device=device).order_by("id").values_list("kind", "by")
    assert list(kinds) == [(kind, world.owner.pk) for kind in ("registered", "provisioned")]
    again = post(mine, world)
    assert again.status_code == 409
    assert "already" in again.content.decode()
    assert secret not in again.content.decode()
    assert Credential.objects.of(device).count() == 1


def test_a_blank_serial_is_made_and_sending_it_twice_makes_one(mine: Client, world: World) -> None:
    page = mine.get(reverse("devices:new"), {"how": "one"}).content.decode()
    found = re.search(r'name="spare" value="([0-9a-f]{64})"', page)
    assert found
    before = Device.objects.count()
    assert post(mine, world, serial="", spare=found[1]).status_code == 200
    assert post(mine, world, serial="", spare=found[1]).status_code == 409
    assert Device.objects.count() == before + 1
    assert serials.is_valid(Device.objects.latest("pk").serial)


@pytest.mark.parametrize(
    ("kind", "words"), [("certificate", "certificate from the factory"), ("activation", "when it activates")]
)
def test_a_recipe_without_keys_makes_none(mine: Client, world: World, kind: str, words: str) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(credential_kind=kind)
    assert words in post(mine, world).content.decode()
    assert not Credential.objects.filter(device__serial=SERIAL).exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"recipe": ""}, "Choose what kind"),
        ({"recipe": "x" * 5000}, "not offered"),
        ({"serial": "KANARRA7F3XX"}, "check characters do not fit"),
        ({"serial": "<script>"}, "never stands in a serial"),
        ({"serial": "\x00"}, "sign in it that can&#x27;t be kept"),
        ({"serial": "Ⅷ" * 5000}, "characters are too many: at most"),
        ({"name": "a\u202eb"}, "control characters"),
        ({"name": "n" * 121}, "at most 120"),
        ({"tags": "spare"}, "A tag is written key: value"),
        ({"tags": "=1"}, "A tag&#x27;s name has"),
        ({"tags": "{" * 1900}, "These are no tags"),
        ({"group": "0"}, "can&#x27;t take devices"),
        ({"model": "99999"}, "not supported"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(mine: Client, world: World, fields: dict[str, str], said: str) -> None:
    before = Device.objects.count(), Event.objects.count()
    answer = post(mine, world, **fields)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert (Device.objects.count(), Event.objects.count()) == before


def test_nothing_of_another_organisation_can_be_named(mine: Client, world: World) -> None:
    foreign = DeviceModel.objects.get(organisation=world.other)
    before = Device.objects.count()
    for fields in ({"recipe": world.other_version.recipe_id}, {"group": world.other_site.pk}, {"model": foreign.pk}):
        assert post(mine, world, **fields).status_code == 422
    assert post(mine, world, group=world.sadler.pk).status_code == 422  # not a leaf
    assert Device.objects.count() == before


def test_the_format_of_the_recipe_counts(mine: Client, world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "base10", "length": 6})
    assert "digits" in post(mine, world).content.decode()
    assert post(mine, world, serial="004711").status_code == 200
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "base10"})
    assert post(mine, world, serial="").status_code == 422


def test_a_failure_before_the_commit_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = []

    def break_down(device: Device) -> None:
        issued.append(make(device))
        raise RuntimeError

    make = credentials.make_first
    monkeypatch.setattr(credentials, "make_first", break_down)
    before = Device.objects.count(), Event.objects.count()
    with pytest.raises(RuntimeError):
        register_with_credential.add_device(by=world.owner, version=world.version, serial=SERIAL, group=world.anaheim)
    assert (Device.objects.count(), Event.objects.count()) == before
    assert (
        credentials.authenticate_device(access_key=issued[0].access_key, access_secret=issued[0].access_secret) is None
    )


def test_the_same_serial_in_another_organisation_is_another_device(mine: Client, world: World) -> None:
    builders.make_device(world.other_version, serial=SERIAL)
    assert post(mine, world).status_code == 200


def test_coming_by_get_leads_back(mine: Client) -> None:
    for name in ("new-one", "new-many", "import-new"):
        assert mine.get(reverse(f"devices:{name}"))["Location"] == reverse("devices:new")
