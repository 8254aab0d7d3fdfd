"""When a device was connected, to those who see it: for the time in which it was theirs, or they managed it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from devices.connections import stretches, timeline
from devices.connections.timeline import Change
from devices.lifecycle import assignments
from devices.models import Assignment, ConnectedStretch, Device
from tests import builders
from tests.devices.api import Program

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tenants.models import Group, User
    from tests.conftest import World


def ago(hours: float) -> datetime:
    return timezone.now() - timedelta(hours=hours)


def play(device: Device, *moments: tuple[float, str]) -> None:
    """Hours ago, and why it left; nothing where it came."""
    timeline.record([Change(device.pk, ago(hours), reason) for hours, reason in moments])


def since(device: Device, hours: float) -> None:
    Assignment.objects.filter(device=device, closed_at=None).update(opened_at=ago(hours))


def move(world: World, group: Group, hours: float) -> None:
    """Hand the device over, so many hours ago."""
    device = Device.objects.get(pk=world.placed.pk)
    assert device.assignment
    former = device.assignment.pk
    assignments.assign(device=device, group=group, name=device.name, model=device.model, by=world.owner)
    at = ago(hours)
    Assignment.objects.filter(pk=former).update(closed_at=at)
    Assignment.objects.filter(device=device, closed_at=None).update(opened_at=at)


def api(user: User, device: Device) -> list[dict[str, Any]]:
    answer = Program(user).get(f"devices/{device.serial}/connections/")
    assert answer.status_code == 200
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def reasons(user: User, device: Device) -> list[str]:
    return [row["reason"] for row in api(user, device)]


def hours(text: str) -> float:
    return round((timezone.now() - datetime.fromisoformat(text)).total_seconds() / 3600, 1)


def page(client: Client, user: User, device: Device, **query: str) -> str:
    client.force_login(user)
    answer = client.get(f"/devices/{device.serial}/connections/", query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_page_tells_times_durations_and_reasons(client: Client, world: World) -> None:
    since(world.placed, 100)
    play(world.placed, (10, ""), (6, "keep-alive"), (5, ""))
    body = page(client, world.viewer, world.placed)
    assert "<strong>4 h 0 min</strong>" in body
    assert "Nothing came within its keep-alive; it was away for 60 min." in body
    assert "until now" in body
    assert 'aria-label="Connected for 90 percent of the time that is known"' in body
    assert body.count('class="strip-here') == 2


def test_the_strip_has_the_asked_time(client: Client, world: World) -> None:
    since(world.placed, 1000)
    play(world.placed, (100, ""), (90, "closed"), (12, ""))
    assert page(client, world.viewer, world.placed, range="24h").count('class="strip-here') == 1
    assert page(client, world.viewer, world.placed, range="nonsense").count('class="strip-here') == 2


def test_who_comes_and_goes_is_told_so(client: Client, world: World) -> None:
    since(world.placed, 2)
    seconds = 1 / 3600
    for step in range(0, 20, 2):
        play(world.placed, (1 - step * seconds, ""), (1 - (step + 1) * seconds, "lost"))
    body = page(client, world.viewer, world.placed)
    assert "Came and went 9 times, away for 9 s in all." in body
    assert 'class="strip-here is-flapping"' in body


def test_a_new_tenant_sees_nothing_of_before(client: Client, world: World) -> None:
    since(world.placed, 100)
    play(world.placed, (50, ""), (40, "locked"), (30, ""), (30 - 0.001, "lost"), (30 - 0.002, ""))
    move(world, world.boise, 20)
    play(world.placed, (10, "keep-alive"), (5, ""))
    found = api(world.sibling, world.placed)
    assert [row["reason"] for row in found] == ["", "keep-alive"]
    assert hours(found[1]["started_at"]) == 20  # where it became theirs
    assert found[1]["flaps"] is found[1]["away_seconds"] is None
    body = page(client, world.sibling, world.placed)
    assert "It was locked" not in body
    assert "Came and went" not in body


def test_the_former_tenant_sees_it_no_more(client: Client, world: World) -> None:
    move(world, world.boise, 20)
    client.force_login(world.admin)
    assert client.get(f"/devices/{world.placed.serial}/connections/").status_code == 404
    assert Program(world.admin).get(f"devices/{world.placed.serial}/connections/").status_code == 404


def test_who_manages_the_whole_sees_all(world: World) -> None:
    since(world.placed, 100)
    play(world.placed, (150, ""), (140, "lost"), (50, ""), (40, "locked"))
    move(world, world.boise, 20)
    assert reasons(world.owner, world.placed) == ["locked", "lost"]
    assert reasons(world.sibling, world.placed) == []


def test_an_admin_sees_what_was_in_groups_that_they_manage(client: Client, world: World) -> None:
    """Of a time in between, elsewhere, nothing: not even that it was connected."""
    ward = builders.make_group(world.region, "Ward")
    since(world.placed, 100)
    play(world.placed, (90, ""), (80, "lost"), (70, ""), (50, "refused"), (25, ""))
    move(world, world.boise, 60)
    play(world.placed, (22, "locked"))
    move(world, ward, 10)
    play(world.placed, (5, ""))
    found = api(world.admin, world.placed)
    assert [(row["reason"], hours(row["started_at"])) for row in found] == [("", 5), ("", 70), ("lost", 90)]
    assert hours(found[1]["ended_at"]) == 60
    assert "Then it was handed over." in page(client, world.admin, world.placed)
    assert reasons(world.viewer, world.placed) == [""]


def test_a_move_within_what_one_manages_cuts_nothing(world: World) -> None:
    ward = builders.make_group(world.region, "Ward")
    since(world.placed, 100)
    play(world.placed, (50, ""))
    move(world, ward, 20)
    play(world.placed, (10, "closed"))
    (whole,) = api(world.admin, world.placed)
    (part,) = api(world.viewer, world.placed)
    assert (hours(whole["started_at"]), hours(part["started_at"])) == (50, 20)
    assert whole["reason"] == part["reason"] == "closed"


def test_never_connected(client: Client, world: World) -> None:
    assert "It was not seen to connect" in page(client, world.viewer, world.placed)


def test_the_devices_page_fetches_it(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    address = f"/devices/{world.placed.serial}/connections/"
    page = client.get(f"/devices/{world.placed.serial}/").content.decode()
    assert f'hx-get="{address}" hx-trigger="load, awake from:document"' in page
    part = client.get(address, headers={"HX-Request": "true", "HX-Target": "connections"}).content.decode()
    assert part.startswith('<section id="connections"')


def test_pages_of_the_api(world: World) -> None:
    since(world.placed, 100)
    for number in range(5):
        play(world.placed, (50 - 5 * number, ""), (48 - 5 * number, "closed"))
    first = Program(world.viewer).get(f"devices/{world.placed.serial}/connections/?limit=3").json()
    assert len(first["results"]) == 3
    rest = Program(world.viewer).client.get(first["next"]).json()
    assert (len(rest["results"]), rest["next"]) == (2, None)


@pytest.mark.parametrize("number", [1, 30])
def test_as_many_queries_for_many(world: World, number: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    since(world.placed, 1000)
    for each in range(number):
        play(world.placed, (500 - 5 * each, ""), (498 - 5 * each, "closed"))
    device = Device.objects.get(pk=world.placed.pk)
    with django_assert_num_queries(4):
        context = stretches.build_context(world.viewer, device, "30d")
    assert context["more"] == number - stretches.LISTED
    assert ConnectedStretch.objects.count() == number
