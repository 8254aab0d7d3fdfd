"""What the histories say of each event beside its kind."""

from __future__ import annotations

from typing import Any

import pytest

from devices import events
from devices.event_words import WORDS, describe
from devices.models import Event

Kind = Event.Kind
TOLD: list[tuple[str, dict[str, Any], str]] = [
    (Kind.REGISTERED, {}, ""),
    (Kind.REGISTERED, {"access_key": "k1"}, "k1"),
    (Kind.REGISTERED, {"access_key": "k1", "door": "Tokens"}, "k1, by the door Tokens"),
    (Kind.REGISTERED, {"door": "Tokens"}, "by the door Tokens"),
    (Kind.CREDENTIAL_ISSUED, {"access_key": "k1"}, "k1"),
    (Kind.OPENED_AGAIN, {}, ""),
    (Kind.OPENED_AGAIN, {"door": "Tokens"}, "at the door Tokens"),
    (Kind.CHANGED, {"fields": ["name", "tags"]}, "name, tags"),
    (Kind.CHANGED, {"fields": ["version"], "version": 3}, "version 3"),
    (Kind.DEVICE_REMOVED, {"serial": "S1", "device_id": "d", "name": "Pump"}, "S1, Pump"),
    (Kind.UNASSIGNED, {"person": 1}, ""),
    (Kind.UNASSIGNED, {"person": 1, "reason": "their role ended"}, "their role ended"),
    (Kind.CREDENTIAL_REVOKED, {"access_key": "k1", "reason": "rotated"}, "k1, rotated"),
    (Kind.CREDENTIAL_ROTATED, {"access_key": "k2", "instead_of": []}, "k2"),
    (Kind.CREDENTIAL_ROTATED, {"access_key": "k2", "instead_of": ["k0", "k1"]}, "k2, instead of k0, k1"),
    (Kind.PRESENCE_PROVEN, {"method": "claim-code"}, "Claim code from the label"),
    (Kind.PRESENCE_SECRET_MADE, {"method": "rotating-code"}, "Rotating code on the device's display"),
    (Kind.TIED, {"gateway": "G1"}, "G1"),
    (Kind.UNTIED, {"gateway": "G1"}, "G1"),
    (Kind.UNTIED, {"gateway": "G1", "reason": "it was retired"}, "G1, it was retired"),
    (Kind.COMMAND_SENT, {"command": "x", "name": "start"}, "start"),
    (Kind.COMMAND_ENDED, {"command": "x", "name": "start", "state": "done"}, "start: done"),
    (Kind.COMMAND_ENDED, {"name": "start", "state": "refused", "reason": "hot"}, "start: refused, hot"),
    (Kind.LIMITED, {"seconds": 59.6}, "for 60 s"),
    (Kind.NEEDS_ATTENTION, {"cause": "range", "attribute": "rpm"}, "out of range rpm"),
    (Kind.FINE_AGAIN, {"cause": "silent", "attribute": ""}, "silent"),
    (Kind.ACKNOWLEDGED, {"cause": "fault", "attribute": "alarm"}, "reports a fault alarm"),
    (Kind.RECIPE_CHANGED, {"recipe": 1, "name": "Pumps", "version": 1}, "Pumps, version 1"),
    (Kind.RECIPE_CHANGED, {"name": "Pumps", "act": "retired"}, "Pumps: retired"),
    (Kind.RECIPE_CHANGED, {"name": "B", "from": "A", "version": 2, "changed": []}, "B, before A, version 2"),
    (
        Kind.RECIPE_CHANGED,
        {"name": "B", "version": 2, "changed": ["default_tags", "model"]},
        "B, version 2: default tags, model",
    ),
    (Kind.MODEL_CHANGED, {"model": 1, "name": "KG", "act": "added"}, "KG: added"),
    (Kind.MODEL_CHANGED, {"name": "KG", "act": "renamed", "to": "KG-2"}, "KG: renamed to KG-2"),
    (Kind.IMPORT_ENDED, {"state": "done", "made": 3, "refused": 1}, "done: 3 added, 1 refused"),
    (Kind.ACTION_STARTED, {"kind": "lock", "total": 1}, "Lock: 1 device"),
    (Kind.ACTION_ENDED, {"kind": "move", "total": 2, "state": "done"}, "Move to a group: 2 devices, done"),
    (
        Kind.ACTION_ENDED,
        {"kind": "of a later release", "total": 0, "state": "done"},
        "of a later release: 0 devices, done",
    ),
    (Kind.LABELS_PRINTED, {"count": 1, "of": "S1"}, "1 label: S1"),
    (Kind.DOOR_CHANGED, {"door": "d", "name": "Tokens", "act": "closed"}, "Tokens: closed"),
    (Kind.HOOK_CHANGED, {"hook": "h", "name": "ERP", "act": "skipped", "serial": "S1"}, "ERP: skipped for S1"),
    (Kind.HOOK_CHANGED, {"hook": "h", "name": "ERP", "act": "added"}, "ERP: added"),
    (Kind.OPERATION_APPROVED, {"name": "Tokens", "identity": "urn:1"}, "urn:1, by the door Tokens"),
    (Kind.OPERATION_CANCELLED, {"name": "Tokens", "identity": ""}, "by the door Tokens"),
    (Kind.ATTENTION_TOLD, {"count": 1, "rows": [1]}, "1 thing"),
    (Kind.EXPORTED, {"devices": 2}, "2 devices"),
    (Kind.PRESSED, {}, ""),
    (Kind.MOVED, {"from": 1, "to": 2}, ""),  # groups are named to who sees them
    ("of a later release", {"what": "ever"}, ""),
]


@pytest.mark.parametrize(("kind", "data", "words"), TOLD, ids=[f"{kind} {words}" for kind, _, words in TOLD])
def test_an_event_in_words(kind: str, data: dict[str, Any], words: str) -> None:
    assert describe(kind, data) == words


@pytest.mark.parametrize("kind", Kind.values)
def test_what_an_event_has_to_have_is_enough_for_its_words(kind: str) -> None:
    values = {str: "silent", int: 1, float: 1.0, list: [], bool: True}
    data: dict[str, Any] = {name: values[of] for name, of in events.DATA[Kind(kind)].required.items()}
    if "method" in data:
        data["method"] = "press"
    if Kind(kind) is Kind.RECIPE_CHANGED:
        data["act"] = "retired"
    assert isinstance(describe(kind, data), str)
    assert bool(describe(kind, data)) <= (Kind(kind) in WORDS)
