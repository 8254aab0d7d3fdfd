"""What a round of planning goes through: the same few events whatever lies behind, and in the end all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from devices.models import Device, Event
from provisioning.hooks import planning
from provisioning.models import Hook, HookFeed, HookRun
from tests.builders import make_device

if TYPE_CHECKING:
    from tests.provisioning.hooks.conftest import BackEnds

pytestmark = pytest.mark.django_db
HALF = timedelta(minutes=30)


@pytest.fixture
def told(back_ends: BackEnds, monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """Devices that were placed half an hour ago, a second apart, and told of; a round looks again at three."""
    world = back_ends.world
    devices = [make_device(world.version) for _ in range(10)]
    for at, device in enumerate(devices):
        back_ends.place(device)
        Event.objects.filter(device=device).update(at=Now() - HALF + timedelta(seconds=at))
    Event.objects.exclude(device__in=devices).update(at=Now() - timedelta(days=1))
    Hook.objects.update(created_at=Now() - HALF - timedelta(minutes=1))
    HookFeed.objects.update(read_until=Now() - HALF)
    planning.plan_all()
    assert HookRun.objects.count() == len(devices)
    monkeypatch.setattr(planning, "SWEPT", 3)
    HookFeed.objects.update(read_until=Now(), swept_until=None)
    return devices


def plan() -> int:
    """How many events a round looked at, beside recent ones."""
    before, floor = HookFeed.objects.get(), Now() - planning.LATE
    assert not planning.plan_all()
    after = HookFeed.objects.get().swept_until
    rows = Event.objects.filter(kind__in=planning.KINDS, at__gt=before.swept_until or floor)
    return (rows.filter(at__lte=after) if after else rows).count()


def test_with_nothing_to_do_a_round_looks_at_so_many(told: list[Device]) -> None:
    with CaptureQueriesContext(connection) as first:
        assert plan() == 3
    assert [plan(), plan(), plan()] == [3, 3, 1]
    assert plan() == 3  # and from the beginning
    with CaptureQueriesContext(connection) as later:
        plan()
    assert len(first) == len(later)
    assert HookRun.objects.count() == len(told)


def test_what_came_into_sight_late_is_found_in_some_rounds(told: list[Device]) -> None:
    HookRun.objects.filter(device=told[-1]).delete()  # as if its event had not been there yet
    assert [plan(), plan(), plan()] == [3, 3, 3]
    assert HookRun.objects.count() == len(told) - 1
    plan()
    assert HookRun.objects.filter(device=told[-1]).count() == 1


def test_of_a_device_the_last_counts_whichever_is_found_first(back_ends: BackEnds, told: list[Device]) -> None:
    """What it waited for is told before what came after it, though a round would get to it later."""
    HookRun.objects.filter(device=told[-1]).delete()
    back_ends.place(told[-1], back_ends.world.anaheim)
    assert plan() == 3
    runs = HookRun.objects.filter(device=told[-1]).order_by("pk")
    assert [(run.payload["data"]["group"]["name"], run.state) for run in runs] == [
        ("Boise", "overtaken"),
        ("Kaiser Permanente Anaheim", "waiting"),
    ]
