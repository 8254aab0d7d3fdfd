"""What each kind of action does to a batch of devices: a few statements, and an event for each device.

A batch is locked and judged before; every function gets the devices that change, and answers with what they were
before and are now, for whoever undoes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F, JSONField, Value

from devices.bulk_actions import file_changes, file_judge
from devices.bulk_actions.eligibility import CHANGE, CROWDED, ENOUGH, NO_LEAF, WAITING, Params
from devices.commands import operations as commands
from devices.connections import activation
from devices.credentials import deliveries
from devices.credentials import operations as credentials
from devices.credentials.operations import Issued
from devices.lifecycle import assignments, edits, locks, persons, removal, retirement, versions
from devices.models import BulkAction, Device, RecipeVersion, Touched
from devices.recipes import command_lines
from devices.refusals import JOB_KEY_GONE
from devices.tags import Patched
from devices.ties import operations as ties
from devices.ties.operations import Pair
from lib import key_wrapping
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tenants.models import User

    Handler = Callable[["Batch"], "list[Story]"]


class Story(NamedTuple):
    """Tell what became of a device, by its primary key, and what it was before and is now; as `Touched` keeps it."""

    device: int
    verdict: str
    before: Mapping[str, object] = {}
    after: Mapping[str, object] = {}


class Batch(NamedTuple):
    action: BulkAction
    devices: list[Device]

    @property
    def actor(self) -> User:
        """Return who acts, with the roles of this moment."""
        assert self.action.by is not None
        return self.action.by

    @property
    def params(self) -> Params:
        return Params(**self.action.params)

    @property
    def told(self) -> dict[str, Any]:
        """Return what every operation is told: who acts, and in which action."""
        return {"by": self.actor, "action": str(self.action.key)}

    def tell(
        self,
        device: Device,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
        verdict: str = CHANGE,
    ) -> Story:
        return Story(device.pk, verdict, before or {}, after or {})


def move(batch: Batch) -> list[Story]:
    params = batch.params
    opened = assignments.assign_devices(batch.devices, group=params.group, keep=params.keep, **batch.told)
    return [
        batch.tell(device, _describe_place(device, named=not params.keep), {"assignment": opened[device.pk]})
        for device in batch.devices
    ]


def release(batch: Batch) -> list[Story]:
    assignments.release_devices(batch.devices, **batch.told)
    return [batch.tell(device, _describe_place(device, named=True)) for device in batch.devices]


def _describe_place(device: Device, *, named: bool) -> dict[str, object]:
    before: dict[str, object] = {"group": device.group_id, "assignment": device.assignment_id}
    if named and device.group_id:
        before |= {"name": device.name, "description": device.description, "tags": device.tags}
    return before


def tag(batch: Batch) -> list[Story]:
    return _patch(batch, {batch.params.tag: batch.params.value})


def untag(batch: Batch) -> list[Story]:
    return _patch(batch, {batch.params.tag: None})


def _patch(batch: Batch, patch: dict[str, str | None]) -> list[Story]:
    edits.change_devices(batch.devices, to={"tags": Patched(F("tags"), Value(patch, JSONField()))}, **batch.told)
    return [batch.tell(device, {key: device.tags.get(key) for key in patch}, patch) for device in batch.devices]


def set_model(batch: Batch) -> list[Story]:
    after = {"model": batch.params.model}
    edits.change_devices(batch.devices, to=after, **batch.told)
    return [batch.tell(device, {"model": device.model_id}, after) for device in batch.devices]


def lock(batch: Batch) -> list[Story]:
    locked = locks.lock_devices(batch.devices, **batch.told)
    at = Device.objects.get(pk=locked[0]).locked_at  # of one statement, so of all
    after = {"locked_at": at and at.isoformat()}
    return [batch.tell(device, None, after) for device in batch.devices]


def unlock(batch: Batch) -> list[Story]:
    locks.unlock_devices(batch.devices, **batch.told)
    return [batch.tell(device) for device in batch.devices]


def reopen(batch: Batch) -> list[Story]:
    activation.reopen_activation(batch.devices, **batch.told)
    return [batch.tell(device) for device in batch.devices]


def retire(batch: Batch) -> list[Story]:
    retired = retirement.retire_devices(batch.devices, **batch.told)
    at = Device.objects.get(pk=retired[0]).retired_at  # of one statement, so of all
    after = {"retired_at": at and at.isoformat()}
    return [batch.tell(device, {"group": device.group_id}, after) for device in batch.devices]


def restore(batch: Batch) -> list[Story]:
    retirement.bring_back_devices(batch.devices, **batch.told)
    return [batch.tell(device) for device in batch.devices]


def free(batch: Batch) -> list[Story]:
    retirement.free_serials(batch.devices, **batch.told)
    return [batch.tell(device) for device in batch.devices]


def remove(batch: Batch) -> list[Story]:
    left = removal.remove_devices(batch.devices, **batch.told)
    return [batch.tell(device, verdict=left.get(device.pk, CHANGE)) for device in batch.devices]


def give_version(batch: Batch) -> list[Story]:
    version = RecipeVersion.objects.get(pk=batch.params.version)
    versions.give_version(batch.devices, version=version, **batch.told)
    after = {"version": version.pk}
    return [batch.tell(device, {"version": device.version_id}, after) for device in batch.devices]


def revoke(batch: Batch) -> list[Story]:
    credentials.revoke_all_credentials(batch.devices, **batch.told)
    return [batch.tell(device) for device in batch.devices]


def reissue(batch: Batch) -> list[Story]:
    """Make a new credential for each device, which the delivery's key makes again whenever that is asked for."""
    if batch.action.delivery is None:
        raise Refusal(JOB_KEY_GONE)
    secrets = key_wrapping.Deriver(deliveries.unseal_key(batch.action.delivery))

    def make(device: Device) -> Issued:
        return Issued(*secrets.derive_access(device.pk))

    ends = credentials.AT_ONCE if batch.params.at_once else None
    outcome = credentials.rotate_credentials_of(batch.devices, ends=ends, make=make, **batch.told)
    return [batch.tell(device, verdict=ENOUGH if device in outcome.refused else CHANGE) for device in batch.devices]


