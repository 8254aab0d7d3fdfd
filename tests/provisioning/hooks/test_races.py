"""Several at once: one process sends, one plans, one takes a call; a repeat and a skip are one of the two."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, TypeVar

import pytest
from django.db import connection

from devices.lifecycle import assignments
from devices.models import Device, Event
from lib.refusals import Refusal
from provisioning.hooks import delivery, operations, planning, queue
from provisioning.models import HookCall, HookRun
from tests.access.hooks import make_hook, make_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]
AT_ONCE = 8
Result = TypeVar("Result")


def at_once(do: Callable[[int], Result]) -> list[Result]:
    start = Barrier(AT_ONCE)

    def run(number: int) -> Result:
        start.wait()
        try:
            return do(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(run, range(AT_ONCE)))


def test_one_takes_the_call(world: World) -> None:
    make_run(world)
    taken = at_once(lambda _: queue.claim(world.kanarra.pk))
    assert len([job for job in taken if job]) == 1
    assert HookCall.objects.get().attempts == 1


def test_one_sends(world: World) -> None:
    barrier = Barrier(AT_ONCE)

    def hold(_: int) -> bool:
        with delivery._hold_sender() as token:
            barrier.wait(20)
            return token is not None

    assert at_once(hold).count(True) == 1


def test_an_event_is_planned_once(world: World) -> None:
    make_hook(world)
    assignments.release(device=Device.objects.get(pk=world.foreign.pk), by=world.owner)
    at_once(lambda _: planning.plan_all())
    assert (HookRun.objects.count(), HookCall.objects.count()) == (1, 1)


def test_of_a_repeat_and_a_skip_at_once_each_is_whole(world: World) -> None:
    """Whoever comes last counts, or is told that it is over; no run is left without a call to make."""
    run = make_run(world)
    HookCall.objects.update(state="failed", attempts=10)
    HookRun.objects.update(state="failed")

    def settle(number: int) -> str:
        act = operations.skip_call if number % 2 else operations.repeat_call
        try:
            act(call=HookCall.objects.select_related("hook", "run__device").get(run=run), by=world.owner)
        except Refusal as refusal:
            return refusal.code
        return act.__name__

    answers = at_once(settle)
    assert answers.count("skip_call") == 1
    assert set(answers) <= {"skip_call", "repeat_call", "hook-call-over"}
    done = Event.objects.filter(kind=Event.Kind.HOOK_CHANGED).exclude(data__act="made").count()
    assert done == len(answers) - answers.count("hook-call-over")
    assert queue.claim(world.kanarra.pk) is None
    assert HookRun.objects.get().state == HookRun.State.DONE
