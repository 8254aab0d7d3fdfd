"""One thing done to many devices: what was previewed is done, in batches, each all or nothing, and once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from devices import events, tags
from devices.bulk_actions import eligibility
from devices.bulk_actions import undo as undoing
from devices.bulk_actions.eligibility import CHANGE, NOT_YOURS, Params
from devices.bulk_actions.handlers import EFFECTS, Batch
from devices.connections import presence
from devices.credentials import deliveries
from devices.jobs import leases
from devices.lifecycle import assignments
from devices.models import Action, Device, Event, Touched
from lib import key_wrapping, live, tasks
from lib.db import bulk_sql, copy
from tenants.models import ApiToken, Group, User

if TYPE_CHECKING:
    from collections.abc import Collection

    from devices.jobs.leases import Lease
    from devices.models import DeviceQuerySet

BATCH = 2_000
AT_ONCE = 200  # as many may be done while the page waits
TRIES = 3
LOCKED = "55P03"  # PostgreSQL: waited for a lock as long as it may; again would be as long again
KEPT = timedelta(days=30)  # longer than anything can be undone or fetched
STORIES = 4


class Changed(Exception):
    """The devices are not those, or not as, that were previewed; nothing was done."""


class Impossible(Exception):
    """It can't go on, for a reason that people can read."""


def start(
    *, kind: str, params: Params, devices: DeviceQuerySet, selection: dict[str, object], previewed: str, by: User
) -> Action:
    """Keeps the devices (already scoped to what `by` manages) for a worker. Raises Changed, ValidationError."""
    assert by.organisation is not None
    if kind == Action.Kind.TAG:
        params = replace(params, tag=tags.clean_name(params.tag), value=tags.clean_value(params.value))
    with transaction.atomic():
        action = Action.objects.create(
            organisation=by.organisation,
            by=by,
            kind=kind,
            params=params.as_json(),
            selection=selection,
            held_until=leases.held(),
        )
        _keep(action, devices)
        chosen = Device.objects.filter(pk__in=Touched.objects.filter(action=action).values("device"))
        preview = eligibility.preview(chosen, kind, params)
        if preview.digest != previewed or not preview.total:
            raise Changed
        if kind == Action.Kind.REISSUE:
            action.delivery = deliveries.prepare(organisation=by.organisation, by=by)
        action.total = preview.total
        action.save(update_fields=["total", "delivery"])
        _record(Event.Kind.ACTION_STARTED, action)
    return action


def undo(*, action: Action, by: User, token: ApiToken | None = None) -> Action:
    """A new action that brings back what `action` changed, as far as `by` may then, or with `token` this one. Raises
    Changed if that is not possible (any more)."""
    with transaction.atomic():
        locked = Action.objects.select_for_update(of=("self",), no_key=True).filter(pk=action.pk)
        if not locked.exists() or not Action.objects.undoable().filter(pk=action.pk).exists():
            raise Changed
        back = Action.objects.create(
            organisation=action.organisation,
            by=by,
            kind=action.kind,
            params=action.params,
            selection={"undo": str(action.key)} | ({"token": token.pk} if token else {}),
            undo_of=action,
            total=action.changed,
            held_until=leases.held(),
        )
        changed = Device.objects.filter(pk__in=Touched.objects.filter(action=action, verdict=CHANGE).values("device"))
        _keep(back, changed)
        _record(Event.Kind.ACTION_STARTED, back)
    return back


def cancel(*, action: Action) -> bool:
    """Whether there was anything left to stop; what is done already stays, and can be undone."""
    return leases.cancel(action, settle=lambda: _settle(action))


def carry_out(*, action: Action) -> None:
    """At once where it is small, else by a worker."""
    if action.total <= AT_ONCE:
        run(action=action, in_turn=False)
    else:
        tasks.send(Action.TASK, action.pk)


def run(*, action: Action, in_turn: bool = True) -> None:
    """Goes on where it stands, if nobody else does; safe to be called again and again."""
    started = Coalesce("started_at", Now())
    lease = leases.claim(Action, action.pk, in_turn=in_turn, state=Action.State.RUNNING, started_at=started)
    if lease is None:
        return
    held = Action.objects.select_related("organisation", "by", "delivery", "undo_of").get(pk=action.pk)

    def go_on() -> None:
        if held.undo_of and held.total > BATCH:
            # Else the planner may know of no rows of the former action, and read all of them for each device.
            copy.count_anew(Touched)
        for _ in leases.paced(iter(partial(_tried, held, lease), False)):
            held.refresh_from_db(fields=["reached"])
            if in_turn:
                lease.give_way()
        _end(held, lease, Action.State.DONE)

    leases.work(lease, go_on, end=partial(_end, held, lease), why=_why)


def _why(error: Exception) -> str | None:
    if isinstance(error, deliveries.Gone | key_wrapping.Unsealable):
        return "Its credentials can't be made any more. Reissue them."
    return str(error) if isinstance(error, Impossible) else None


def clear_old() -> int:
    """How many rows about single devices were deleted; the actions stay, and so do the devices' events."""
    ended = Action.objects.filter(finished_at__lt=Now() - KEPT)
    return Touched.objects.filter(action__in=ended).delete()[0]


def _keep(action: Action, devices: DeviceQuerySet) -> None:
    same: dict[str, str | int | None] = {"action_id": action.pk, "verdict": "", "before": "{}", "after": "{}"}
    bulk_sql.insert(Touched, devices, each={"device_id": "pk"}, same=same)


