from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery
from celery.signals import (
    before_task_publish,
    celeryd_init,
    task_postrun,
    task_prerun,
    worker_init,
    worker_shutting_down,
)
from click import Option

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # of pages, which a worker has none of: to be there soon matters more

app = Celery("handover")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.user_options["worker"].add(Option(["--consumer"], is_flag=True, help="Store what devices report."))
app.steps["worker"].add("config.worker:ConsumerStep")

_began: dict[str, float] = {}


@worker_init.connect  # type: ignore[untyped-decorator]
def listen(**_: Any) -> None:
    from lib import metrics

    metrics.listen()


@celeryd_init.connect  # type: ignore[untyped-decorator]
def say_all_in_json(instance: Any, **_: Any) -> None:
    """Where programs read the log: no banner, and what is said past it at a signal in its format."""
    from celery.apps import worker
    from django.conf import settings

    from lib import log

    if settings.LOG_FORMAT == "json":
        instance.quiet = True
        worker.safe_say = lambda text, *_: log.write_unlocked("celery.worker", text)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def leave_jobs_to_others(**_: Any) -> None:
    """Have jobs end with the batch that they are at: another worker goes on with them."""
    from lib import stopping

    stopping.begin()


IDS = "handover_ids"
"""The header of a task that says what it was asked for by: what lines of whoever asked are about."""


@before_task_publish.connect  # type: ignore[untyped-decorator]
def send_ids(headers: dict[str, Any], **_: Any) -> None:
    from lib import log

    headers[IDS] = {name: value for name, value in log.gather().items() if name != "task_id"}


@task_prerun.connect  # type: ignore[untyped-decorator]
def note_begin(task_id: str, task: Any, **_: Any) -> None:
    from lib import log

    _began[task_id] = time.monotonic()
    log.begin(**{**(task.request.get(IDS) or {}), "task_id": task_id})


@task_postrun.connect  # type: ignore[untyped-decorator]
def count_task(task_id: str, task: Any, state: str | None, **_: Any) -> None:
    from lib import log, metrics

    log.end()
    metrics.TASKS.labels(task.name, (state or "unknown").lower()).inc()
    metrics.TASK_SECONDS.labels(task.name).observe(time.monotonic() - _began.pop(task_id, time.monotonic()))
