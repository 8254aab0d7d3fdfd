"""Whether what devices report needs attention: out of the recipe's range, or a fault; and who is silent no more."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db.models import F

from devices.attention import operations as attention
from devices.attention.operations import Finding
from devices.models import Attention, Attribute
from lib import columns
from lib.prepared import Whole, prepared
from telemetry.models import Latest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from django.db.models import QuerySet

    from devices.models import Device
    from devices.mqtt.messages import Report, Value

    Sign = tuple[str, str]  # cause and attribute
    Open = Mapping[int, Mapping[Sign, Attention]]

Cause = Attention.Cause

watched: dict[int, dict[str, Attribute]] = {}
"""Attributes that may need attention, by name, of each recipe version seen: a version's attributes never change."""


def judge(reports: Sequence[Report], heard: Collection[Device]) -> None:
    """Judge the devices that said something, of which these reports were stored: in the transaction that stored them,
    after their connections were noted. One query where nothing changes.

    What was reported counts only as far as it is the latest: a late report of old values changes nothing.
    """
    if not heard:
        return
    _load_watched({device.version_id for device in heard})
    versions = {device.pk: device.version_id for device in heard}
    open_ = _read_open(versions)
    suspects = {report.device.pk for report in reports if _may_change(report, open_.get(report.device.pk, {}))}
    suspects |= {pk for pk, signs in open_.items() if any(_is_moot(sign, versions[pk]) for sign in signs)}
    if suspects:
        _settle(suspects, open_)


def _load_watched(versions: set[int]) -> None:
    missing = versions - watched.keys()
    if missing:
        watched.update({version: {} for version in missing})
        for attribute in Attribute.objects.filter(version__in=missing):
            if attribute.is_watched:
                watched[attribute.version_id][attribute.name] = attribute


def _read_open(devices: Iterable[int]) -> Open:
    open_: defaultdict[int, dict[Sign, Attention]] = defaultdict(dict)
    for row in _select_open(Whole(columns.encode_numbers(devices))):
        open_[row.device_id][row.cause, row.attribute] = row
    return open_


@prepared
def _select_open(devices: str) -> QuerySet[Attention]:
    return Attention.objects.filter(device__one_of=devices, ended_at=None, assignment=F("device__assignment"))


def _may_change(report: Report, signs: Mapping[Sign, Attention]) -> bool:
    data = report.data
    return any(
        is_so is not ((cause, name) in signs)
        for name, attribute in watched[report.device.version_id].items()
        if name in data
        for cause, is_so in _find_signs(attribute, data[name])
    )


def _find_signs(attribute: Attribute, value: Value) -> list[tuple[str, bool]]:
    """Return each cause for which a value of it may need attention, and whether this one does."""
    signs = [(Cause.FAULT.value, attribute.is_fault(value))] if attribute.faults else []
    if attribute.minimum is not None or attribute.maximum is not None:
        signs.append((Cause.RANGE.value, attribute.is_outside(value)))
    return signs


def _is_moot(sign: Sign, version: int) -> bool:
    """Return whether this ends without a value: it was silent, or its recipe says nothing of it any more."""
    cause, name = sign
    attribute = watched[version].get(name)
    return attribute is None or all(cause != each for each, _ in _find_signs(attribute, ""))


def _settle(devices: Collection[int], open_: Open) -> None:
    """Bring what is recorded of these devices into line with their latest values."""
    # No lock is needed: whoever stored a report of theirs holds their latest values until it commits.
    rows = Latest.objects.filter(device__in=devices, assignment=F("device__assignment")).select_related("device")
    latest = {row.device_id: row for row in rows}
    known = {pk: row.device for pk, row in latest.items()}
    begun: list[Finding] = []
    over = [row for pk in devices if pk in known for row in _find_moot(known[pk], open_.get(pk, {}))]
    for pk, row in latest.items():
        signs = open_.get(pk, {})
        for finding, is_so in _judge_latest(row):
            before = signs.get((finding.cause, finding.attribute))
            if is_so and before is None:
                begun.append(finding)
            elif before is not None and not is_so:
                over.append(before)
    attention.end(over, known)
    if begun:
        attention.begin(begun)


def _find_moot(device: Device, signs: Mapping[Sign, Attention]) -> list[Attention]:
    return [row for sign, row in signs.items() if _is_moot(sign, device.version_id)]


def _judge_latest(row: Latest) -> list[tuple[Finding, bool]]:
    return [
        (Finding(row.device, Cause(cause), name, row.data[name][0]), is_so)
        for name, attribute in watched.get(row.device.version_id, {}).items()
        if name in row.data
        for cause, is_so in _find_signs(attribute, row.data[name][0])
    ]
