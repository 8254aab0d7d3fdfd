"""Refused attempts: of the current assignment, and over when the device is heard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from devices.models import Connection, Device, RefusedAttempt
from devices.models.refused_attempt import compute_mark, with_last_attempt
from tests.devices.models.cast import ago

if TYPE_CHECKING:
    from tests.conftest import World


def refuse(device: Device, reason: str = "unknown", **fields: Any) -> RefusedAttempt:
    return RefusedAttempt.objects.create(device=device, door="mqtt", reason=reason, **fields)


def test_the_next_tenant_is_not_told_of_the_formers(world: World) -> None:
    world.placed.refresh_from_db()
    ours = refuse(world.placed, assignment=world.placed.assignment)
    refuse(world.placed, "earlier")
    free = refuse(world.waiting)
    assert list(RefusedAttempt.objects.of(world.placed)) == [ours]
    assert list(RefusedAttempt.objects.of(world.waiting)) == [free]


def test_they_stand_the_last_one_first_and_are_over_when_the_device_is_heard(world: World) -> None:
    old = refuse(world.waiting, "a", last_at=ago(hours=2))
    new = refuse(world.waiting, "b", last_at=ago(hours=1))
    attempts = RefusedAttempt.objects
    assert list(attempts.of(world.waiting)) == [new, old]
    assert set(attempts.all().unresolved()) == {old, new}
    Connection.objects.create(device=world.waiting, last_seen_at=timezone.now() - timedelta(minutes=90))
    assert list(attempts.all().unresolved()) == [new]
    assert list(attempts.all().since(timezone.now() - timedelta(minutes=90))) == [new]
    attempted = with_last_attempt(Device.objects.all())
    new.refresh_from_db()
    assert attempted.get(pk=world.waiting.pk).attempted_at == new.last_at
    assert attempted.get(pk=world.placed.pk).attempted_at is None


def test_their_mark_changes_every_ten_seconds_at_most(world: World) -> None:
    at = datetime(2026, 1, 2, 3, 4, 10, tzinfo=UTC)
    marks = [compute_mark(at + timedelta(seconds=seconds)) for seconds in (0, 9.9, 10)]
    assert marks[0] == marks[1] == marks[2] - 1
    assert compute_mark("2026-01-02 03:04:10") == marks[0]
    assert compute_mark(None) == RefusedAttempt.objects.all().mark_last() == 0
    refuse(world.waiting, last_at=at)
    assert RefusedAttempt.objects.all().mark_last() == marks[0]