def _tried(action: Action, lease: Lease[Action]) -> bool:
    for attempt in range(1, TRIES + 1):
        try:
            return _batch(action, lease)
        except OperationalError as error:  # a deadlock: the other side has won by now
            if attempt == TRIES or getattr(error.__cause__, "sqlstate", "") == LOCKED:
                raise
    return False


def _batch(action: Action, lease: Lease[Action]) -> bool:
    """Whether there was one to do."""
    with transaction.atomic():
        following = Touched.objects.filter(action=action, device__gt=action.reached).order_by("device_id")
        keys = list(following.values_list("device_id", flat=True)[:BATCH])
        if not keys:
            return False
        done = _undone(action, keys) if action.undo_of else _done(action, keys)
        changed = sum(each.verdict == CHANGE for each in done)
        _note(action, done)
        lease.update(done=F("done") + len(keys), changed=F("changed") + changed, reached=keys[-1])
        _announce(action, [each.device_id for each in done if each.verdict == CHANGE])
    return True


def _done(action: Action, keys: list[int]) -> list[Touched]:
    params, user = Params(**action.params), _actor(action)
    if action.kind == Action.Kind.MOVE:
        _hold_target(params, user)
    _lock(keys)
    mine = Device.objects.manageable_by(user).filter(pk__among=keys).order_by("pk")
    devices = list(eligibility.judged(mine, action.kind, params))
    return _act(action, keys, devices)


def _act(action: Action, keys: list[int], devices: list[Device]) -> list[Touched]:
    seen = {device.pk: Touched(action=action, device=device, verdict=device.verdict) for device in devices}
    changing = [device for device in devices if device.verdict == CHANGE]
    if changing:
        seen |= {each.device_id: each for each in EFFECTS[action.kind](Batch(action, changing))}
    return [seen.get(pk) or Touched(action=action, device_id=pk, verdict=NOT_YOURS) for pk in keys]


def _undone(action: Action, keys: list[int]) -> list[Touched]:
    user = _actor(action)
    former = Touched.objects.filter(action=action.undo_of_id, device__among=keys)
    originals = {each.device_id: each for each in former}
    leaves = undoing.lock_places(originals)
    _lock(keys)
    devices = list(undoing.scope(action, user).filter(pk__among=keys).order_by("pk"))
    undoing.judge(action, devices, originals, leaves, user)
    if changing := [device for device in devices if device.verdict == CHANGE]:
        undoing.WAYS_BACK[action.kind](Batch(action, changing), originals)
    seen = {device.pk: device.verdict for device in devices}
    return [Touched(action=action, device_id=pk, verdict=seen.get(pk, NOT_YOURS)) for pk in keys]


def _actor(action: Action) -> User:
    """With the roles of this moment, and no more than the token with which it was begun, if that was a narrow one;
    nobody manages anything in the name of somebody who is gone."""
    user = User.objects.filter(pk=action.by_id).first() if action.by_id else None
    if user is None:
        raise Impossible("Whoever started it is no longer here.")
    if "token" in action.selection:
        token = ApiToken.objects.live().select_related("group").filter(pk=action.selection["token"], user=user).first()
        if token is None:
            raise Impossible("The token with which this was begun has ended.")
        user.grants = token.narrow(user.grants)
    return user


def _hold_target(params: Params, user: User) -> None:
    mine = Group.objects.manageable_by(user).filter(pk=params.group)
    if not mine.exists() or not assignments.lock_leaves([params.group]):
        raise Impossible("The group can't take devices any more: it is gone, has groups below it, or is not yours.")


def _lock(keys: list[int]) -> None:
    # Groups before devices before assignments, and each in one order: as `assignments.assign`.
    # What devices report is stored meanwhile: its rows name the device by its key, which is not locked.
    list(Device.objects.select_for_update(no_key=True).filter(pk__among=keys).order_by("pk").values_list("pk"))


def _note(action: Action, touched: list[Touched]) -> None:
    """Devices with one and the same story take one UPDATE; where each has its own, all go in one statement."""
    stories: dict[str, list[Touched]] = {}
    for each in touched:
        stories.setdefault(json.dumps([each.verdict, each.before, each.after]), []).append(each)
    if len(stories) > STORIES:
        fields = ["verdict", "before", "after"]
        Touched.objects.bulk_create(
            touched, update_conflicts=True, unique_fields=["action", "device"], update_fields=fields
        )
        return
    for alike in stories.values():
        rows = Touched.objects.filter(action=action, device__among=[each.device_id for each in alike])
        rows.update(verdict=alike[0].verdict, before=alike[0].before, after=alike[0].after)


def _end(action: Action, lease: Lease[Action], state: str, cause: str = "") -> None:
    with transaction.atomic():
        lease.end(state=state, cause=cause[:500])
        action.refresh_from_db(fields=["state"])
        _settle(action)


def _settle(action: Action) -> None:
    """What follows from an end: the event, and the time for which its secrets can be had."""
    if action.delivery:
        deliveries.extend(delivery=action.delivery)
    _record(Event.Kind.ACTION_ENDED, action, state=action.state)
    _announce(action)


def _record(kind: Event.Kind, action: Action, **data: object) -> None:
    facts: dict[str, Any] = {"action": str(action.key), "kind": action.kind, "total": action.total, **data}
    events.record(kind, organisation=action.organisation_id, by=action.by_id, **facts)


def _announce(action: Action, changed: Collection[int] = ()) -> None:
    devices = Device.objects.filter(pk__among=changed).only("device_id") if changed else ()
    topics = [leases.topic(action), *presence.topics(devices)]
    transaction.on_commit(lambda: live.announce(topics))
