"""What devices answer to commands: one conditional UPDATE each, so that of repeats one counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Case, F, Q, When
from django.db.models.functions import Now

from devices.commands.operations import record_ends
from devices.models import Command
from devices.models.command import State
from lib.parsing import is_storable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.mqtt.messages import CommandAnswer

STATES = {State.DELIVERED.value, State.DONE.value, State.REFUSED.value}
LONGEST_REASON = 200
LARGEST_RESULT = 4_096
"""Bytes of a result as JSON: more is not kept."""


def take_answers(answers: Iterable[CommandAnswer]) -> list[CommandAnswer]:
    """Let the answers count; return those that are to none of the device's open commands, or that can't be read. An
    answer that comes again changes nothing. Within a transaction."""
    return [answer for answer in answers if not _take(answer)]


def _take(answer: CommandAnswer) -> bool:
    sent = answer.sent
    if not isinstance(sent, dict) or str(sent.get("status")) not in STATES:
        return False
    try:
        key = UUID(str(sent.get("id")))
    except ValueError:
        return False
    state = sent["status"]
    mine = Command.objects.filter(key=key, device=answer.device)
    is_end = state != State.DELIVERED
    reason = sent.get("reason")
    kept: dict[str, Any] = {"state": state, "changed_at": Now(), "ended_at": Now() if is_end else None}
    if isinstance(reason, str) and is_storable(reason):
        kept["reason"] = reason[:LONGEST_REASON]
    if _is_kept(sent.get("result")):
        kept["result"] = sent["result"]
    waits = Q(state__in=[State.QUEUED, State.SENT] if not is_end else [State.QUEUED, State.SENT, State.DELIVERED])
    kept["sent_at"] = Case(When(sent_at=None, then=Now()), default=F("sent_at"))
    if Command.objects.open().filter(waits, pk__in=mine.values("pk"), attempts__gt=0).update(**kept) == 1:
        if is_end:
            record_ends(mine.select_related("device"))
        return True
    same = Q(state=state) if is_end else Q(state__in=STATES)  # "delivered" may come again after the end
    return mine.filter(same, attempts__gt=0).exists()


def _is_kept(result: object) -> bool:
    if result is None:
        return False
    try:
        text = json.dumps(result, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return len(text) <= LARGEST_RESULT and "\\u0000" not in text and "\\ud" not in text
