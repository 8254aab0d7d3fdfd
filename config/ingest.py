"""What happens to a batch of device messages: one transaction, then the announcement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices.connections import activation, limited, presence
from lib import live, metrics
from provisioning.presence import challenge, press
from telemetry.ingest import decoder, drops, writer
from telemetry.models import Drop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devices.mqtt.intake import Limited
    from devices.mqtt.messages import Message


def ingest(messages: Sequence[Message]) -> None:
    """Store, count presses and answers, activate, note presence; committed when it returns. Repeating it changes
    nothing."""
    with transaction.atomic():
        batch = decoder.read_batch(messages)
        stored = writer.save_reports(batch.reports, batch.drops)
        pressed = press.count_presses(stored)
        topics = [*pressed, *challenge.count_answers(batch.answers)]
        activation.activate_devices([device.pk for device in batch.heard if device.activated_at is None])
        presence.record_seen({device.pk: at for device, at in batch.heard.items()})
        batch.drops.save()
    metrics.REPORTS.inc(len(stored))
    metrics.PRESSES.inc(len(pressed))
    live.announce([*presence.list_topics(batch.heard), *topics])


def record_limits(senders: Mapping[str, Limited]) -> None:
    """Record who sent too much, how much of it was dropped, and what was lost for want of room."""

    def record_dropped() -> None:
        cause = Drop.Cause
        drops.record_drops({key: sender.dropped for key, sender in senders.items() if sender.dropped}, cause.LIMITED)
        drops.record_drops({key: sender.lost for key, sender in senders.items() if sender.lost}, cause.OVERLOAD)

    over = {key: (sender.seconds, sender.dropped) for key, sender in senders.items()}
    limited.record_limits(over, record_dropped=record_dropped)


def record_failed(message: Message) -> None:
    """Record that a message was given up, since it could not be stored."""
    drops.record_drops({message.device_id: 1}, Drop.Cause.FAILED)
