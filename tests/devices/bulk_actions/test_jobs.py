"""How an action goes on: in batches, by one worker at a time, whoever dies; who sees it, and for how long."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils.timezone import now

from devices import tasks
from devices.bulk_actions import runner
from devices.jobs import leases
from devices.models import BulkAction, Credential, Device, Event, Touched
from tests.devices.doing import act, ran, started

if TYPE_CHECKING:
    from tenants.models import User
    from tests.conftest import World

Kind = BulkAction.Kind


class Killed(BaseException):
    pass


@pytest.mark.usefixtures("fleet")
def test_a_killed_worker_is_followed_by_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BATCH", 2)
    action = started(Kind.REISSUE, world.owner)
    batch = runner._run_batch
    left = iter([True, True, False])

    def killed(*held: Any) -> bool:
        if not next(left):
            raise Killed
        return batch(*held)

    monkeypatch.setattr(runner, "_run_batch", killed)
    with pytest.raises(Killed):
        runner.run(action=action)
    action.refresh_from_db()
    assert (action.done, Credential.objects.count()) == (4, 4)
    monkeypatch.setattr(runner, "_run_batch", batch)
    runner.run(action=action)  # the lease still runs: nobody else may
    action.refresh_from_db()
    assert action.done == 4
    BulkAction.objects.filter(pk=action.pk).update(held_until=now() - timedelta(seconds=1))
    assert leases.offer_abandoned(BulkAction) == [action.pk]
    assert (ran(action).state, action.done, action.changed) == (BulkAction.State.DONE, 8, 8)
    assert (Credential.objects.count(), Event.objects.filter(kind="credential-rotated").count()) == (8, 8)
    assert leases.offer_abandoned(BulkAction) == []


def test_a_worker_that_lost_its_lease_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    action = started(Kind.LOCK, world.owner)
    batch = runner._run_batch

    def overtaken(*held: Any) -> bool:
        BulkAction.objects.update(worker=uuid.uuid4())
        return batch(*held)

    monkeypatch.setattr(runner, "_run_batch", overtaken)
    assert (ran(action).state, action.done) == (BulkAction.State.RUNNING, 0)
    assert not Device.objects.filter(locked_at__isnull=False).exists()


def test_cancelling(world: World) -> None:
    waiting = started(Kind.LOCK, world.owner)
    assert runner.cancel(action=waiting)
    assert not runner.cancel(action=waiting)
    assert (ran(waiting).state, waiting.done) == (BulkAction.State.CANCELLED, 0)
    running = started(Kind.LOCK, world.owner)
    BulkAction.objects.filter(pk=running.pk).update(
        state=BulkAction.State.RUNNING, held_until=now() - timedelta(seconds=1)
    )
    assert runner.cancel(action=running)
    assert (ran(running).state, running.done) == (BulkAction.State.CANCELLED, 0)
    assert not Device.objects.filter(locked_at__isnull=False).exists()


def test_who_sees_which_actions(world: World) -> None:
    mine, whole = act(Kind.LOCK, world.admin), act(Kind.UNLOCK, world.owner)

    def seen(user: User) -> list[BulkAction]:
        return list(BulkAction.objects.manageable_by(user))

    assert seen(world.owner) == [whole, mine]
    assert seen(world.admin) == [mine]
    assert [seen(world.sibling), seen(world.stranger), seen(world.viewer)] == [[], [], []]


def test_rows_about_single_devices_are_not_kept_for_ever(world: World) -> None:
    old, recent = act(Kind.LOCK, world.owner), act(Kind.UNLOCK, world.owner)
    BulkAction.objects.filter(pk=old.pk).update(finished_at=now() - timedelta(days=31))
    tasks.clear_expired()
    assert set(Touched.objects.values_list("action", flat=True)) == {recent.pk}
    assert BulkAction.objects.count() == 2


def test_a_lost_action_is_found_by_beat(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lost, fresh = started(Kind.LOCK, world.admin), started(Kind.LOCK, world.stranger)
    BulkAction.objects.filter(pk=lost.pk).update(held_until=now() - timedelta(seconds=1))
    monkeypatch.setattr("lib.tasks.send", lambda task, pk: tasks.run_action(pk))
    tasks.resume_jobs()
    assert set(BulkAction.objects.values_list("pk", "state")) == {(lost.pk, "done"), (fresh.pk, "waiting")}
