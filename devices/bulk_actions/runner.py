"""One thing done to many devices: what was previewed is done, in batches, each all or nothing, and once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from devices import batches, events, refusals, tags
from devices.bulk_actions import eligibility
from devices.bulk_actions import undo as undo_handlers
from devices.bulk_actions.eligibility import CHANGE, NOT_YOURS, Params
from devices.bulk_actions.file_judge import include_gateways
from devices.bulk_actions.handlers import HANDLERS, Batch, Story, lock_targets
from devices.credentials import deliveries
from devices.jobs import leases
from devices.lifecycle import assignments, persons
from devices.models import BulkAction, Device, Event, Touched
from lib import live, tasks
from lib.db import bulk_sql, copy, deadlocks, search_index
from lib.refusals import Refusal
from tenants.models import ApiToken, Group, User

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from devices.jobs.leases import Lease
    from devices.models import Change, DeviceQuerySet

BATCH = 2_000
AT_ONCE = 200  # as many may be done while the page waits
KEPT = timedelta(days=30)  # longer than anything can be undone or fetched
STORIES = 4


def start(
    *, kind: str, params: Params, devices: DeviceQuerySet, selection: dict[str, object], previewed: str, by: User
) -> BulkAction:
    """Keep the devices (already scoped to what `by` manages) for a worker. Raises ValidationError; Refusal, where
    they are not as they were `previewed`."""
    assert by.organisation is not None
    if kind == BulkAction.Kind.TAG:
        params = replace(params, tag=tags.clean_name(params.tag), value=tags.clean_value(params.value))
    with transaction.atomic():
        action = BulkAction.objects.create(
            organisation=by.organisation,
            by=by,
            kind=kind,
            params=params.as_json(),
            selection=selection,
            held_until=leases.compute_lease_end(),
        )
        _keep_devices(action, devices)
        chosen = Device.objects.filter(pk__in=Touched.objects.filter(action=action).values("device"))
        preview = eligibility.preview(chosen, kind, params)
        if preview.digest != previewed or not preview.total:
            raise Refusal(refusals.SELECTION_CHANGED)
        if kind == BulkAction.Kind.REISSUE:
            action.delivery = deliveries.prepare_delivery(organisation=by.organisation, by=by)
        action.total = preview.total
        action.save(update_fields=["total", "delivery"])
        _record(Event.Kind.ACTION_STARTED, action)
    return action


def undo(*, action: BulkAction, by: User, token: ApiToken | None = None) -> BulkAction:
    """Start an action that brings back what `action` changed, as far as `by` may then, or with `token` this one.

    Raises Refusal if that is not possible (any more).
    """
    with transaction.atomic():
        locked = BulkAction.objects.select_for_update(of=("self",), no_key=True).filter(pk=action.pk)
        if not locked.exists() or not BulkAction.objects.undoable().filter(pk=action.pk).exists():
            raise Refusal(refusals.NOT_UNDOABLE)
        back = BulkAction.objects.create(
            organisation=action.organisation,
            by=by,
            kind=action.kind,
            params=action.params,
            selection={"undo": str(action.key)} | ({"token": token.pk} if token else {}),
            undo_of=action,
            total=action.changed,
            held_until=leases.compute_lease_end(),
        )
        changed = Device.objects.filter(pk__in=Touched.objects.filter(action=action, verdict=CHANGE).values("device"))
        _keep_devices(back, changed)
        _record(Event.Kind.ACTION_STARTED, back)
    return back


def cancel(*, action: BulkAction) -> bool:
    """Return whether there was anything left to stop; what is done already stays, and can be undone."""
    return leases.cancel(action, settle=lambda: _settle(action))


def carry_out(*, action: BulkAction) -> None:
    """Run it at once where it is small, else by a worker."""
    if action.total <= AT_ONCE:
        run(action=action, in_turn=False)
    else:
        tasks.send(BulkAction.TASK, action.pk)


def run(*, action: BulkAction, in_turn: bool = True) -> None:
    """Go on where it stands, if nobody else does; safe to be called again and again."""
    started = Coalesce("started_at", Now())
    lease = leases.claim(BulkAction, action.pk, in_turn=in_turn, state=BulkAction.State.RUNNING, started_at=started)
    if lease is None:
        return
    running = BulkAction.objects.select_related("organisation", "by", "delivery", "undo_of").get(pk=action.pk)
    next_batch = partial(_run_batch, running, lease)

    def go_on() -> None:
        if running.undo_of and running.total > BATCH:
            # Else the planner may know of no rows of the former action, and read all of them for each device.
            copy.count_anew(Touched)
        for _ in leases.pace_steps(iter(partial(deadlocks.try_again, next_batch), False)):
            running.refresh_from_db(fields=["reached"])
            if in_turn:
                lease.give_way()
        _end(running, lease, BulkAction.State.DONE)
        if running.total > BATCH:
            search_index.sort_in(Device)

    leases.work(lease, go_on, end=partial(_end, running, lease))


def clear_old() -> int:
    """Delete rows about single devices, and return how many; the actions stay, and so do the devices' events."""
    ended = BulkAction.objects.filter(finished_at__lt=Now() - KEPT)
    return Touched.objects.filter(action__in=ended).delete()[0]


