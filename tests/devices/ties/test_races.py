"""A tie that is made, or ended, while its ends change hands."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from devices.lifecycle import assignments
from devices.models import Device, Event, Tie
from devices.ties import operations as ties
from lib.refusals import Refusal
from tests.builders import make_device

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

ROUNDS = 15


def at_once(*acts: Callable[[], object]) -> None:
    start = threading.Barrier(len(acts))
    failed: list[Exception] = []

    def run(act: Callable[[], object]) -> None:
        try:
            start.wait()
            act()
        except Refusal:
            pass
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_no_tie_outlives_the_place_of_either_end(world: World) -> None:
    """Nor is one left open that does not hold; and each has one event of its beginning, and one of its end."""
    for number in range(ROUNDS):
        device, gateway = (make_device(world.version, group=world.anaheim, by=world.owner) for _ in range(2))
        moving = Device.objects.get(pk=(device if number % 2 else gateway).pk)
        at_once(
            lambda: ties.tie(device=device, gateway=gateway, by=world.admin),  # noqa: B023
            lambda: assignments.assign(device=moving, group=world.boise, name=None, model=None, by=world.owner),  # noqa: B023
        )
        assert list(Tie.objects.open()) == []
        assert Event.objects.filter(kind="tied").count() == Event.objects.filter(kind="untied").count()
        assert Event.objects.filter(kind="tied").count() == Tie.objects.count()


def test_of_many_who_tie_or_untie_one_does(world: World) -> None:
    device, gateway = (make_device(world.version, group=world.anaheim, by=world.owner) for _ in range(2))
    for _ in range(5):
        at_once(*[lambda: ties.tie(device=device, gateway=gateway, by=world.admin)] * 8)
        assert Tie.objects.standing().count() == 1
        at_once(*[lambda: ties.untie(device=device, gateway=gateway, by=world.admin)] * 8)
        assert Tie.objects.standing().count() == 0
    assert Event.objects.filter(kind="tied").count() == Event.objects.filter(kind="untied").count() == 5


def test_both_ends_that_leave_at_once_end_it_once(world: World) -> None:
    for _ in range(ROUNDS):
        device, gateway = (make_device(world.version, group=world.anaheim, by=world.owner) for _ in range(2))
        ties.tie(device=device, gateway=gateway, by=world.admin)
        at_once(*[lambda of=of: assignments.release(device=of, by=world.owner) for of in (device, gateway)])
        assert Event.objects.filter(kind="untied", device=device).count() == 1


def test_no_gateway_gets_more_than_it_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ties, "MOST_DEVICES", 3)
    gateway = make_device(world.version, group=world.anaheim, by=world.owner)
    devices = [make_device(world.version, group=world.anaheim, by=world.owner) for _ in range(8)]
    at_once(*[lambda of=of: ties.tie(device=of, gateway=gateway, by=world.admin) for of in devices])
    assert Tie.objects.standing().count() == 3
