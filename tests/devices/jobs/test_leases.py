"""A job is one worker's at a time, for as long as it is heard; how far it is, and how it ends."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from devices import refusals
from devices.jobs import leases
from devices.jobs.leases import Behind, Lease, Lost
from devices.models import BulkAction
from lib import stopping, tasks
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

    from tests.conftest import World

State = BulkAction.State


def make(world: World, **fields: Any) -> BulkAction:
    given: dict[str, Any] = {"kind": "lock", "held_until": leases.compute_lease_end(), "total": 10}
    made = BulkAction.objects.create(organisation=world.kanarra, by=world.owner, **given | fields)
    made.refresh_from_db()
    return made


def claim(job: BulkAction, **fields: Any) -> Lease[BulkAction]:
    lease = leases.claim(BulkAction, job.pk, **fields)
    assert lease is not None
    return lease


@pytest.fixture
def job(world: World) -> BulkAction:
    return make(world)


@pytest.fixture
def lease(job: BulkAction) -> Lease[BulkAction]:
    return claim(job)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of which a worker was asked for."""
    found: list[int] = []
    monkeypatch.setattr(tasks, "send", lambda task, pk: found.append(pk))
    return found


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({}, True),
        ({"held_until": None}, True),
        ({"state": State.RUNNING}, True),
        ({"state": State.DONE}, False),
        ({"state": State.CANCELLED}, False),
        ({"state": State.FAILED}, False),
        ({"worker": uuid.UUID(int=7)}, False),
        ({"worker": uuid.UUID(int=7), "held_until": Now() - timedelta(seconds=1)}, True),
        ({"worker": uuid.UUID(int=7), "held_until": None}, True),
    ],
    ids=str,
)
def test_what_waits_or_was_left_behind_can_be_taken_up(world: World, fields: dict[str, Any], may: bool) -> None:
    job = make(world, **fields)
    assert (leases.claim(BulkAction, job.pk, state=State.RUNNING) is not None) is may
    taken = BulkAction.objects.get(pk=job.pk)
    assert (taken.state, taken.worker) == ((State.RUNNING, taken.worker) if may else (job.state, job.worker))


def test_what_a_queued_job_is_left_with(job: BulkAction, world: World, settings: Settings) -> None:
    settings.JOB_LEASE_SECONDS = 60
    worked = make(world, worker=uuid.uuid4(), done=7, started_at=Now(), finished_at=Now(), cancel_asked_at=Now())
    BulkAction.objects.filter(pk=worked.pk).update(**leases.build_queued_fields())
    worked.refresh_from_db()
    assert (worked.worker, worked.done) == (None, 0)
    assert (worked.started_at, worked.finished_at, worked.cancel_asked_at) == (None, None, None)
    assert BulkAction.objects.filter(
        pk=worked.pk, held_until__gt=Now() + timedelta(seconds=30), held_until__lte=Now() + timedelta(seconds=60)
    ).exists()


def test_what_was_abandoned_is_offered_once(world: World) -> None:
    past = Now() - timedelta(seconds=1)
    lost, dead = make(world, held_until=past), make(world, held_until=past, worker=uuid.uuid4(), state="running")
    make(world)
    make(world, held_until=past, state=State.DONE)
    assert leases.offer_abandoned(BulkAction) == [lost.pk, dead.pk]
    assert leases.offer_abandoned(BulkAction) == []
    assert set(BulkAction.objects.filter(pk__in=[lost.pk, dead.pk]).values_list("worker", flat=True)) == {None}


@pytest.mark.parametrize(
    ("worker", "seconds", "late"),
    [(None, 51, False), (None, 49, True), (uuid.UUID(int=7), 1, False), (uuid.UUID(int=7), -1, True)],
)
def test_a_page_says_when_nobody_came_or_is_heard(
    settings: Settings, worker: uuid.UUID | None, seconds: int, late: bool
) -> None:
    settings.JOB_LEASE_SECONDS = 60
    now = timezone.now()
    assert leases.is_late(BulkAction(worker=worker, held_until=now + timedelta(seconds=seconds)), now) is late
    assert not leases.is_late(BulkAction(worker=worker, held_until=None), now)


