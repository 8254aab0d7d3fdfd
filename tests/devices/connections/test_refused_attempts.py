"""What doors refused of a device is counted by reason and assignment, and told to those who can do something."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from devices import refusals
from devices.access import get_device
from devices.connections import refused_attempts
from devices.connections.refused_attempts import Counted
from devices.lifecycle import assignments
from devices.models import Connection, Device, RefusedAttempt
from lib import live
from tenants.models import Organisation, User

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries
    from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

    from lib.refusals import Kind
    from tests.conftest import World

ONE, OTHER = refusals.DEVICE_RETIRED, refusals.COMMAND_BARRED


def count(device: Device, kind: Kind = ONE, times: int = 1, door: str = "mqtt", **facts: Any) -> Counted:
    device.refresh_from_db()
    return Counted(device.pk, device.assignment_id, door, kind, facts, times)


def rows(device: Device) -> list[tuple[str, int, str, dict[str, Any]]]:
    found = RefusedAttempt.objects.filter(device=device).order_by("count")
    return list(found.values_list("reason", "count", "door", "facts"))


def test_each_reason_is_one_row_that_counts(world: World) -> None:
    refused_attempts.record_attempts([count(world.placed, times=3), count(world.placed, OTHER), count(world.foreign)])
    first = RefusedAttempt.objects.get(device=world.placed, reason=ONE.code)
    refused_attempts.record_attempts([count(world.placed, times=2, door="http", what="later")])
    assert rows(world.placed) == [(OTHER.code, 1, "mqtt", {}), (ONE.code, 5, "http", {"what": "later"})]
    again = RefusedAttempt.objects.get(pk=first.pk)
    assert again.first_at == first.first_at
    assert again.last_at >= first.last_at
    assert rows(world.foreign) == [(ONE.code, 1, "mqtt", {})]


def test_in_another_assignment_counting_begins_anew(world: World) -> None:
    refused_attempts.record_attempts([count(world.placed, times=9)])
    RefusedAttempt.objects.update(first_at="2026-01-01T00:00:00Z")
    assignments.assign(device=world.placed, group=world.boise, name="x", model=None, by=world.owner)
    refused_attempts.record_attempts([count(world.placed, times=2)])
    (row,) = RefusedAttempt.objects.filter(device=world.placed)
    assert (row.count, row.assignment_id, row.first_at == row.last_at) == (2, world.placed.assignment_id, True)
    for times in (3, 4):  # in no group twice
        refused_attempts.record_attempts([count(world.waiting, times=times)])
    assert RefusedAttempt.objects.get(device=world.waiting).count == 7


def test_hundreds_are_one_statement(
    world: World, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = [count(device, kind) for device in (world.placed, world.foreign) for kind in (ONE, OTHER)]
    with django_assert_num_queries(1):
        refused_attempts.record_attempts(attempts)
    monkeypatch.setattr(refused_attempts, "AT_ONCE", 3)
    with django_assert_num_queries(2):
        refused_attempts.record_attempts(attempts)
    assert set(RefusedAttempt.objects.values_list("count", flat=True)) == {2}


def test_whoever_looks_is_woken_after_the_commit(
    world: World,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(live, "announce", lambda topics: told.extend(topics))
    with django_capture_on_commit_callbacks(execute=True):
        refused_attempts.record_attempts([count(world.foreign), count(world.placed)])
        assert told == []
    assert told == sorted(f"refused:{device.pk}" for device in (world.placed, world.foreign))


def see(world: World, who: str, device: Device) -> bool:
    return refused_attempts.may_see_attempts(User.objects.get(pk=getattr(world, who).pk), device)


def test_only_who_manages_or_may_register_is_told(world: World) -> None:
    placed, waiting = (Device.objects.select_related("group").get(pk=each.pk) for each in (world.placed, world.waiting))
    who = ("owner", "admin", "technician", "viewer", "sibling", "stranger")
    assert {name for name in who if see(world, name, placed)} == {"owner", "admin"}
    assert {name for name in who if see(world, name, waiting)} == {"owner", "admin", "technician", "sibling"}
    assert not refused_attempts.may_see_attempts(AnonymousUser(), waiting)
    Organisation.objects.update(allow_reprovisioning=True)
    assert {name for name in who if see(world, name, placed)} == {"owner", "admin", "technician", "sibling"}


def test_what_was_before_the_device_was_heard_is_over(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    admin, viewer = (User.objects.get(pk=each.pk) for each in (world.admin, world.viewer))

    def listed(user: User = admin) -> list[str]:
        device = get_device(user, world.placed.serial)
        return [row.reason for row in refused_attempts.list_attempts(user, device)]

    assert listed() == []
    refused_attempts.record_attempts([count(world.placed)])
    assert listed() == [ONE.code]
    assert listed(viewer) == []
    Connection.objects.create(device=world.placed, last_seen_at=timezone.now() + timedelta(seconds=5))
    fine = get_device(admin, world.placed.serial)
    with django_assert_num_queries(0):
        assert refused_attempts.list_attempts(admin, fine) == []
