from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_init
from click import Option

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

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


@task_prerun.connect  # type: ignore[untyped-decorator]
def note_begin(task_id: str, **_: Any) -> None:
    _began[task_id] = time.monotonic()


@task_postrun.connect  # type: ignore[untyped-decorator]
def count_task(task_id: str, task: Any, state: str | None, **_: Any) -> None:
    from lib import metrics

    metrics.TASKS.labels(task.name, (state or "unknown").lower()).inc()
    metrics.TASK_SECONDS.labels(task.name).observe(time.monotonic() - _began.pop(task_id, time.monotonic()))
