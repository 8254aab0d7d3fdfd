"""A group at a glance: its states, what needs attention, its extremes and its map, to those who see the devices."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from devices.lifecycle import assignments
from devices.models import Attention, Attribute, Connection, Device
from telemetry.overview import look, reading
from tenants.models import Role
from tests import builders
from tests.telemetry import reports

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World


@pytest.fixture
def gps(world: World) -> None:
    Attribute.objects.create(version=world.version, name="position", label="Position", type="gps", position=9)


def add(world: World, name: str) -> Device:
    return builders.make_device(world.version, group=world.anaheim, by=world.owner, name=name)


def say(device: Device, **values: Any) -> None:
    reports.save(reports.untimed(device, reports.now(), **values))


def silence(device: Device, cause: str = "silent", attribute: str = "", value: object = None) -> None:
    assert device.assignment
    Attention.objects.create(
        organisation=device.organisation,
        device=device,
        assignment=device.assignment,
        cause=cause,
        attribute=attribute,
        value=value,
    )


def page(client: Client, world: World, who: str = "viewer", group: str = "sadler", **query: Any) -> str:
    client.force_login(getattr(world, who))
    answer = client.get(f"/groups/{getattr(world, group).pk}/overview/", query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def glance(client: Client, world: World, who: str = "viewer", group: str = "sadler") -> dict[str, Any]:
    client.force_login(getattr(world, who))
    answer = client.get(f"/api/v1/groups/{getattr(world, group).pk}/overview/")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def counts(body: str) -> dict[str, str]:
    """By status, with what says that there are at least so many."""
    found = re.findall(r'status=([a-z]+)">.*?<span class="value">(.*?)</span></a>', body, re.S)
    return {status: re.sub(r"<.*?>", "", number).strip() for status, number in found}


def test_states_are_counted_and_lead_to_the_list(client: Client, world: World) -> None:
    here = timezone.now()
    Connection.objects.create(device=world.placed, last_seen_at=here)
    away, locked = add(world, "Away"), add(world, "Locked")
    Connection.objects.create(device=away, last_seen_at=here - timedelta(days=1))
    Device.objects.filter(pk=locked.pk).update(locked_at=here)
    add(world, "Never seen")
    body = page(client, world)
    assert counts(body) == {"online": "1", "offline": "1", "locked": "1", "never": "1"}
    assert f"/?group={world.sadler.pk}&amp;status=offline" in body
    assert {each["status"]: each["count"] for each in glance(client, world)["states"]} == {
        "online": 1,
        "offline": 1,
        "never": 1,
        "expired": 0,
        "locked": 1,
    }


def test_what_needs_attention_is_named(client: Client, world: World) -> None:
    silence(world.placed)
    hot = add(world, "Hot one")
    Attribute.objects.filter(version=world.version, name="rpm").update(maximum=1950)
    silence(hot, "range", "rpm", 2100)
    body = page(client, world)
    assert counts(body)["attention"] == "2"
    assert re.search(r"Anaheim One</a> .*?Silent", body, re.S)
    assert re.search(r"Hot one</a> .*?Engine speed 2,100 rpm \(at most 1,950 rpm expected\)", body, re.S)
    found = glance(client, world)
    assert [each["serial"] for each in found["silent"]["named"]] == [world.placed.serial]
    assert [each["words"] for each in found["out_of_range_or_fault"]["named"]] == [
        "Engine speed 2,100 rpm (at most 1,950 rpm expected)"
    ]


def test_lowest_and_highest_now(client: Client, world: World) -> None:
    Attribute.objects.filter(version=world.version, name="load").update(decimals=1)
    low, gone = add(world, "Low one"), add(world, "Retired one")
    for device, rpm, load in ((world.placed, 1800, 20.04), (low, -3, 99), (gone, 9000, 0)):
        say(device, rpm=rpm, load=load)
    Device.objects.filter(pk=gone.pk).update(retired_at=timezone.now())
    found = {each["attribute"]: each for each in glance(client, world)["extremes"]}
    assert (found["rpm"]["lowest"]["value"], found["rpm"]["lowest"]["serial"]) == (-3, low.serial)
    assert (found["rpm"]["highest"]["value"], found["rpm"]["highest"]["serial"]) == (1800, world.placed.serial)
    assert found["rpm"]["devices"] == 2
    body = page(client, world)
    assert "<strong>\u22123</strong>" in body
    assert "<strong>20.0</strong>" in body
    assert "<strong>99.0</strong>" in body


def test_an_attribute_of_another_unit_is_another_one(client: Client, world: World) -> None:
    other = builders.make_recipe(world.kanarra, "In hertz")
    Attribute.objects.filter(version=other, name="rpm").update(unit="Hz")
    device = builders.make_device(other, group=world.anaheim, by=world.owner, name="Hertz")
    say(world.placed, rpm=1800)
    say(device, rpm=30)
    found = [each for each in glance(client, world)["extremes"] if each["attribute"] == "rpm"]
    assert [(each["unit"], each["lowest"]["value"], each["highest"]["value"]) for each in found] == [
        ("rpm", 1800, 1800),
        ("Hz", 30, 30),
    ]


@pytest.mark.usefixtures("gps")
def test_positions_are_on_the_map_and_in_its_list(client: Client, world: World) -> None:
    say(world.placed, position="33.8353,-117.9145")
    body = page(client, world)
    assert 'class="map-name"' in body
    assert "33.83530° N, 117.91450° W" in body
    (place,) = glance(client, world)["positions"]
    assert (place["serial"], place["latitude"], place["longitude"]) == (world.placed.serial, 33.8353, -117.9145)


def test_without_positions_there_is_no_map(client: Client, world: World) -> None:
    say(world.placed, rpm=3)
    assert "<figure" not in page(client, world)


def test_nothing_of_others(client: Client, world: World) -> None:
    say(world.foreign, rpm=7777)
    silence(world.foreign)
    for who in ("viewer", "technician", "admin"):
        body = page(client, world, who)
        assert "Tekton" not in body
        assert "Canary" not in body
        assert "7,777" not in body
        assert glance(client, world, who)["devices"] == 1
    whole = glance(client, world, "owner", "tekton")
    assert (whole["devices"], whole["silent"]["count"]) == (1, 1)


def test_above_what_one_sees_is_not_named(client: Client, world: World) -> None:
    region = builders.make_user("region@sadler.example", world.region, Role.VIEWER)
    client.force_login(region)
    body = client.get(f"/groups/{world.anaheim.pk}/overview/").content.decode()
    assert "Los Angeles" in body
    assert "Sadler" not in body


def test_a_device_of_one_person_counts_for_them_and_admins(client: Client, world: World) -> None:
    world.kanarra.personal_devices = True
    world.kanarra.save()
    mine = add(world, "Viewers own")
    place: dict[str, Any] = {"group": world.anaheim, "name": mine.name, "model": mine.model, "by": world.owner}
    assignments.assign(device=Device.objects.get(pk=mine.pk), **place, person=world.viewer)
    mine = Device.objects.get(pk=mine.pk)
    say(mine, rpm=5)
    silence(mine)
    for who, seen in (("viewer", 2), ("admin", 2), ("technician", 1)):
        found = glance(client, world, who)
        assert found["devices"] == found["looked_at"] == seen, who
        assert found["silent"]["count"] == len(found["extremes"]) == seen - 1, who


def test_values_of_a_former_assignment_are_nobodys(client: Client, world: World) -> None:
    say(world.placed, rpm=1800)
    moved = Device.objects.get(pk=world.placed.pk)
    assignments.assign(device=moved, group=world.boise, name=moved.name, model=moved.model, by=world.owner)
    found = glance(client, world, "owner", "tekton")
    assert found["devices"] == 2
    assert found["extremes"] == []


def test_of_more_than_are_looked_at_it_says_so(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    add(world, "Another")
    assert glance(client, world)["complete"] is True
    monkeypatch.setattr(look, "MOST", 1)
    found = glance(client, world)
    assert (found["devices"], found["looked_at"], found["complete"]) == (2, 1, False)
    body = page(client, world)
    assert "1 of 2 devices were looked at" in body
    assert counts(body) == {"never": "at least ≥ 1"}


def test_of_many_that_need_attention_some_are_named(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("B", "C"):
        silence(add(world, name))
    silence(world.placed)
    monkeypatch.setattr(reading, "NAMED", 1)
    silent = glance(client, world)["silent"]
    assert (silent["count"], silent["more"], len(silent["named"])) == (3, False, 1)
    assert "and 2 more" in page(client, world)


def test_in_a_large_group_only_so_much_is_read(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    silence(world.placed)
    silence(add(world, "Second"))
    monkeypatch.setattr(look, "MOST", 1)
    silent = glance(client, world)["silent"]
    assert (silent["count"], silent["more"]) == (2, False)  # of devices that were not looked at, too
    monkeypatch.setattr(reading, "READ", 1)
    silent = glance(client, world)["silent"]
    assert (silent["count"], silent["more"]) == (1, True)
    assert counts(page(client, world))["attention"] == "at least ≥ 1"


def test_groups_below_have_their_own_counts(client: Client, world: World) -> None:
    ward = builders.make_group(world.region, "Ward")
    silence(world.placed)
    builders.make_device(world.version, group=ward, by=world.owner, name="Fine one")
    body = page(client, world, group="region")
    assert re.search(r">Kaiser Permanente Anaheim</a> <span class=\"muted\">1 device</span> .*?1 needs attention", body)
    assert re.search(r">Ward</a> <span class=\"muted\">1 device</span></li>", body)


@pytest.mark.parametrize("pk", ["0", "999999", "9" * 30])
def test_no_such_group(client: Client, world: World, pk: str) -> None:
    client.force_login(world.viewer)
    absent, foreign = (client.get(f"/groups/{each}/overview/") for each in (pk, world.tekton.pk))
    assert absent.status_code == foreign.status_code == 404
    assert absent.content == foreign.content


def test_an_empty_group_says_what_to_do(client: Client, world: World) -> None:
    empty = builders.make_group(world.region, "Empty")
    client.force_login(world.viewer)
    assert "No devices here yet" in client.get(f"/groups/{empty.pk}/overview/").content.decode()


@pytest.mark.usefixtures("gps")
def test_as_many_queries_for_many_devices(
    client: Client, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def fill(number: int) -> None:
        for index in range(number):
            device = add(world, f"Copy {Device.objects.count()}")
            say(device, rpm=index, position=f"33.{index},-117.{index}")
            silence(device)
            silence(device, "range", "rpm", index)

    fill(2)
    client.force_login(world.viewer)
    address = f"/groups/{world.sadler.pk}/overview/"
    client.get(address)
    with django_assert_num_queries(QUERIES):
        client.get(address)
    fill(6)
    with django_assert_num_queries(QUERIES):
        client.get(address)


QUERIES = 13