class TestCancelling:
    def cancel(self, job: BulkAction, **more: Any) -> tuple[bool, list[str]]:
        """Whether it will end, and in which state it was settled."""
        settled: list[str] = []
        return leases.cancel(job, settle=lambda: settled.append(job.state), **more), settled

    def test_ends_what_nobody_works_on(self, job: BulkAction) -> None:
        assert self.cancel(job) == (True, ["cancelled"])
        assert (job.state, job.held_until, job.finished_at == job.cancel_asked_at) == ("cancelled", None, True)
        assert self.cancel(job) == (False, [])

    def test_asks_its_worker_once(self, job: BulkAction, lease: Lease[BulkAction]) -> None:
        assert not lease.is_cancelled()
        assert self.cancel(job) == (True, [])
        assert (job.state, job.finished_at) == ("waiting", None)
        assert lease.is_cancelled()
        assert self.cancel(job) == (False, [])

    @pytest.mark.parametrize(("idle", "ends"), [((), False), (("done",), True)])
    def test_ends_what_rests_where_that_may_be(self, world: World, idle: tuple[str, ...], ends: bool) -> None:
        job = make(world, state=State.DONE)
        assert self.cancel(job, idle=idle) == (ends, ["cancelled"] if ends else [])
        assert job.state == ("cancelled" if ends else "done")

    def test_is_undone_where_what_follows_fails(self, job: BulkAction) -> None:
        def fail() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            leases.cancel(job, settle=fail)
        assert BulkAction.objects.get(pk=job.pk).state == State.WAITING


class TestProgress:
    def test_is_counted_by_the_databases_clock(self, world: World) -> None:
        job = make(world, state=State.RUNNING, total=200, done=50, started_at=Now() - timedelta(seconds=100))
        told = leases.progress(job)
        assert (told.state, told.rows, told.total, told.percent) == ("running", 50, 200, 25)
        assert told.rate == pytest.approx(0.5, rel=0.1)
        assert told.seconds_left == pytest.approx(300, rel=0.1)

    @pytest.mark.parametrize(
        ("fields", "percent"),
        [
            ({"done": 0}, 0),
            ({"done": 10, "state": State.RUNNING}, 99),  # not over yet
            ({"done": 10, "state": State.DONE}, 100),
            ({"done": 3, "state": State.CANCELLED}, 30),
            ({"done": 10, "state": State.FAILED}, 99),
            ({"done": 0, "total": 0}, 0),
            ({"done": 0, "total": 0, "state": State.DONE}, 100),
            ({"done": 12, "state": State.RUNNING}, 99),
        ],
        ids=str,
    )
    def test_is_whole_only_when_it_ended_well(self, world: World, fields: dict[str, Any], percent: int) -> None:
        told = leases.progress(make(world, **fields))
        assert told.percent == percent
        assert told.rows <= told.total

    def test_of_one_that_is_over_goes_on_no_more(self, world: World) -> None:
        span = {"started_at": Now() - timedelta(seconds=60), "finished_at": Now() - timedelta(seconds=40)}
        told = leases.progress(make(world, state=State.CANCELLED, done=5, **span))
        assert told.rate == pytest.approx(0.25)
        assert told.seconds_left is None

    def test_knows_nothing_of_a_job_that_has_not_begun(self, job: BulkAction) -> None:
        told = leases.progress(job)
        assert (told.rate, told.seconds_left) == (0, None)

    def test_of_one_long_transaction_is_told_beside_it(self, job: BulkAction, lease: Lease[BulkAction]) -> None:
        lease.tell(4)
        assert leases.progress(job).rows == 4
        BulkAction.objects.update(done=6)
        assert leases.progress(job).rows == 6
        lease.tell(400)
        assert leases.progress(job).rows == 10
        lease.release()
        assert leases.progress(job).rows == 6  # what another worker told counts for nothing
        cache.clear()


