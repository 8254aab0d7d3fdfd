"""Whether the broker kept the consumer's session. One that is new once there was one means that reports may be lost:
another volume, a session that expired, another client id."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models.functions import Now

from devices.models import BrokerSession

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)

TOLD_FOR = timedelta(days=7)
"""How long health checks say it, unless an operator has seen it."""
LOST = (
    "the broker did not keep the consumer's session: what devices reported since the consumer was last connected may be"
    " lost. See docs/operations.md, and then run: manage.py broker_session --seen"
)


def record_session(resumed: bool) -> None:
    """Record how the broker received the consumer; the first session is expected to be new."""
    only = BrokerSession.objects.filter(pk=BrokerSession.ONLY)
    first = BrokerSession(pk=BrokerSession.ONLY, client_id=settings.MQTT_CLIENT_ID)
    if not only.exists() and BrokerSession.objects.bulk_create([first], ignore_conflicts=True):
        return
    if not resumed:
        only.update(client_id=settings.MQTT_CLIENT_ID, began_at=Now(), lost_at=Now())
        log.error(LOST)


def find_loss() -> datetime | None:
    """Return when a session was found to be lost, while that is to be told."""
    lost = BrokerSession.objects.filter(lost_at__gt=Now() - TOLD_FOR)
    return lost.values_list("lost_at", flat=True).first()


def mark_seen() -> bool:
    """Clear the loss, as seen by an operator; return whether there was one."""
    return bool(BrokerSession.objects.exclude(lost_at=None).update(lost_at=None))
