"""What happens to a batch of device messages: one transaction, then the announcement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices.connections import activation, presence
from lib import live
from provisioning.presence import press
from telemetry.ingest import decoder, writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.mqtt.messages import Message


def ingest(messages: Sequence[Message]) -> None:
    """Store, count presses, activate, note presence; committed when it returns. Repeating it changes nothing."""
    with transaction.atomic():
        batch = decoder.read(messages)
        stored = writer.save(batch.reports)
        topics = press.count(stored)
        activation.activate([device.pk for device in batch.heard if device.activated_at is None])
        presence.seen({device.pk: at for device, at in batch.heard.items()})
    live.announce([*presence.topics(batch.heard), *topics])
