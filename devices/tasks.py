from __future__ import annotations

from celery import shared_task

from devices import imports
from devices.bulk_actions import runner
from devices.commands import operations as commands
from devices.connections import timeline
from devices.credentials import deliveries
from devices.jobs import files, leases
from devices.labels import printing
from devices.models import BulkAction, Import, LabelPrintJob
from lib import tasks


@shared_task  # type: ignore[untyped-decorator]
def clear_expired() -> None:
    """Delete keys, files and rows whose time is over; again and again changes nothing."""
    deliveries.clear_expired_deliveries()
    files.clear_expired()
    runner.clear_old()
    commands.clear_old()
    timeline.clear_old()


@shared_task  # type: ignore[untyped-decorator]
def work_on_import(pk: int) -> None:
    imports.work(pk)


@shared_task  # type: ignore[untyped-decorator]
def make_sheet(pk: int) -> None:
    printing.run_print_job(pk)


@shared_task  # type: ignore[untyped-decorator]
def run_action(pk: int) -> None:
    if action := BulkAction.objects.filter(pk=pk).first():
        runner.run(action=action)


@shared_task  # type: ignore[untyped-decorator]
def resume_jobs() -> None:
    """Resume those whose worker died, or that nobody could be asked for."""
    for model in (Import, LabelPrintJob, BulkAction):
        for pk in leases.offer_abandoned(model):
            tasks.send(model.TASK, pk)


@shared_task  # type: ignore[untyped-decorator]
def follow_connections() -> None:
    """Note who is heard and who is not, where no broker tells. Safe to repeat."""
    timeline.follow_traffic()
