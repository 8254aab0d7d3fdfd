from __future__ import annotations

from celery import shared_task

from devices import imports
from devices.bulk_actions import runner
from devices.credentials import deliveries
from devices.jobs import files, leases
from devices.labels import printing
from devices.models import Action, Import, Sheet
from lib import tasks


@shared_task  # type: ignore[untyped-decorator]
def clear_expired() -> None:
    """Keys, files and rows whose time is over; again and again changes nothing."""
    deliveries.clear_expired()
    files.clear_expired()
    runner.clear_old()


@shared_task  # type: ignore[untyped-decorator]
def work_on_import(pk: int) -> None:
    imports.work(pk)


@shared_task  # type: ignore[untyped-decorator]
def make_sheet(pk: int) -> None:
    printing.make(pk)


@shared_task  # type: ignore[untyped-decorator]
def run_action(pk: int) -> None:
    if action := Action.objects.filter(pk=pk).first():
        runner.run(action=action)


@shared_task  # type: ignore[untyped-decorator]
def resume_jobs() -> None:
    """Those whose worker died, or that nobody could be asked for."""
    for model in (Import, Sheet, Action):
        for pk in leases.abandoned(model):
            tasks.send(model.TASK, pk)
