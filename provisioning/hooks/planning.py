"""Making runs of events: what happened to devices is told from the rows that say so, whichever way it was done.

An event is written in the transaction of its act, so nothing is told that did not happen, and nothing is lost with a
worker or a queue. Events are gone through by their time. What a long transaction wrote comes into sight late: each
round looks back by `RECENT`, and goes a step through what lies before that, up to `LATE`, again and again. So a round
with nothing to do does as little after a day with a million events as after one with none.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from devices.attention.reading import Shown, show
from devices.models import Attention, Device, Event
from provisioning.models import Hook, HookCall, HookFeed, HookRun, Window, is_free
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from devices.models import EventQuerySet

log = logging.getLogger(__name__)

LATE = timedelta(hours=1)
"""Longer than any transaction here."""
RECENT = timedelta(seconds=30)
"""Longer than nearly all of them."""
CHUNK = 500  # events
SWEPT = 2_000  # events that a round looks at again
KINDS = {
    Event.Kind.PROVISIONED: HookRun.Kind.PLACED,
    Event.Kind.MOVED: HookRun.Kind.PLACED,
    Event.Kind.ASSIGNED: HookRun.Kind.PLACED,
    Event.Kind.UNASSIGNED: HookRun.Kind.PLACED,
    Event.Kind.RELEASED: HookRun.Kind.RELEASED,
    Event.Kind.ATTENTION_TOLD: HookRun.Kind.ATTENTION,
}


def plan_all() -> bool:
    """Make runs of a chunk of each organisation's events; return whether some organisation has more. What fails at one
    is logged, and tried again the next time: the others are not held up."""
    feeds = HookFeed.objects.filter(Exists(Hook.objects.filter(organisation=OuterRef("pk"), ended_at=None)))
    has_more = False
    for pk in feeds.values_list("pk", flat=True):
        try:
            has_more |= plan_organisation(pk)
        except (OperationalError, InterfaceError):
            raise  # the database is away, for all of them
        except Exception:
            log.exception("what back ends of organisation %s are to be told could not be planned", pk)
    return has_more


@transaction.atomic
def plan_organisation(organisation: int) -> bool:
    """Make runs of the next events that have none; return whether there are more. Others wait until it is done."""
    feed = HookFeed.objects.select_for_update(no_key=True).annotate(now=Now()).get(pk=organisation)
    hooks = list(Hook.objects.filter(organisation=organisation).working())
    if not hooks:
        return False
    kinds = [kind for kind in KINDS if any(_tells(hook, kind) for hook in hooks)]
    rows = Event.objects.filter(organisation=organisation, kind__in=kinds)
    oldest = min(hook.created_at for hook in hooks)
    began, recent = max(feed.read_until - LATE, oldest), max(feed.read_until - RECENT, oldest)
    events = _find_untold(rows.filter(at__gt=recent))
    has_more = len(events) == CHUNK
    if not has_more:
        swept = feed.swept_until if feed.swept_until and began < feed.swept_until < recent else began
        end = _find_end(rows.filter(at__gt=swept, at__lte=recent))
        late = _find_untold(rows.filter(at__gt=swept, at__lte=end or recent))
        has_more = len(late) == CHUNK
        events += late
        HookFeed.objects.filter(pk=organisation).update(
            read_until=feed.read_until if has_more else feed.now, swept_until=swept if has_more else end
        )
    devices = {event.device_id for event in events if event.device_id}
    found = {event.pk: event for event in [*events, *_find_untold(rows.filter(device__in=devices, at__gt=began))]}
    _write_runs([found[pk] for pk in sorted(found)], hooks)  # of a device in their order: the last one counts
    return has_more


def _find_end(rows: EventQuerySet) -> datetime | None:
    """Return until when the rows are that one round looks at again; None for all."""
    return rows.order_by("at").values_list("at", flat=True)[SWEPT - 1 : SWEPT].first()


def _tells(hook: Hook, kind: str) -> bool:
    other = Hook.Tells.PLACEMENTS if kind == Event.Kind.ATTENTION_TOLD else Hook.Tells.ATTENTION
    return hook.tells != other


def _find_untold(events: EventQuerySet) -> list[Event]:
    """Return a chunk of those of which no run was made."""
    told = HookRun.objects.filter(event=OuterRef("pk"))
    there = Device.objects.filter(pk=OuterRef("device"))  # of one that was removed nothing is left to tell
    of_some = Q(Exists(there)) | Q(device=None)
    rows = events.filter(of_some, ~Exists(told))
    about = ("device__model", "device__version__recipe", "group", "organisation")
    return list(rows.select_related(*about).order_by("pk")[:CHUNK])


def _write_runs(events: Sequence[Event], hooks: Sequence[Hook]) -> None:
    paths = {group.pk: _name_path(group) for group in {event.group for event in events if event.group}}
    placed = [event.assignment_id for event in events if event.assignment_id]
    windows = Window.objects.filter(assignment__in=placed)
    labels = {window.assignment_id or 0: window.label for window in windows.only("assignment", "label")}
    runs = HookRun.objects.bulk_create([_make_run(event, paths, labels) for event in events])
    about = {event.pk: event for event in events}
    HookCall.objects.bulk_create(
        HookCall(run=run, hook=hook, position=position)
        for run in runs
        for position, hook in enumerate((hook for hook in hooks if _hears(hook, about[run.event])), start=1)
    )
    _overtake([run.device_id for run in runs if run.device_id])


def _hears(hook: Hook, event: Event) -> bool:
    return hook.created_at < event.at and _tells(hook, event.kind)


def _name_path(group: Group) -> list[str]:
    """Return the names from the organisation's down to the group's."""
    return [*Group.objects.get_ancestors(group).values_list("name", flat=True), group.name]


def _make_run(event: Event, paths: Mapping[int, list[str]], labels: Mapping[int, dict[str, str] | None]) -> HookRun:
    kind = KINDS[Event.Kind(event.kind)]
    if kind == HookRun.Kind.ATTENTION:
        payload = build_attention_payload(event)
        return HookRun(organisation_id=event.organisation_id, event=event.pk, kind=kind, payload=payload)
    payload = build_payload(event, kind, paths.get(event.group_id or 0, []))
    payload["data"]["label"] = labels.get(event.assignment_id or 0) or {}
    told = {"organisation_id": event.organisation_id, "device_id": event.device_id, "event": event.pk}
    return HookRun(kind=kind, payload=payload, **told)


def build_payload(event: Event, kind: HookRun.Kind, path: Sequence[str]) -> dict[str, Any]:
    """Return what is sent of the event: `type`, `timestamp` and `data`, as Standard Webhooks advise."""
    device, group = event.device, event.group
    assert device is not None
    return {
        "type": kind.value,
        "timestamp": _write_time(event.at),
        "data": {
            "event": event.pk,
            "organisation": event.organisation.slug,
            "serial": device.serial,
            "device_id": device.device_id,
            "name": device.name,
            "model": device.model.name if device.model else None,
            "recipe": device.version.recipe.name,
            "group": {"id": group.pk, "name": group.name, "path": list(path)} if group else None,
        },
    }


def build_attention_payload(event: Event) -> dict[str, Any]:
    """Return what is sent of what people were told of: all of it in one message, up to a thousand things."""
    rows = list(Attention.objects.filter(pk__in=event.data["rows"]).select_related("device__group").order_by("pk"))
    shown = show(rows, {row.device_id: row.device for row in rows})
    return {
        "type": HookRun.Kind.ATTENTION.value,
        "timestamp": _write_time(event.at),
        "data": {
            "event": event.pk,
            "organisation": event.organisation.slug,
            "count": event.data["count"],
            "attention": [_describe(each) for each in shown],
        },
    }


def _describe(shown: Shown) -> dict[str, Any]:
    row, device = shown.row, shown.row.device
    group = {"id": device.group.pk, "name": device.group.name} if device.group else None
    named = {"serial": device.serial, "device_id": device.device_id, "name": device.name, "group": group}
    plain = {name: getattr(row, name) for name in ("cause", "attribute", "value", "times")}
    return {"id": row.pk, **named, **plain, "since": _write_time(row.since), "words": shown.words}


def _write_time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _overtake(devices: Sequence[int]) -> None:
    """End what was still to be told of the devices before: at once, or with the call that is being made."""
    later = HookRun.objects.filter(device=OuterRef("device"), pk__gt=OuterRef("pk"))
    before = HookRun.objects.filter(Exists(later), device__in=devices, state__in=HookRun.OPEN)
    ended, now = Value(HookRun.State.OVERTAKEN.value), is_free()
    before.update(
        overtaken=True,
        state=Case(When(now, then=ended), default=F("state")),
        finished_at=Case(When(now, then=Now()), default=F("finished_at")),
    )