def keep_changes(action: BulkAction, changes: QuerySet[Change]) -> None:
    """Keep the devices of a file's changes, with what they are and shall be, and record the start."""
    each = {"device_id": "device", "before": "before", "after": "after"}
    bulk_sql.insert(Touched, changes, each=each, same={"action_id": action.pk, "verdict": ""})
    _record(Event.Kind.ACTION_STARTED, action)


def _keep_devices(action: BulkAction, devices: DeviceQuerySet) -> None:
    same: dict[str, str | int | None] = {"action_id": action.pk, "verdict": "", "before": "{}", "after": "{}"}
    bulk_sql.insert(Touched, devices, each={"device_id": "pk"}, same=same)


def _run_batch(action: BulkAction, lease: Lease[BulkAction]) -> bool:
    """Do the next batch; return whether there was one."""
    with transaction.atomic():
        following = Touched.objects.filter(action=action, device__gt=action.reached).order_by("device_id")
        rows = list(following.values_list("device_id", "verdict")[:BATCH])
        if not rows:
            return False
        if action.total > BATCH:  # what it changes is indexed anew
            search_index.gather()
        keys, user = [pk for pk, verdict in rows if not verdict], _find_actor(action)
        action.by = user
        if action.kind == BulkAction.Kind.CHANGE and not action.undo_of:
            keys = include_gateways(action, keys)
        outcome = _undo_devices(action, keys, user) if action.undo_of else _change_devices(action, keys, user)
        changed = sum(story.verdict == CHANGE for story in outcome)
        gone = action.kind == BulkAction.Kind.REMOVE
        _note_outcome(action, [story for story in outcome if not gone or story.verdict != CHANGE])
        lease.update(done=F("done") + len(keys), changed=F("changed") + changed, reached=rows[-1][0])
        _announce(action)
    return True


def _change_devices(action: BulkAction, keys: list[int], user: User) -> list[Story]:
    params = Params(**action.params)
    if action.kind == BulkAction.Kind.MOVE:
        _lock_target(params, user)
    elif action.kind == BulkAction.Kind.RESTORE:
        _lock_former(keys)
    elif action.kind == BulkAction.Kind.PERSON:
        persons.hold_people({params.person} - {0})
        _lock_former(keys)
    besides = lock_targets(action, keys) if action.kind == BulkAction.Kind.CHANGE else []
    if action.kind == BulkAction.Kind.TIE:
        besides = [_require_gateway(params, user)]
    batches.hold([*keys, *besides])
    managed = Device.objects.manageable_by(user).filter(pk__among=keys).order_by("pk")
    devices = list(eligibility.annotate_verdicts(managed, action.kind, params))
    return _apply(action, keys, devices)


def _apply(action: BulkAction, keys: list[int], devices: list[Device]) -> list[Story]:
    changing = [device for device in devices if device.verdict == CHANGE]
    told = HANDLERS[action.kind](Batch(action, changing)) if changing else []
    seen = {story.device: story for story in told}
    verdicts = {device.pk: device.verdict for device in devices}
    return [seen.get(pk) or Story(pk, verdicts.get(pk, NOT_YOURS)) for pk in keys]


