"""What a job's page shows, and when it has to show something else."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.http import Http404

from devices.jobs import progress
from devices.jobs.leases import Progress
from devices.models import BulkAction
from tenants.access import get_row
from tenants.models import User
from tests.signing_in import make_look

if TYPE_CHECKING:
    from uuid import UUID

    from tests.conftest import World

State = BulkAction.State


@pytest.fixture
def job(world: World) -> BulkAction:
    made = BulkAction.objects.create(organisation=world.kanarra, by=world.admin, kind="lock", total=10)
    return read(made)


def read(job: BulkAction) -> BulkAction:
    return BulkAction.objects.get(pk=job.pk)


def gate(user: User, key: UUID) -> BulkAction:
    return get_row(BulkAction.objects.manageable_by(user), key=key)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 s"), (0.2, "1 s"), (89, "89 s"), (89.5, "2 min"), (119, "2 min"), (3600, "60 min")],
)
def test_the_time_left_is_said_as_roughly_as_it_is_known(seconds: float | None, words: str) -> None:
    assert progress.format_time_left(Progress("running", 1, 2, 1.0, seconds, 50)) == words


CHANGES: list[dict[str, Any]] = [
    {"state": State.RUNNING, "worker": uuid.uuid4(), "held_until": Now() + timedelta(minutes=5)},
    {"done": 3},
    {"held_until": Now() - timedelta(seconds=1)},
    {"cancel_asked_at": Now()},
    {"state": State.CANCELLED},
    {"state": State.DONE},
]


def test_the_page_is_another_one_after_each_step(job: BulkAction) -> None:
    versions = [progress.compute_version(job)]
    for change in CHANGES:
        BulkAction.objects.update(**change)
        versions.append(progress.compute_version(read(job)))
        assert progress.compute_version(read(job)) == versions[-1]
    assert len(set(versions)) == len(versions)


def test_what_is_over_has_no_progress_on_its_page(job: BulkAction) -> None:
    shown = progress.build_context(job)
    assert (shown["moving"], shown["left"], shown["late"]) == (True, "–", False)
    BulkAction.objects.update(state=State.DONE)
    assert progress.build_context(read(job)).keys() == {"job", "version", "moving"}


def test_a_stream_ends_with_its_job_and_with_the_right_to_see_it(world: World, job: BulkAction) -> None:
    def look(user: User = world.admin, key: UUID = job.key) -> Any:
        return progress.look_at_job(make_look(user), gate, key)

    assert (look().version, look().final) == (progress.compute_version(job), False)
    assert look(world.viewer) is look(key=uuid.uuid4()) is None
    with pytest.raises(Http404):
        gate(world.viewer, job.key)
    BulkAction.objects.update(state=State.FAILED)
    assert (look().version, look().final) == ("failed", True)
    User.objects.filter(pk=world.admin.pk).update(is_active=False)
    assert look() is None
