"""Organisations in turn: however many jobs one has, another's begins at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices import imports
from devices.credentials import deliveries
from devices.imports import row_source
from devices.jobs import leases, turns
from devices.models import Import
from lib import tasks

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db

State = Import.State


class Line:
    """The queue, worked off by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[int] = []
        monkeypatch.setattr(tasks, "send", lambda task, pk: self.asked.append(pk))

    def work_off(self) -> list[int]:
        """Which were worked on, in their order."""
        worked = []
        while self.asked:
            pk = self.asked.pop(0)
            before = Import.objects.values_list("done", "state").get(pk=pk)
            imports.work(pk)
            if Import.objects.values_list("done", "state").get(pk=pk) != before:
                worked.append(pk)
        return worked


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(monkeypatch)


def waiting(version: Any, by: Any, total: int = 4) -> Import:
    return Import.objects.create(
        organisation=version.recipe.organisation,
        by=by,
        version=version,
        total=total,
        state=State.WAITING,
        delivery=deliveries.prepare_delivery(organisation=version.recipe.organisation, by=by),
        all_or_nothing=False,
        held_until=leases.compute_lease_end(),
    )


def test_six_of_one_take_one_thread_and_another_s_comes_between(world: World, line: Line) -> None:
    mine = [waiting(world.version, world.owner) for _ in range(6)]
    theirs = waiting(world.other_version, world.stranger)
    busy = leases.claim(Import, mine[0].pk)
    assert busy is not None
    assert all(leases.claim(Import, each.pk) is None for each in mine[1:])  # each gives its thread back
    line.asked = [each.pk for each in (*mine[1:], theirs)]
    assert line.work_off() == [theirs.pk]
    busy.release()
    line.asked = [mine[0].pk]
    assert line.work_off() == [each.pk for each in mine]
    assert set(Import.objects.values_list("state", flat=True)) == {State.DONE}


def test_those_who_wait_behind_a_living_worker_are_not_asked_for_again(world: World, settings: Settings) -> None:
    first, second = (waiting(world.version, world.owner) for _ in range(2))
    theirs = waiting(world.other_version, world.stranger)
    lease = leases.claim(Import, first.pk)
    assert lease is not None
    Import.objects.exclude(pk=first.pk).update(held_until=None)
    lease._beat_once()
    assert leases.offer_abandoned(Import) == [theirs.pk]
    Import.objects.update(held_until=None)  # the worker died
    assert leases.offer_abandoned(Import) == [first.pk, second.pk, theirs.pk]


def test_nobody_waits_behind_a_worker_that_died(world: World) -> None:
    first, second = (waiting(world.version, world.owner) for _ in range(2))
    assert leases.claim(Import, first.pk) is not None
    assert leases.claim(Import, second.pk) is None
    Import.objects.filter(pk=first.pk).update(held_until=Now() - timedelta(seconds=1))
    assert leases.claim(Import, second.pk) is not None


def test_a_long_one_lets_others_in_between_and_loses_nothing(
    world: World, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_source, "LEAST", 2)
    monkeypatch.setattr(leases, "SLICE_SECONDS", 0.0)
    long, short = waiting(world.version, world.owner, 7), waiting(world.other_version, world.stranger, 2)
    line.asked = [long.pk, short.pk]
    assert line.work_off() == [long.pk, short.pk, long.pk, short.pk, long.pk]
    assert list(Import.objects.order_by("pk").values_list("state", "made")) == [("done", 7), ("done", 2)]


def test_how_many_is_a_setting_and_a_page_that_waits_is_not_held_up(world: World, settings: Settings) -> None:
    settings.JOBS_PER_ORGANISATION = 2
    mine = [waiting(world.version, world.owner) for _ in range(4)]
    assert [leases.claim(Import, each.pk) is not None for each in mine[:3]] == [True, True, False]
    assert leases.claim(Import, mine[3].pk, in_turn=False) is not None
    assert turns.others_wait(world.other.pk)
    assert leases.claim(Import, 0) is None
