"""Gateways of a device, by page and by the API: the same answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.models import Device, Event, Tie
from devices.ties import operations as ties
from tenants.models import Role
from tests.builders import make_device, make_group, make_user
from tests.devices.api import Program, kind, places

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.fixture
def gateway(world: World) -> Device:
    return make_device(world.version, group=world.anaheim, by=world.owner, name="Anaheim gateway")


def page(device: Device) -> str:
    return reverse("devices:gateways", kwargs={"serial": device.serial})


def untie_page(device: Device, gateway: Device) -> str:
    return reverse("devices:gateway-untie", kwargs={"serial": device.serial, "gateway": gateway.serial})


def test_tied_and_untied_on_the_page(world: World, gateway: Device, client: Client) -> None:
    client.force_login(world.admin)
    offered = client.get(page(world.placed)).content.decode()
    assert f'<option value="{gateway.serial}">' in offered
    answer = client.post(page(world.placed), {"gateway": gateway.serial_grouped.lower()}, follow=True)
    assert "Anaheim gateway may speak for Anaheim One now." in answer.content.decode()
    assert Tie.objects.standing().get().device == world.placed
    assert f'<option value="{gateway.serial}">' not in answer.content.decode()
    again = client.post(page(world.placed), {"gateway": gateway.serial}, follow=True)
    assert "could speak for Anaheim One already" in again.content.decode()
    answer = client.post(untie_page(world.placed, gateway), {"from": "gateway"})
    assert answer["Location"] == page(gateway)
    assert not Tie.objects.standing().exists()
    assert list(Event.objects.filter(device=world.placed).values_list("kind", flat=True)[:2]) == ["untied", "tied"]
    assert client.post(untie_page(world.placed, gateway)).status_code == 404
    assert client.get(untie_page(world.placed, gateway)).status_code == 405


def test_both_ends_are_told_to_whoever_sees_them(world: World, gateway: Device, client: Client) -> None:
    ties.tie(device=world.placed, gateway=gateway, by=world.owner)
    client.force_login(world.viewer)
    device_page = client.get(world.placed.get_absolute_url()).content.decode()
    assert f'Speaks through <a href="{gateway.get_absolute_url()}">Anaheim gateway</a>' in device_page
    gateway_page = client.get(gateway.get_absolute_url()).content.decode()
    assert "Speaks for 1 device" in gateway_page
    assert f'<a href="{world.placed.get_absolute_url()}">Anaheim One</a>' in gateway_page
    ties.untie(device=world.placed, gateway=gateway, by=world.owner)
    assert "Speaks" not in client.get(world.placed.get_absolute_url()).content.decode()


def test_no_person_sees_a_tie_to_what_they_do_not_see(world: World, gateway: Device, client: Client) -> None:
    """Though it can't come to that: rows may be of a release that had another rule."""
    moved = make_device(world.version, group=world.boise, by=world.owner, name="Canary gateway")
    Tie.objects.create(
        device=world.placed,
        gateway=moved,
        assignment_id=world.placed.assignment_id,
        gateway_assignment_id=moved.assignment_id,
    )
    client.force_login(world.admin)
    for where in (page(world.placed), world.placed.get_absolute_url()):
        assert "Canary" not in client.get(where).content.decode()
    assert client.post(untie_page(world.placed, moved)).status_code == 404
    api = Program(world.admin)
    assert api.get(f"devices/{world.placed.serial}/gateways/").json()["results"] == []
    assert kind(api.delete(f"devices/{world.placed.serial}/gateways/{moved.serial}/")) == "not-found"
    assert Tie.objects.standing().count() == 1


@pytest.mark.parametrize("typed", ["foreign", "alien", "waiting", "unknown", "nonsense"])
def test_foreign_and_missing_gateways_are_the_same(world: World, client: Client, typed: str) -> None:
    serial = {"unknown": "TMRY5AVJ28N6", "nonsense": "‮<script>"}.get(typed) or getattr(world, typed).serial
    client.force_login(world.admin)
    answer = client.post(page(world.placed), {"gateway": serial})
    assert answer.status_code == 422
    assert "You manage no device with this serial." in answer.content.decode()
    refusal = Program(world.admin).post(f"devices/{world.placed.serial}/gateways/", {"gateway": serial})
    assert kind(refusal) == "tie-unknown-gateway"
    assert places(refusal) == ["#/gateway"]
    assert not Tie.objects.exists()


def test_an_admin_of_one_end_alone_ties_nothing(world: World, client: Client) -> None:
    """An admin of two groups is refused for the groups; of one, as if there were no such device."""
    api = Program(world.owner)
    refusal = api.post(f"devices/{world.placed.serial}/gateways/", {"gateway": world.foreign.serial})
    assert (refusal.status_code, kind(refusal)) == (409, "tie-across-groups")
    client.force_login(world.owner)
    answer = client.post(page(world.placed), {"gateway": world.foreign.serial})
    assert answer.status_code == 409
    assert "not in the same group" in answer.content.decode()
    narrow = make_user("boise@tekton.example", world.tekton, Role.ADMIN)
    assert kind(
        Program(narrow).post(f"devices/{world.placed.serial}/gateways/", {"gateway": world.foreign.serial})
    ) == ("not-found")


def test_an_empty_field_says_what_it_wants(world: World, client: Client) -> None:
    client.force_login(world.admin)
    for typed in ("", "x" * 500, "a\0b"):
        assert client.post(page(world.placed), {"gateway": typed}).status_code == 422
    assert "Give the serial of the gateway." in client.post(page(world.placed), {}).content.decode()
    for sent in ({}, {"gateway": ""}, {"gateway": 5.5}, {"gateway": None}, {"gateway": "a\0b"}, {"other": "x"}):
        assert Program(world.admin).post(f"devices/{world.placed.serial}/gateways/", sent).status_code == 400
    assert not Tie.objects.exists()


def test_by_the_api(world: World, gateway: Device) -> None:
    api = Program(world.admin, world.sadler)
    path = f"devices/{world.placed.serial}/gateways/"
    shown = {"serial": gateway.serial, "device_id": gateway.device_id, "name": "Anaheim gateway"}
    for _ in range(2):
        made = api.post(path, {"gateway": gateway.serial})
        assert (made.status_code, made.json()) == (201, shown)
        assert made["Location"].endswith(f"/{path}{gateway.serial}/")
    assert api.get(path).json() == {"results": [shown], "next": None}
    told = api.get(f"devices/{gateway.serial}/spoken-for/").json()["results"]
    assert [row["device_id"] for row in told] == [world.placed.device_id]
    assert api.get(f"devices/{gateway.serial}/gateways/").json()["results"] == []
    assert api.get(f"{path}{gateway.serial}/").json() == shown
    assert api.get(f"{path}{world.placed.serial}/").status_code == 404
    viewer = Program(world.viewer, world.sadler, Role.VIEWER)
    assert viewer.get(path).json()["results"] == [shown]
    assert viewer.delete(f"{path}{gateway.serial}/").status_code == 404
    assert api.delete(f"{path}{gateway.serial}/").status_code == 204
    assert api.delete(f"{path}{gateway.serial}/").status_code == 404
    assert Event.objects.filter(device=world.placed, kind__in=["tied", "untied"]).count() == 2


def test_a_token_of_another_group_ties_nothing(world: World, gateway: Device) -> None:
    elsewhere = make_group(world.sadler, "Elsewhere")
    narrow = Program(world.admin, elsewhere)
    assert narrow.post(f"devices/{world.placed.serial}/gateways/", {"gateway": gateway.serial}).status_code == 404
