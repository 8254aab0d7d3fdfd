"""A worker killed during an action and during a sheet of labels: each is done once, by the next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from pypdfium2 import PdfDocument

from devices import tasks
from devices.jobs import files, leases
from devices.labels import printing
from devices.labels.forms import PrintJobForm
from devices.models import BulkAction, Device, Event, LabelPrintJob, Touched
from lib.db import copy
from lib.tasks import send
from tests.devices.doing import started
from tests.mqtt.processes import Process, python, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django.fixtures import Settings

    from devices.models.job import Job
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]

DEVICES, LEASE, SECONDS = 12_000, 2.0, 120
COLUMNS = ["device_id", "organisation_id", "serial", "serial_key", "version_id", "name", "description", "tags"]


@pytest.fixture
def worker(world: World) -> Iterator[Process]:
    command = ("-m", "celery", "-A", "config", "worker", "--pool", "solo")
    with running(python(*command, JOB_LEASE_SECONDS=str(LEASE), JOB_PAUSE="1")) as process:
        yield process


@pytest.fixture(autouse=True)
def _fleet(world: World, settings: Settings) -> None:
    settings.JOB_LEASE_SECONDS = LEASE
    names = ((f"{n:024x}", f"B{n:06d}") for n in range(DEVICES))
    organisation, version = world.kanarra.pk, world.version.pk
    rows = ((key, organisation, name, name, version, name, "", "{}") for key, name in names)
    copy.write(Device, COLUMNS, rows)


def killed_once(worker: Process, job: Job, end: Callable[[Process], None] = Process.kill) -> None:
    """As soon as something of it is committed; beat's part is played here."""
    until, killed = time.monotonic() + SECONDS, False
    send(job.TASK, job.pk)
    while job.is_working:
        assert time.monotonic() < until, (job.state, job.done, killed)
        if not killed and job.state == "running" and 0 < leases.progress(job).rows < job.total:
            end(worker)
            worker.start()
            killed = True
        tasks.resume_jobs()
        time.sleep(0.02)
        job.refresh_from_db()
    assert (killed, job.state, job.cause, job.worker, job.held_until) == (True, "done", "", None, None)


def stop_in_order(worker: Process) -> None:
    """It ends with the batch that it is at, and gives the job back."""
    began = time.monotonic()
    worker.stop()
    assert time.monotonic() - began < 15
    (action,) = BulkAction.objects.all()
    assert (action.state, action.worker, action.held_until) == ("running", None, None)
    assert 0 < action.done < action.total


@pytest.mark.parametrize("end", [Process.kill, stop_in_order])
def test_an_action_goes_on_where_it_was(worker: Process, world: World, end: Callable[[Process], None]) -> None:
    action = started(BulkAction.Kind.LOCK, world.owner)
    killed_once(worker, action, end)
    assert action.done == action.changed == action.total == Device.objects.manageable_by(world.owner).count()
    assert Touched.objects.filter(action=action, verdict="change").count() == action.total
    locked = Event.objects.filter(kind=Event.Kind.LOCKED)
    assert locked.count() == locked.values("device").distinct().count() == action.total
    assert Event.objects.filter(kind=Event.Kind.ACTION_ENDED).count() == 1


def test_labels_are_made_anew_and_kept_once(worker: Process, world: World) -> None:
    data = {"stock": "roll-50x25", "dpi": "203", "level": "Q", "quiet": "4", "start": "1", "content": "serial"}
    data["q"] = "B000"  # a thousand
    form = PrintJobForm(data, user=world.owner, organisation=world.kanarra, plain=False)
    assert form.is_valid(), form.errors
    sheet = printing.queue_print_job(form=form, by=world.owner, origin="https://handover.example", total=form.count())
    killed_once(worker, sheet)
    assert sheet.file is not None
    assert len(PdfDocument(b"".join(files.read_chunks(sheet.file)))) == sheet.total == 1_000
    assert (sheet.done, Event.objects.filter(kind=Event.Kind.LABELS_PRINTED).count()) == (sheet.total, 1)
    assert LabelPrintJob.objects.count() == 1
