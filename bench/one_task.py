"""One Celery task and one transaction for each message: how it is not done, for `bench.ingest` to compare with."""

from __future__ import annotations

from celery import Celery
from django.utils import timezone

app = Celery("bench")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="one")  # type: ignore[untyped-decorator]
def one(device_id: str, payload: str) -> None:
    from config.ingest import ingest
    from devices.mqtt.messages import Message

    ingest([Message(device_id, payload.encode(), timezone.now())])
