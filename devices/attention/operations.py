"""What needs attention begins, ends and is acknowledged. One that comes and goes is one: see docs/decisions/0042."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now

from devices import batches, events
from devices.events import Fact
from devices.models import Attention, Device, Event
from devices.refusals import ATTENTION_OVER
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenants.models import User

CALM = timedelta(hours=1)
"""What begins again sooner after its end comes and goes: people heard of it."""
MOST_TOLD = 2
"""How often people, and the device's history, are told of one until it was calm."""


class Finding(NamedTuple):
    """Say of a device in a group what is wrong with it, and with which value it began."""

    device: Device
    cause: Attention.Cause
    attribute: str = ""
    value: object = None


def begin(findings: Sequence[Finding]) -> None:
    """Record what began; what is so already stays as it is. Whoever calls it holds a row of each device that all who
    judge the same hold."""
    known = _read_known(findings)
    new, again = [], []
    for finding in findings:
        row = known.get((finding.device.assignment_id, finding.cause, finding.attribute))
        if row is None:
            new.append(_build_row(finding))
        elif row.ended_at is not None:
            again.append(_begin_again(row, finding))
    Attention.objects.bulk_create(new, ignore_conflicts=True)  # never the cause why a report is not stored
    fields = ("since", "ended_at", "value", "times", "told", "by", "acknowledged_at")
    Attention.objects.bulk_update(again, fields)
    devices = {finding.device.pk: finding.device for finding in findings}
    _tell(Event.Kind.NEEDS_ATTENTION, [*new, *again], devices)


def end(rows: Sequence[Attention], devices: dict[int, Device]) -> None:
    """Record that these are over; the devices are by primary key."""
    if rows:
        Attention.objects.filter(pk__in=[row.pk for row in rows], ended_at=None).update(ended_at=Now())
        _tell(Event.Kind.FINE_AGAIN, rows, devices)


def end_former() -> None:
    """End what is of an assignment that is over: nobody sees it any more, and its end says why."""
    former = Attention.objects.filter(ended_at=None)
    former = former.filter(Q(device__assignment=None) | ~Q(assignment=F("device__assignment")))
    former.update(ended_at=Now())


def acknowledge(*, attention: Attention, device: Device, by: User) -> bool:
    """Note that somebody looks after it; return whether this call did. Raises Refusal if it is over."""
    with transaction.atomic():
        now = Attention.objects.current().filter(pk=attention.pk)
        if now.filter(acknowledged_at=None).update(acknowledged_at=Now(), by=by) != 1:
            if not now.exists():
                raise Refusal(ATTENTION_OVER)
            return False
        events.record(
            Event.Kind.ACKNOWLEDGED, device=device, by=by, cause=attention.cause, attribute=attention.attribute
        )
        batches.announce([device])
    return True


def _read_known(findings: Sequence[Finding]) -> dict[tuple[int | None, str, str], Any]:
    rows = Attention.objects.filter(assignment__in={finding.device.assignment_id for finding in findings})
    clock: dict[str, Any] = {"now": Now(), "calm": Case(When(ended_at__lt=Now() - CALM, then=True), default=False)}
    locked = rows.select_for_update(no_key=True).annotate(**clock).order_by("pk")
    return {(row.assignment_id, row.cause, row.attribute): row for row in locked}


def _build_row(finding: Finding) -> Attention:
    device, assignment = finding.device, finding.device.assignment_id
    assert assignment is not None
    return Attention(
        organisation_id=device.organisation_id,
        device=device,
        assignment_id=assignment,
        cause=finding.cause,
        attribute=finding.attribute,
        value=finding.value,
    )


def _begin_again(row: Any, finding: Finding) -> Attention:
    kept: Attention = row
    if row.calm:
        kept.times, kept.told, kept.by, kept.acknowledged_at = 0, 0, None, None
    kept.since, kept.ended_at, kept.value, kept.times = row.now, None, finding.value, kept.times + 1
    return kept


def _tell(kind: Event.Kind, rows: Sequence[Attention], devices: dict[int, Device]) -> None:
    events.record_each(
        [
            Fact(
                kind,
                row.organisation_id,
                row.device_id,
                row.assignment_id,
                {"cause": str(row.cause), "attribute": row.attribute},
                devices[row.device_id].group_id,
            )
            for row in rows
            if row.times <= MOST_TOLD
        ]
    )