def _undo_devices(action: BulkAction, keys: list[int], user: User) -> list[Story]:
    former = Touched.objects.filter(action=action.undo_of_id, device__among=keys)
    originals = {touched.device_id: touched for touched in former}
    leaves = undo_handlers.lock_places(originals)
    batches.hold([*keys, *undo_handlers.list_gateways(originals)])
    devices = list(undo_handlers.find_undoable(action, user).filter(pk__among=keys).order_by("pk"))
    undo_handlers.judge(action, devices, originals, leaves, user)
    if changing := [device for device in devices if device.verdict == CHANGE]:
        undo_handlers.UNDO_HANDLERS[action.kind](Batch(action, changing), originals)
    seen = {device.pk: device.verdict for device in devices}
    return [Story(pk, seen.get(pk, NOT_YOURS)) for pk in keys]


def _find_actor(action: BulkAction) -> User:
    """Return who acts, with the roles of this moment, and no more than the narrow token with which it was begun, if
    any.

    Raises Refusal: nobody manages anything in the name of somebody who is gone.
    """
    user = User.objects.filter(pk=action.by_id).first() if action.by_id else None
    if user is None:
        raise Refusal(refusals.STARTER_GONE)
    if "token" in action.selection:
        token = ApiToken.objects.live().select_related("group").filter(pk=action.selection["token"], user=user).first()
        if token is None:
            raise Refusal(refusals.TOKEN_ENDED)
        user.grants = token.narrow(user.grants)
    if action.kind in BulkAction.OWNERS and not user.owns_organisation:
        raise Refusal(refusals.STARTER_NO_ADMIN)
    return user


def _lock_target(params: Params, user: User) -> None:
    managed = Group.objects.manageable_by(user).filter(pk=params.group)
    if not managed.exists() or not assignments.lock_leaves([params.group]):
        raise Refusal(refusals.GROUP_TAKES_NO_DEVICES)


def _require_gateway(params: Params, user: User) -> int:
    """Return the gateway, which whoever acts has to manage still. Raises Refusal."""
    if not Device.objects.manageable_by(user).filter(pk=params.speaker, retired_at=None).exists():
        raise Refusal(refusals.TIE_UNKNOWN_GATEWAY)
    return params.speaker


def _lock_former(keys: list[int]) -> None:
    """Lock the groups in which the devices are, before the devices."""
    groups = Device.objects.filter(pk__among=keys, group__isnull=False).order_by().values_list("group").distinct()
    assignments.lock_leaves({pk for (pk,) in groups if pk})


def _note_outcome(action: BulkAction, outcome: list[Story]) -> None:
    """Note one and the same story of several devices in one UPDATE; where each has its own, all in one statement."""
    alike: dict[str, list[Story]] = {}
    for story in outcome:
        alike.setdefault(json.dumps(story[1:]), []).append(story)
        if len(alike) > STORIES:
            columns = {"device_id": "bigint", "verdict": "text", "before": "jsonb", "after": "jsonb"}
            bulk_sql.update_each(Touched, outcome, columns=columns, key="device_id", same={"action_id": action.pk})
            return
    for stories in alike.values():
        rows = Touched.objects.filter(action=action, device__among=[story.device for story in stories])
        rows.update(verdict=stories[0].verdict, before=stories[0].before, after=stories[0].after)


def _end(action: BulkAction, lease: Lease[BulkAction], state: str, cause: str = "") -> None:
    with transaction.atomic():
        lease.end(state=state, cause=cause[:500])
        action.refresh_from_db(fields=["state"])
        _settle(action)


def _settle(action: BulkAction) -> None:
    """Record the end, and set the time for which its secrets can be had."""
    if action.delivery:
        deliveries.extend_delivery(delivery=action.delivery)
    _record(Event.Kind.ACTION_ENDED, action, state=action.state)
    _announce(action)


def _record(kind: Event.Kind, action: BulkAction, **data: object) -> None:
    facts: dict[str, Any] = {"action": str(action.key), "kind": action.kind, "total": action.total, **data}
    events.record(kind, organisation=action.organisation_id, by=action.by_id, **facts)


def _announce(action: BulkAction) -> None:
    transaction.on_commit(lambda: live.announce([leases.topic(action)]))
