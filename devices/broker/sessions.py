"""Whether the broker kept the consumer's session. One that is new once there was one means that reports may be lost:
another volume, a session that expired, another client id."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models.functions import Now

from devices.models import BrokerSession
from devices.mqtt import parts

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)

TOLD_FOR = timedelta(days=7)
"""How long health checks say it, unless an operator has seen it."""
LOST = (
    "the broker did not keep the consumer's session: what devices reported since the consumer was last connected may be"
    " lost. See docs/operations.md, and then run: manage.py broker_session --seen"
)


def record_session(resumed: bool, part: int = 0, client_id: str = "") -> None:
    """Record how the broker received the consumer, for a part of the devices; the first session of a part is expected
    to be new."""
    client_id = client_id or settings.MQTT_CLIENT_ID
    number = _number(part, parts.count_parts())
    own = BrokerSession.objects.filter(pk=number)
    first = BrokerSession(pk=number, client_id=client_id)
    if not own.exists() and BrokerSession.objects.bulk_create([first], ignore_conflicts=True):
        return
    if not resumed:
        own.update(client_id=client_id, began_at=Now(), lost_at=Now())
        log.error(LOST)


def forget_session(part: int, count: int) -> None:
    """Forget the session of one of so many parts, which was ended since devices are divided anew: its next one is a
    first one."""
    BrokerSession.objects.filter(pk=_number(part, count)).delete()


def _number(part: int, count: int) -> int:
    """Return the row of a session: the one of all devices is apart from those of parts."""
    return BrokerSession.WHOLE if count == 1 else BrokerSession.WHOLE + 1 + part


def find_loss() -> datetime | None:
    """Return when a session was found to be lost, while that is to be told."""
    lost = BrokerSession.objects.filter(lost_at__gt=Now() - TOLD_FOR)
    return lost.values_list("lost_at", flat=True).first()


def mark_seen() -> bool:
    """Clear the loss, as seen by an operator; return whether there was one."""
    return bool(BrokerSession.objects.exclude(lost_at=None).update(lost_at=None))