def command(batch: Batch) -> list[Story]:
    """Send it to each, as its own version of the recipe declares it."""
    params, sent = batch.params, set()
    by_version: dict[int, list[Device]] = {}
    for device in batch.devices:
        by_version.setdefault(device.version_id, []).append(device)
    for version in RecipeVersion.objects.filter(pk__in=by_version):
        if declared := command_lines.find_declared(version, params.command):
            devices = by_version[version.pk]
            made = commands.send_many(devices, declared=declared, payload=params.payload, **batch.told)
            sent |= {each.device_id for each in made}
    return [batch.tell(device, verdict=CHANGE if device.pk in sent else WAITING) for device in batch.devices]


def tie(batch: Batch) -> list[Story]:
    """Tie each to the gateway, which the runner holds with them, as far as it may speak for so many."""
    gateway = Device.objects.get(pk=batch.params.speaker)
    refused = ties.tie_all([Pair(device, gateway) for device in batch.devices], **batch.told).refused
    out = {pair.device.pk for pair in refused}
    after = {"gateways": [gateway.pk]}
    return [
        batch.tell(device, verdict=CROWDED) if device.pk in out else batch.tell(device, None, after)
        for device in batch.devices
    ]


def untie(batch: Batch) -> list[Story]:
    params, through = batch.params, ties.list_gateways([device.pk for device in batch.devices])
    gateways = Device.objects.in_bulk({gateway for found in through.values() for gateway in found})
    pairs = [
        Pair(device, gateways[gateway])
        for device in batch.devices
        for gateway in through.get(device.pk, ())
        if params.speaker in (0, gateway)
    ]
    ended: dict[int, list[int]] = {}
    for device, gateway in sorted(ties.untie_all(pairs, **batch.told)):
        ended.setdefault(device, []).append(gateway)
    return [batch.tell(device, {"gateways": ended.get(device.pk, [])}) for device in batch.devices]


def give(batch: Batch) -> list[Story]:
    """Give each to the person, whose row the runner holds, within the group in which it is."""
    by_group: dict[int, list[Device]] = {}
    for device in batch.devices:
        by_group.setdefault(device.group_id or 0, []).append(device)
    leaves = assignments.lock_leaves(by_group)
    person, opened = batch.params.person or None, dict[int, int]()
    for group in sorted(leaves):
        opened |= assignments.assign_devices(by_group[group], group=group, person=person, **batch.told)
    return [
        batch.tell(device, _describe_place(device, named=True), {"assignment": opened[device.pk]})
        if device.pk in opened
        else batch.tell(device, verdict=NO_LEAF)
        for device in batch.devices
    ]


def lock_targets(action: BulkAction, keys: list[int]) -> list[int]:
    """Lock the people to whom a file gives these devices, and the groups into which it puts them, before the devices;
    return the gateways that are to be held with those."""
    wanted = Touched.objects.filter(action=action, device__among=keys).values_list("before", "after")
    said = [each for pair in wanted for each in pair]
    persons.hold_people({each["person"] for each in said if each.get("person")})
    assignments.lock_leaves({each["group"] for each in said if each.get("group")})
    return sorted({gateway for each in said for gateway in each.get("gateways", ())})


def change(batch: Batch) -> list[Story]:
    """Set what a file says of each device, which is noted already: one that is not as it was checked stays."""
    keys = [device.pk for device in batch.devices]
    noted = {touched.device_id: touched for touched in Touched.objects.filter(action=batch.action, device__among=keys)}
    changing, stay = file_judge.judge(batch.devices, noted, by=batch.actor)
    outcome = [batch.tell(device, verdict=verdict) for device, verdict in stay.items()]
    opened = file_changes.carry_out(changing, noted, **batch.told)
    for device in changing:
        before, after = noted[device.pk].before, noted[device.pk].after
        if device.pk in opened:
            before |= {"assignment": device.assignment_id, "group": device.group_id}
            before |= {"name": device.name, "description": device.description, "tags": device.tags}
            after = {**after, "assignment": opened[device.pk]}
        outcome.append(batch.tell(device, before, after))
    return outcome


HANDLERS: dict[str, Handler] = {
    BulkAction.Kind.MOVE: move,
    BulkAction.Kind.RELEASE: release,
    BulkAction.Kind.TAG: tag,
    BulkAction.Kind.UNTAG: untag,
    BulkAction.Kind.MODEL: set_model,
    BulkAction.Kind.LOCK: lock,
    BulkAction.Kind.UNLOCK: unlock,
    BulkAction.Kind.REOPEN: reopen,
    BulkAction.Kind.REVOKE: revoke,
    BulkAction.Kind.REISSUE: reissue,
    BulkAction.Kind.RETIRE: retire,
    BulkAction.Kind.RESTORE: restore,
    BulkAction.Kind.FREE: free,
    BulkAction.Kind.REMOVE: remove,
    BulkAction.Kind.RECIPE: give_version,
    BulkAction.Kind.CHANGE: change,
    BulkAction.Kind.COMMAND: command,
    BulkAction.Kind.TIE: tie,
    BulkAction.Kind.UNTIE: untie,
    BulkAction.Kind.PERSON: give,
}
