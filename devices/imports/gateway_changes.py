"""What rows say of the gateways of devices that are there: a cell names all of a device's gateways."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from devices.identity import serials
from devices.imports import lost_zeros
from devices.imports.cells import explain_gateway, quote_cell, read_gateways
from devices.imports.certificates import Cause
from devices.imports.gateways import (
    ELSEWHERE,
    FULL,
    ITSELF,
    NOT_THERE,
    RETIRED,
    find_devices,
    list_named,
    select_managed,
)
from devices.imports.lost_zeros import LostZeros
from devices.models import Device, Tie
from devices.ties import operations as ties
from lib.csv_export import read_neutral

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devices.imports.gateways import Where
    from devices.imports.row_parser import Rules
    from devices.models import Import


class GatewayChanges:
    """Compare what rows name with the ties that stand: load a batch, then ask about its devices, row by row."""

    def __init__(self, importing: Import, rules: Rules) -> None:
        self._who: dict[str, Any] = {"organisation": importing.organisation_id, "by": importing.by}
        self._named = list_named(importing, rules.at["gateways"])
        self._moved: dict[int, Where] = {}  # gateways that rows above would move
        self._spoken: Counter[int] = Counter()  # for how many devices each speaks, with what rows above would change
        self._counted: set[int] = set()
        self._found: dict[str, Device] = {}
        self._zeros, self._longer = LostZeros(select_managed(**self._who)), dict[str, list[str]]()
        self._by_pk: dict[int, Device] = {}
        self._stored: dict[int, list[int]] = {}

    def load(self, cells: Iterable[str], devices: Iterable[Device]) -> None:
        """Look up what these cells name, and the gateways of these devices."""
        keys: set[str] = set()
        for text in cells:
            try:
                keys |= read_gateways(read_neutral(text)).keys()
            except Cause:
                continue
        self._found = find_devices(keys, **self._who)
        self._longer = self._zeros.find(keys - self._found.keys())
        self._by_pk = {device.pk: device for device in self._found.values()}
        self._stored = ties.list_gateways([device.pk for device in devices])
        new = self._by_pk.keys() - self._counted
        standing = Tie.objects.standing().filter(gateway__among=new).values_list("gateway", flat=True)
        self._spoken.update(Counter(standing) if new else ())
        self._counted |= new

    def read(self, text: str) -> list[int]:
        """Return the gateways that a cell names, by primary keys in order. Raises Cause."""
        found = []
        named = read_gateways(read_neutral(text))
        for key, serial in named.items():
            if (device := self._found.get(key)) is None:
                asked = lost_zeros.ask(self._longer.get(key, ())) if len(named) == 1 else ""
                words = f"{NOT_THERE} {asked}" if asked else explain_gateway(serial, NOT_THERE)
                raise Cause(f"{quote_cell(serial)}{words}")
            if device.retired_at is not None:
                raise Cause(f"{quote_cell(serial)}{RETIRED}")
            found.append(device.pk)
        return sorted(found)

    def list_stored(self, device: Device) -> list[int]:
        return self._stored.get(device.pk, [])

    def find_problem(self, device: Device, after: Mapping[str, Any]) -> str:
        """Return why it can't speak through those that it would, where it would be then; empty where it can. Note where
        it will be, for rows below that name it."""
        where: Where = (device.group_id, device.person_id)
        if "group" in after:
            where = after["group"], after["person"]
        for pk in after.get("gateways", ()):
            gateway = self._by_pk[pk]
            there = self._moved.get(pk, (gateway.group_id, gateway.person_id))
            is_new = "group" in after or pk not in self.list_stored(device)
            if pk == device.pk:
                return f"{quote_cell(gateway.serial)}{ITSELF}"
            if there != where:
                return f"{quote_cell(gateway.serial)}{ELSEWHERE}"
            if is_new and self._spoken[pk] >= ties.MOST_DEVICES:
                return f"{quote_cell(gateway.serial)}{FULL}"
        self._note(device, after, where)
        return ""

    def _note(self, device: Device, after: Mapping[str, Any], where: Where) -> None:
        if "group" in after and serials.join_writings(device.serial_key) in self._named:
            self._moved[device.pk] = where
            self._spoken[device.pk] = 0
            self._counted.add(device.pk)
        if "gateways" in after:
            self._spoken.subtract(self.list_stored(device))
            self._spoken.update(after["gateways"])
