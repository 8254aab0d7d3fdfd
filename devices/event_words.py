"""What an event tells beside its kind, in words for whoever manages what it is about. Groups are named elsewhere: by
their ids, to those who see them now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devices.models import Attention, BulkAction, Event
from tenants.models import Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Data = Mapping[str, Any]

Kind = Event.Kind


def describe(kind: str, data: Data) -> str:
    """Return the details; empty where the kind says it all."""
    tell = WORDS.get(Kind(kind)) if kind in Kind.values else None
    return tell(data) if tell else ""


def _describe_recipe(data: Data) -> str:
    if act := data.get("act"):
        return f"{data['name']}: {act}"
    former = f", before {data['from']}" if "from" in data else ""
    changed = f": {_join(data['changed'])}" if data.get("changed") else ""
    version = f", version {data['version']}" if "version" in data else ""
    return f"{data['name']}{former}{version}{changed}"


def _describe_model(data: Data) -> str:
    return f"{data['name']}: {data['act']}" + (f" to {data['to']}" if "to" in data else "")


def _describe_import(data: Data) -> str:
    return f"{data['state']}: {data['made']} added, {data['refused']} refused"


def _describe_action(data: Data) -> str:
    words = dict(BulkAction.Kind.choices).get(data["kind"], data["kind"])
    ended = f", {data['state']}" if "state" in data else ""
    return f"{words}: {_count(data['total'], 'device')}{ended}"


def _describe_rotated(data: Data) -> str:
    former = _join(data["instead_of"])
    return f"{data['access_key']}, instead of {former}" if former else str(data["access_key"])


def _describe_operation(data: Data) -> str:
    return f"{data['identity']}, by the door {data['name']}" if data["identity"] else f"by the door {data['name']}"


def _describe_attention(data: Data) -> str:
    return " ".join(filter(None, [str(Attention.Cause(data["cause"]).label).lower(), data["attribute"]]))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _join(texts: Any) -> str:
    return ", ".join(str(text).replace("_", " ") for text in texts)


def _name_method(data: Data) -> str:
    return str(Presence(data["method"]).label)


def _tell_key(data: Data) -> str:
    door = f"by the door {data['door']}" if "door" in data else ""
    return ", ".join(filter(None, [str(data.get("access_key", "")), door]))


WORDS: dict[Event.Kind, Callable[[Data], str]] = {
    Kind.REGISTERED: _tell_key,
    Kind.OPENED_AGAIN: lambda data: f"at the door {data['door']}" if "door" in data else "",
    Kind.CHANGED: lambda data: _join(data["fields"]) + (f" {data['version']}" if "version" in data else ""),
    Kind.DEVICE_REMOVED: lambda data: f"{data['serial']}, {data['name']}",
    Kind.UNASSIGNED: lambda data: str(data.get("reason", "")),
    Kind.CREDENTIAL_ISSUED: _tell_key,
    Kind.CREDENTIAL_REVOKED: lambda data: f"{data['access_key']}, {data['reason']}",
    Kind.CREDENTIAL_ROTATED: _describe_rotated,
    Kind.PRESENCE_PROVEN: _name_method,
    Kind.PRESENCE_SECRET_MADE: _name_method,
    Kind.TIED: lambda data: str(data["gateway"]),
    Kind.UNTIED: lambda data: data["gateway"] + (f", {data['reason']}" if "reason" in data else ""),
    Kind.COMMAND_SENT: lambda data: str(data["name"]),
    Kind.COMMAND_ENDED: lambda data: (
        f"{data['name']}: {data['state']}" + (f", {data['reason']}" if data.get("reason") else "")
    ),
    Kind.LIMITED: lambda data: f"for {data['seconds']:.0f} s",
    Kind.NEEDS_ATTENTION: _describe_attention,
    Kind.FINE_AGAIN: _describe_attention,
    Kind.ACKNOWLEDGED: _describe_attention,
    Kind.RECIPE_CHANGED: _describe_recipe,
    Kind.MODEL_CHANGED: _describe_model,
    Kind.IMPORT_ENDED: _describe_import,
    Kind.ACTION_STARTED: _describe_action,
    Kind.ACTION_ENDED: _describe_action,
    Kind.LABELS_PRINTED: lambda data: f"{_count(data['count'], 'label')}: {data['of']}",
    Kind.DOOR_CHANGED: lambda data: f"{data['name']}: {data['act']}",
    Kind.HOOK_CHANGED: lambda data: (
        f"{data['name']}: {data['act']}" + (f" for {data['serial']}" if "serial" in data else "")
    ),
    Kind.OPERATION_APPROVED: _describe_operation,
    Kind.OPERATION_CANCELLED: _describe_operation,
    Kind.ATTENTION_TOLD: lambda data: _count(data["count"], "thing"),
    Kind.EXPORTED: lambda data: _count(data["devices"], "device"),
}
