"""Whether the ties of devices can be as they were before an action."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from devices.models import Device
from devices.ties import operations as ties

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from devices.models import Touched
    from tenants.models import User


class TieJudge:
    """Look up once what ties the devices of a batch have, and where the gateways are; ask then of each device."""

    def __init__(self, devices: Collection[Device], originals: Mapping[int, Touched], user: User) -> None:
        own = {device.pk: originals[device.pk] for device in devices}
        self._said = {
            pk: (original.before.get("gateways"), original.after.get("gateways"), "assignment" in original.before)
            for pk, original in own.items()
            if "gateways" in original.before or "gateways" in original.after
        }
        self._stored = ties.list_gateways(list(self._said)) if self._said else {}
        named = {gateway for before, _, _ in self._said.values() for gateway in before or ()}
        managed = Device.objects.manageable_by(user).filter(pk__among=named, retired_at=None) if named else ()
        self._gateways = {gateway.pk: gateway for gateway in managed}
        spoken_for = ties.list_spoken_for(named) if named else {}
        self._spoken = Counter({gateway: len(devices) for gateway, devices in spoken_for.items()})

    def are_as_left(self, device: Device) -> bool:
        """Decide whether its ties are those that the action left: of one it made, all; of one it ended, none."""
        if device.pk not in self._said:
            return True
        before, after, _ = self._said[device.pk]
        stored = self._stored.get(device.pk, [])
        if after is None:
            return not set(before or ()) & set(stored)
        return set(after) <= set(stored) if before is None else stored == after

    def may_be_as_before(self, device: Device) -> bool:
        """Decide whether its former gateways are where it is, and may speak for it again. Of one that goes back to its
        former place, no tie comes back."""
        before, _, moved = self._said.get(device.pk, (None, None, False))
        if moved or not before:
            return True
        found = [self._gateways.get(gateway) for gateway in before]
        return all(gateway is not None and ties.get_place(gateway) == ties.get_place(device) for gateway in found)

    def take_room(self, device: Device) -> bool:
        """Count it at its former gateways; return whether they may speak for one more, and it through all of them, with
        those that were asked about before it."""
        before, after, moved = self._said.get(device.pk, (None, None, False))
        if moved or before is None:
            return True
        stored = set(self._stored.get(device.pk, ()))
        new, ending = set(before) - stored, set() if after is None else stored - set(before)
        if any(self._spoken[gateway] >= ties.MOST_DEVICES for gateway in new):
            return False
        if new and len((stored | new) - ending) > ties.MOST_GATEWAYS:
            return False
        self._spoken.update(new)
        self._spoken.subtract(ending)
        return True
