"""Which call is made next, and what is written of its answer: each attempt counts, and the pauses between them grow."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.db.models import F
from django.db.models.functions import Now

from devices.lifecycle import assignments
from devices.models import Device
from lib.outgoing import results
from lib.outgoing.results import Answer
from provisioning.hooks import operations, planning, queue
from provisioning.models import HookCall, HookRun
from tests.access.hooks import URL, make_hook, make_run

if TYPE_CHECKING:
    from provisioning.hooks.queue import Job
    from tests.conftest import World

pytestmark = pytest.mark.django_db
TOOK, REFUSED, GONE = Answer(results.DONE, 204, 7), Answer(results.STATUS, 503, 9), Answer(results.GONE, 410)


@pytest.fixture
def run(world: World) -> HookRun:
    """Two hooks are to be told of a released device."""
    make_hook(world)
    operations.create_hook(organisation=world.kanarra, name="Network server", url=URL, by=world.owner)
    return make_run(world)


def claim(world: World) -> Job:
    job = queue.claim(world.kanarra.pk)
    assert job is not None
    return job


def release(world: World, device: Device) -> HookRun:
    assignments.release(device=Device.objects.get(pk=device.pk), by=world.owner)
    planning.plan_all()
    return HookRun.objects.latest("pk")


def left(run: HookRun) -> float:
    """Seconds until the next call."""
    found = HookRun.objects.annotate(left=F("due_at") - Now()).get(pk=run.pk)
    seconds: float = found.left.total_seconds()  # type: ignore[attr-defined]
    return seconds


def states(run: HookRun) -> tuple[str, list[str]]:
    run.refresh_from_db()
    return run.state, [call.state for call in HookCall.objects.of(run)]


def test_an_attempt_is_counted_before_it_is_made(world: World, run: HookRun) -> None:
    job = claim(world)
    assert (job.run, job.call.position, job.call.attempts) == (run, 1, 1)
    call = HookCall.objects.of(run)[0]
    assert (call.attempts, call.attempted_at is not None, call.result) == (1, True, "")


def test_who_makes_a_call_has_half_a_minute_before_another_does(world: World, run: HookRun) -> None:
    claim(world)
    held = HookRun.objects.annotate(left=F("held_until") - Now()).get()
    assert timedelta(seconds=25) < held.left <= timedelta(seconds=30)  # type: ignore[attr-defined]
    assert queue.claim(world.kanarra.pk) is None
    HookRun.objects.update(held_until=Now())
    assert claim(world).call.attempts == 2


def test_no_organisation_makes_anothers_calls(world: World, run: HookRun) -> None:
    assert queue.find_organisations() == [world.kanarra.pk]
    assert queue.claim(world.other.pk) is None
    HookRun.objects.update(due_at=Now() + timedelta(seconds=60))
    assert queue.find_organisations() == []
    assert queue.claim(world.kanarra.pk) is None


def test_what_has_been_due_for_longest_is_told_first(world: World, run: HookRun) -> None:
    other = release(world, world.placed)
    HookRun.objects.filter(pk=other.pk).update(due_at=F("due_at") - timedelta(minutes=1))
    assert [claim(world).run, claim(world).run] == [other, run]


def test_what_a_hook_took_is_written_and_the_next_one_is_due_at_once(world: World, run: HookRun) -> None:
    queue.record(claim(world), TOOK)
    first, second = HookCall.objects.of(run)
    assert (first.state, first.result, first.status, first.milliseconds) == ("done", "done", 204, 7)
    assert first.finished_at is not None
    assert (second.state, second.finished_at) == ("waiting", None)
    run.refresh_from_db()
    assert (run.state, run.worker, run.held_until, run.finished_at) == ("waiting", None, None, None)
    assert left(run) <= 0
    queue.record(claim(world), TOOK)
    assert states(run) == ("done", ["done", "done"])
    assert run.finished_at is not None
    assert queue.claim(world.kanarra.pk) is None


@pytest.mark.parametrize(("attempts", "seconds"), list(enumerate(queue.RETRIES, start=1)))
def test_after_each_refusal_it_waits_longer(world: World, run: HookRun, attempts: int, seconds: int) -> None:
    HookCall.objects.filter(position=1).update(attempts=attempts - 1)
    queue.record(claim(world), REFUSED)
    assert seconds - 5 < left(run) <= seconds * 1.1
    assert states(run) == ("waiting", ["waiting", "waiting"])
    call = HookCall.objects.of(run)[0]
    assert (call.result, call.status, call.milliseconds, call.finished_at) == ("status", 503, 9, None)


@pytest.mark.parametrize(("asked", "least", "most"), [(1, 3, 5.5), (600, 595, 600), (90_000, 89_995, 90_000)])
def test_it_waits_as_long_as_it_is_asked_to_and_no_shorter_than_else(
    world: World, run: HookRun, asked: int, least: float, most: float
) -> None:
    queue.record(claim(world), Answer(results.STATUS, 429, 0, asked))
    assert least < left(run) <= most


@pytest.mark.parametrize(
    ("made", "answer"), [(len(queue.RETRIES), REFUSED), (0, GONE)], ids=["tried ten times", "gone"]
)
def test_then_it_waits_for_an_admin_and_so_do_those_after_it(
    world: World, run: HookRun, made: int, answer: Answer
) -> None:
    HookCall.objects.filter(position=1).update(attempts=made)
    queue.record(claim(world), answer)
    assert states(run) == ("failed", ["failed", "waiting"])
    assert (run.finished_at, queue.claim(world.kanarra.pk)) == (None, None)
    call = HookCall.objects.of(run)[0]
    assert (call.status, call.finished_at) == (answer.status, None)


def test_a_hook_that_is_ended_while_it_is_called_stays_skipped(world: World, run: HookRun) -> None:
    job = claim(world)
    operations.end_hook(hook=make_hook(world), by=world.owner)
    queue.record(job, REFUSED)
    assert states(run) == ("waiting", ["skipped", "waiting"])
    assert HookCall.objects.of(run)[0].result == "ended"
    assert left(run) <= 0
    queue.record(claim(world), TOOK)
    assert states(run) == ("done", ["skipped", "done"])


def test_a_run_of_which_all_calls_were_skipped_is_done_without_one(world: World, run: HookRun) -> None:
    for call in HookCall.objects.of(run):
        operations.skip_call(call=call, by=world.owner)
    assert states(run) == ("waiting", ["skipped", "skipped"])
    assert queue.claim(world.kanarra.pk) is None
    assert states(run) == ("done", ["skipped", "skipped"])
    assert run.finished_at is not None


@pytest.mark.parametrize(
    ("answer", "ends"),
    [(TOOK, "overtaken"), (REFUSED, "overtaken"), (GONE, "overtaken")],
    ids=["took", "refused", "gone"],
)
def test_what_was_overtaken_while_it_was_told_ends_and_is_not_repeated(
    world: World, run: HookRun, answer: Answer, ends: str
) -> None:
    job = claim(world)
    HookRun.objects.filter(pk=run.pk).update(overtaken=True)
    queue.record(job, answer)
    assert states(run)[0] == ends
    assert run.finished_at is not None
    assert queue.claim(world.kanarra.pk) is None


def test_what_was_overtaken_while_its_last_hook_took_it_was_done(world: World, run: HookRun) -> None:
    queue.record(claim(world), TOOK)
    job = claim(world)
    HookRun.objects.filter(pk=run.pk).update(overtaken=True)
    queue.record(job, TOOK)
    assert states(run) == ("done", ["done", "done"])


def test_what_was_overtaken_by_whom_nobody_hears_of_any_more_ends_by_itself(world: World, run: HookRun) -> None:
    claim(world)
    HookRun.objects.update(overtaken=True)
    assert queue.claim(world.kanarra.pk) is None
    assert states(run)[0] == "waiting"
    HookRun.objects.update(held_until=Now())
    assert queue.claim(world.kanarra.pk) is None
    assert states(run)[0] == "overtaken"


def test_an_answer_counts_for_whoever_has_the_run(world: World, run: HookRun) -> None:
    job = claim(world)
    HookRun.objects.update(worker=uuid4())
    queue.record(job, TOOK)
    assert states(run) == ("waiting", ["waiting", "waiting"])
    assert HookCall.objects.of(run)[0].result == ""