class TestLease:
    def test_lets_go_at_once(self, job: BulkAction, lease: Lease[BulkAction]) -> None:
        lease.release()
        assert leases.offer_abandoned(BulkAction) == [job.pk]
        with pytest.raises(Lost):
            lease.update(done=1)

    @pytest.mark.parametrize(
        "lose", [{"cancel_asked_at": Now()}, {"worker": uuid.UUID(int=7)}, {"worker": None}], ids=str
    )
    def test_writes_nothing_once_it_is_lost(
        self, job: BulkAction, lease: Lease[BulkAction], lose: dict[str, Any]
    ) -> None:
        lease.update(done=1)
        BulkAction.objects.update(**lose)
        with pytest.raises(Lost):
            lease.update(done=2)
        assert BulkAction.objects.get().done == 1

    def test_of_a_cancelled_job_still_ends_it(self, job: BulkAction, lease: Lease[BulkAction]) -> None:
        BulkAction.objects.update(cancel_asked_at=Now())
        with pytest.raises(Lost):
            lease.tell(1)
        lease.end(state=State.CANCELLED)
        ended = BulkAction.objects.get()
        assert (ended.state, ended.worker, ended.held_until) == (State.CANCELLED, None, None)
        assert ended.finished_at is not None
        with pytest.raises(Lost):
            lease.end(state=State.DONE)
        assert BulkAction.objects.get().state == State.CANCELLED

    def test_beats_for_its_own_alone(self, world: World, lease: Lease[BulkAction]) -> None:
        BulkAction.objects.update(held_until=None)
        lease._beat_once()
        assert BulkAction.objects.get().held_until is not None
        BulkAction.objects.update(held_until=None, worker=uuid.uuid4())
        lease._beat_once()
        assert BulkAction.objects.get().held_until is None

    def test_gives_way_to_others_after_its_slice_and_when_it_is_told_to_stop(
        self, world: World, lease: Lease[BulkAction], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "SLICE_SECONDS", -1.0)
        make(world)  # of the same organisation
        lease.give_way()
        BulkAction.objects.create(organisation=world.other, by=world.stranger, kind="lock")
        with pytest.raises(Behind):
            lease.give_way()
        monkeypatch.setattr(leases, "SLICE_SECONDS", 3600.0)
        lease.give_way()
        monkeypatch.setattr(stopping, "is_stopping", lambda: True)
        with pytest.raises(Behind):
            lease.give_way()


def do(error: BaseException | None, cancelled: bool = False) -> Callable[[], None]:
    def work() -> None:
        if cancelled:
            BulkAction.objects.update(cancel_asked_at=Now())
        if error:
            raise error

    return work


WAITS = refusals.MODEL_IN_USE
ENDS: dict[str, tuple[Callable[[], None], list[tuple[str, str]], bool]] = {
    "well": (do(None), [], True),
    "for now, since others wait": (do(Behind()), [], False),
    "in another's hands": (do(Lost()), [], True),
    "cancelled": (do(Lost(), cancelled=True), [("cancelled", "")], True),
    "cancelled while the database is away": (do(OperationalError(), cancelled=True), [("cancelled", "")], True),
    "without a database": (do(OperationalError()), [], False),
    "without a connection": (do(InterfaceError()), [], False),
    "by a refusal": (do(Refusal(WAITS, model="KG")), [("failed", str(Refusal(WAITS, model="KG")))], True),
    "by a fault of ours": (do(ZeroDivisionError("what only the log says")), [("failed", leases.OURS)], True),
}


@pytest.mark.parametrize("how", ENDS)
def test_work_ends(lease: Lease[BulkAction], monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(lease, "_beat", lambda: None)  # on a connection of its own
    work, wanted, held = ENDS[how]
    ended: list[tuple[str, str]] = []
    leases.work(lease, work, end=lambda state, cause: ended.append((state, cause)))
    assert ended == wanted
    assert (BulkAction.objects.get().worker is not None) is held


def test_a_fault_of_ours_is_in_the_log_and_the_next_one_is_asked_for(
    world: World,
    lease: Lease[BulkAction],
    asked: list[int],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease, "_beat", lambda: None)
    following = make(world)
    BulkAction.objects.create(organisation=world.other, by=world.stranger, kind="lock")
    with caplog.at_level(logging.ERROR):
        leases.work(lease, do(ZeroDivisionError("what only the log says")), end=lambda state, cause: None)
    assert "what only the log says" in caplog.text
    assert asked == [following.pk]


def test_steps_rest_in_proportion_to_what_they_took(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.JOB_PAUSE = 0.5
    clock, rests = iter([0.0, 4.0, 10.0, 16.0, 20.0]), list[float]()
    monkeypatch.setattr(leases, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=rests.append))
    assert list(leases.pace_steps("ab")) == ["a", "b"]
    assert rests == [2.0, 3.0]
