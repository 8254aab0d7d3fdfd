"""What happens to a batch of device messages: one transaction, then the announcement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices.commands.answers import take_answers
from devices.connections import activation, limited, presence
from lib import live, metrics
from provisioning.presence import challenge, press
from telemetry.attention import judging
from telemetry.ingest import decoder, drops, writer
from telemetry.models import Drop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devices.mqtt.intake import Limited
    from devices.mqtt.messages import Message


def ingest(messages: Sequence[Message], begin: Callable[[], None] = lambda: None) -> None:
    """Store, count presses and answers, activate, note presence; committed when it returns. Repeating it changes
    nothing. `begin` is called first, in the transaction."""
    with transaction.atomic():
        begin()
        batch = decoder.read_batch(messages)
        stored = writer.save_reports(batch.reports, batch.drops, batch.tenures)
        pressed = press.count_presses(stored)
        topics = [*pressed, *challenge.count_answers(batch.answers)]
        for answer in take_answers(batch.command_answers):
            batch.drops.add(answer.device, Drop.Cause.ANSWER, answer.at)
        activation.activate_devices(batch.new)
        presence.record_seen({device.id: at for device, at in batch.heard.items()}, reported=True)
        judging.judge(stored, batch.heard)
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
