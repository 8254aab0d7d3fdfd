"""The gateways that rows name, by their serials: docs/decisions/0040. They are tied as devices are on their page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from devices import batches
from devices.identity import serials
from devices.imports import lost_zeros, row_source
from devices.imports.cells import explain_gateway, quote_cell, read_gateways
from devices.imports.certificates import Cause
from devices.imports.csv_reader import Bad
from devices.imports.lost_zeros import LostZeros
from devices.models import Device, Tie
from devices.ties import operations as ties
from devices.ties.operations import Pair

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from devices.imports.row_parser import ParsedRow, RowError, Rules
    from devices.models import DeviceQuerySet, Import
    from tenants.models import User

    Where = tuple[int | None, int | None]
    """A group, and whose within that."""

UNKNOWN = (
    "No device of yours has this serial, nor any row above that fits. Put gateways above the devices that speak "
    "through them."
)
NOT_THERE = "No device of yours has this serial."
RETIRED = "This gateway is retired: bring it back first."
ELSEWHERE = "This gateway is in another group, or another person's. Both have to be in one place, or in no group."
ITSELF = "A device is no gateway of its own: it speaks for itself anyway."
FULL = f"This gateway speaks for {ties.MOST_DEVICES} devices already: use another one."


def list_named(importing: Import, at: int) -> set[str]:
    """Return the serials, as devices are told apart, that the file names in this column, wherever."""
    named: set[str] = set()
    for _, _, cells in row_source.read_rows(importing):
        if not isinstance(cells, Bad) and at < len(cells) and (text := cells[at].strip()):
            try:
                named.update(map(serials.join_writings, read_gateways(text)))
            except Cause:
                continue
    return named


def find_devices(keys: Collection[str], *, organisation: int, by: User | None) -> dict[str, Device]:
    """Return which devices that somebody manages the folded serials name."""
    if by is None or not keys:
        return {}
    others = serials.list_writings(keys)
    managed = select_managed(organisation=organisation, by=by)
    found = {device.serial_key: device for device in managed.filter(serial_key__in={*keys}.union(*others.values()))}
    written = {key: next((each for each in (key, *others.get(key, ())) if each in found), "") for key in keys}
    return {key: found[each] for key, each in written.items() if each}


def select_managed(*, organisation: int, by: User | None) -> DeviceQuerySet:
    return (Device.objects.manageable_by(by) if by else Device.objects.none()).filter(organisation=organisation)


class GatewayRows:
    """Judge what rows of devices to be made say of their gateways: devices that are there, or rows above.

    `named` are the serials of which rows may be gateways, None where any may. `holds`: the devices are held, and stay
    as they are until the transaction ends.
    """

    def __init__(self, importing: Import, rules: Rules, named: set[str] | None = None, *, holds: bool = False) -> None:
        self._rules, self._named, self._holds = rules, named, holds
        self._who: dict[str, Any] = {"organisation": importing.organisation_id, "by": importing.by}
        self._zeros, self._longer = LostZeros(select_managed(**self._who)), dict[str, list[str]]()
        self._above: dict[str, Where] = {}
        self._spoken: Counter[str] = Counter()  # for how many devices each speaks, with those of the rows
        self._counted: set[str] = set()

    def find_problems(self, wanted: Sequence[ParsedRow]) -> list[RowError]:
        """Return what is wrong of rows that fit in all else."""
        found = self._find_devices({serials.fold(text) for parsed in wanted for text in parsed.gateways})
        alone = {serials.fold(parsed.gateways[0]) for parsed in wanted if len(parsed.gateways) == 1}
        self._longer = self._zeros.find(alone - found.keys())
        wrong = []
        for parsed in wanted:
            where = parsed.group, parsed.person
            causes = [(text, cause) for text in parsed.gateways if (cause := self._judge(text, parsed, found))]
            wrong += [
                self._rules.make_error(parsed.row, "gateways", f"{quote_cell(text)}{cause}") for text, cause in causes
            ]
            if causes:
                continue
            self._spoken.update(serials.fold(text) for text in parsed.gateways)
            key = serials.join_writings(parsed.key)
            if key and (self._named is None or key in self._named):
                self._above[key] = where
        return wrong

    def _judge(self, text: str, parsed: ParsedRow, found: Mapping[str, Device]) -> str:
        """Return why it can't be a gateway of the row's device; empty where it can."""
        key, where = serials.fold(text), (parsed.group, parsed.person)
        if serials.join_writings(key) == serials.join_writings(parsed.key):
            return ITSELF
        device = found.get(key)
        if device is not None and device.retired_at is not None:
            return RETIRED
        place = (device.group_id, device.person_id) if device else self._find_above(key)
        if place is None:
            asked = lost_zeros.ask(self._longer.get(key, ())) if len(parsed.gateways) == 1 else ""
            return f"{NOT_THERE} {asked}" if asked else explain_gateway(text, UNKNOWN)
        if place != where:
            return ELSEWHERE
        return FULL if self._spoken[key] >= ties.MOST_DEVICES else ""

    def _find_above(self, key: str) -> Where | None:
        return self._above.get(serials.join_writings(key))

    def _find_devices(self, keys: set[str]) -> dict[str, Device]:
        found = find_devices(keys, **self._who)
        if self._holds and found:
            batches.hold([device.pk for device in found.values()])
            found = find_devices(keys, **self._who)
        new = {key: device for key, device in found.items() if key not in self._counted}
        standing = Tie.objects.standing().filter(gateway__among=[device.pk for device in new.values()])
        spoken = Counter(standing.values_list("gateway", flat=True)) if new else Counter[int]()
        self._counted |= new.keys()
        for key, device in new.items():
            self._spoken[key] += spoken[device.pk]
        return found


def tie_rows(wanted: Sequence[ParsedRow], importing: Import) -> None:
    """Tie the devices that were made of the rows, which were judged, to their gateways. Raises Refusal."""
    naming = [parsed for parsed in wanted if parsed.gateways]
    if not naming:
        return
    keys = {parsed.key for parsed in naming} | {serials.fold(text) for parsed in naming for text in parsed.gateways}
    found = find_devices(keys, organisation=importing.organisation_id, by=importing.by)
    pairs = [Pair(found[parsed.key], found[serials.fold(text)]) for parsed in naming for text in parsed.gateways]
    for refusal in ties.tie_all(pairs, by=importing.by).refused.values():
        raise refusal
