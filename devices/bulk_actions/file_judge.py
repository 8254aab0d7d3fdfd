"""Whether devices can become what a file says of them, as all is when their turn comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devices.bulk_actions.eligibility import APART, CHANGE, CROWDED, NO_LEAF, NOT_YOURS, OUTSIDER, SINCE
from devices.lifecycle import assignments, persons
from devices.models import BulkAction, Device, Touched
from devices.ties import operations as ties
from tenants.models import Group, Role

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tenants.models import User

    Noted = Mapping[int, Touched]
    Where = tuple[int | None, int | None]
    """A group, and whose within that."""


def include_gateways(action: BulkAction, keys: Sequence[int]) -> list[int]:
    """Return these devices, by primary key, and the gateways that the file gives them which move, too, in a turn of
    their own to come: together alone they can."""
    noted = Touched.objects.filter(action=action)
    every, new = list(keys), list(keys)
    while new:
        said = noted.filter(device__among=new).values_list("after", flat=True)
        named = {gateway for after in said for gateway in after.get("gateways", ())}.difference(every)
        found = noted.filter(device__among=named, verdict="", after__has_key="group") if named else noted.none()
        new = list(found.values_list("device_id", flat=True))
        every += new
    return every


def judge(devices: Collection[Device], noted: Noted, *, by: User) -> tuple[list[Device], dict[Device, str]]:
    """Return the devices that become what is noted of them, and why others stay: what was noted `before` is not so any
    more, or what they would be can't be. They are held, and so are the people, groups and gateways that are noted."""
    said = {device: noted[device.pk] for device in devices}
    since = _find_changed(said)
    groups = {touched.after["group"] for touched in said.values() if "group" in touched.after}
    paths = dict(Group.objects.filter(pk__in=assignments.lock_leaves(groups)).values_list("pk", "path"))
    people = {person for touched in said.values() if (person := touched.after.get("person"))}
    reached = persons.find_reach(people, organisation=by.organisation_id or 0)
    stay: dict[Device, str] = {}
    for device, touched in said.items():
        group, whose = touched.after.get("group"), touched.after.get("person")
        if device in since:
            stay[device] = SINCE
        elif group and group not in paths:
            stay[device] = NO_LEAF
        elif group and not by.may(Role.ADMIN, paths[group]):
            stay[device] = NOT_YOURS
        elif group and whose and not persons.reaches(reached.get(whose, ()), paths[group]):
            stay[device] = OUTSIDER
    stay |= _find_stuck([device for device in devices if device not in stay], noted, by)
    return [device for device in devices if device not in stay], stay


def _find_changed(said: Mapping[Device, Touched]) -> set[Device]:
    """Return those that are not as was noted before. A tie that ended as this very action moved the gateway counts as
    if it stood."""
    tied = {
        device.pk: set(touched.before["gateways"]) for device, touched in said.items() if "gateways" in touched.before
    }
    stored = ties.list_gateways(tied) if tied else {}
    ended = {gateway for pk, before in tied.items() for gateway in before.difference(stored.get(pk, ()))}
    moved = _find_moved(next(iter(said.values())).action_id, ended) if ended else set[int]()
    return {
        device
        for device, touched in said.items()
        if any(device.serializable_value(field) != was for field, was in touched.before.items() if field != "gateways")
        or (device.pk in tied and tied[device.pk] != (tied[device.pk] & moved).union(stored.get(device.pk, ())))
    }


def _find_moved(action: int, devices: Collection[int]) -> set[int]:
    rows = Touched.objects.filter(action=action, device__among=devices, verdict=CHANGE, after__has_key="assignment")
    return set(rows.values_list("device_id", flat=True))


def _find_stuck(devices: Collection[Device], noted: Noted, by: User) -> dict[Device, str]:
    """Return those of the devices whose gateways would not be where they would be, or speak for too many. Where one
    stays for that, others may have to stay as well: asked until none does."""
    named = {gateway for device in devices for gateway in noted[device.pk].after.get("gateways", ())}
    if not named:
        return {}
    managed = Device.objects.manageable_by(by).filter(pk__among=named, retired_at=None)
    known = {each.pk: _get_where(each) for each in managed}
    spoken_for = ties.list_spoken_for(named)
    going = {device.pk: device for device in devices}
    stuck: dict[Device, str] = {}
    while True:
        now = known | {pk: _get_where(device, noted[pk]) for pk, device in going.items() if pk in known}
        out = {device: APART for device in going.values() if _is_apart(device, noted[device.pk], now)}
        out = out or dict.fromkeys(_find_crowded(going, noted, spoken_for), CROWDED)
        if not out:
            return stuck
        stuck |= out
        for device in out:
            del going[device.pk]


def _is_apart(device: Device, touched: Touched, now: Mapping[int, Where]) -> bool:
    where = _get_where(device, touched)
    return any(now.get(gateway) != where for gateway in touched.after.get("gateways", ()))


def _get_where(device: Device, touched: Touched | None = None) -> Where:
    """Return the group where the device is, or will be, and whose it is there."""
    if touched is not None and "group" in touched.after:
        return touched.after["group"], touched.after.get("person")
    return device.group_id, device.person_id


def _find_crowded(
    going: Mapping[int, Device], noted: Noted, spoken_for: Mapping[int, Collection[int]]
) -> Iterable[Device]:
    """Return those for which a gateway has no room, after all ties that end and with those before them."""
    after: dict[int, dict[str, Any]] = {pk: noted[pk].after for pk in going}
    moving = {pk for pk in going if "group" in after[pk]}
    kept: dict[int, set[int]] = {}
    for gateway, devices in spoken_for.items():
        stays = [pk for pk in devices if pk not in moving and gateway in after.get(pk, {}).get("gateways", (gateway,))]
        kept[gateway] = set() if gateway in moving else set(stays)
    crowded = []
    for pk, device in going.items():
        new = [kept.setdefault(gateway, set()) for gateway in after[pk].get("gateways", ())]
        if any(pk not in devices and len(devices) >= ties.MOST_DEVICES for devices in new):
            crowded.append(device)
            continue
        for devices in new:
            devices.add(pk)
    return crowded
