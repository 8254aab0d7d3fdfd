from __future__ import annotations

from celery import shared_task

from devices import actions, deliveries, files, imports, queue, sheets
from devices.models import Action


@shared_task  # type: ignore[untyped-decorator]
def clear_expired() -> None:
    """Keys, files and rows whose time is over; again and again changes nothing."""
    deliveries.clear_expired()
    files.clear_expired()
    actions.clear_old()


@shared_task  # type: ignore[untyped-decorator]
def work_on_import(pk: int) -> None:
    imports.work(pk)


@shared_task  # type: ignore[untyped-decorator]
def resume_imports() -> None:
    """Those whose worker died, or that nobody could be asked for."""
    for pk in imports.forsaken():
        queue.send(imports.TASK, pk)


@shared_task  # type: ignore[untyped-decorator]
def make_sheet(pk: int) -> None:
    sheets.make(pk)


@shared_task  # type: ignore[untyped-decorator]
def find_sheets() -> None:
    """Labels that were asked for while no worker heard, or whose worker died."""
    for pk in sheets.unclaimed():
        queue.send(sheets.TASK, pk)


@shared_task  # type: ignore[untyped-decorator]
def run_action(pk: int) -> None:
    if action := Action.objects.filter(pk=pk).first():
        actions.run(action=action)


@shared_task  # type: ignore[untyped-decorator]
def resume_actions() -> None:
    """Those that nobody works on, because a worker or a message was lost."""
    for pk in actions.abandoned():
        queue.send(actions.TASK, pk)
