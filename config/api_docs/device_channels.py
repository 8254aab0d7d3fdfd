"""What devices speak, in the same document: docs/protocol.md as programs read it."""

from __future__ import annotations

import json
from typing import Any

from devices.models import Attribute
from devices.mqtt import topics
from devices.mqtt.messages import MAX_BYTES

EXTENSION = "x-device-channels"
DEVICE = "{device_id}"
POSITION = {
    "oneOf": [
        {"type": "string", "description": "Decimal degrees, latitude first; degrees with N, E, S, W; NMEA GLL or GGA."},
        {"type": "object", "description": "`lat` and `lng`, `lon`, or `latitude` and `longitude`; a GeoJSON point."},
    ]
}
VALUES: dict[str, dict[str, Any]] = {
    Attribute.Type.NUMBER: {"type": "number"},
    Attribute.Type.STRING: {"type": "string"},
    Attribute.Type.BOOLEAN: {"type": "boolean"},
    Attribute.Type.GPS: POSITION,
}
SCHEMAS: dict[str, Any] = {
    "StateReport": {
        "type": "object",
        "description": f"What a device reports, at most {MAX_BYTES // 1024} KB. What its recipe does not declare, or "
        "is not of its type, is dropped and counted.",
        "required": ["data"],
        "properties": {
            "data": {
                "type": "object",
                "description": "Attribute names to values. `registerButton`: true at the moment when it is pressed. "
                "`presenceAnswer`: the signature of digits that were entered at the device; it is no attribute.",
                "additionalProperties": {"anyOf": list(VALUES.values())},
            },
            "time": {
                "description": "When it was so; without it when it arrives.",
                "oneOf": [
                    {
                        "type": "number",
                        "description": "Milliseconds or seconds since the epoch; negative: milliseconds before now.",
                    },
                    {"type": "string", "description": "ISO 8601."},
                    {"type": "object", "required": ["$date"], "properties": {"$date": {"type": "string"}}},
                ],
            },
        },
        "example": {"data": {"rpm": 1800.5, "engineState": "running"}, "time": 1700000000000},
    },
    "DeviceCommand": {
        "type": "object",
        "description": "What a device is told.",
        "required": ["name", "payload", "time"],
        "properties": {
            "name": {"type": "string"},
            "payload": {"description": "Any JSON."},
            "time": {"type": "object", "properties": {"$date": {"type": "string", "format": "date-time"}}},
        },
        "example": {"name": "restart", "payload": None, "time": {"$date": "2026-01-01T00:00:00.000Z"}},
    },
}
CHANNELS: dict[str, Any] = {
    "protocol": "mqtt",
    "versions": ["3.1.1", "5"],
    "connect": {
        "client_id": "The device ID.",
        "username": "The access key.",
        "password": "The access secret.",
        "clean_session": False,
    },
    "channels": [
        {
            "topics": [topics.build_topic(DEVICE, "state"), f"losant/{DEVICE}/state"],
            "action": "publish",
            "summary": "Report state",
            "qos": [0, 1],
            "retain": False,
            "message": {"$ref": "#/components/schemas/StateReport"},
        },
        {
            "topics": [topics.build_topic(DEVICE, "command"), f"losant/{DEVICE}/command"],
            "action": "subscribe",
            "summary": "Take commands",
            "qos": [0, 1],
            "message": {"$ref": "#/components/schemas/DeviceCommand"},
        },
    ],
}


def add_device_channels(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add what devices speak over MQTT, which has no place of its own in OpenAPI, and its messages."""
    result.setdefault("components", {}).setdefault("schemas", {}).update(SCHEMAS)
    result[EXTENSION] = CHANNELS
    return result


def list_channels(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the channels as a page shows them, each with its message's schema and an example."""
    schemas = document["components"]["schemas"]
    named = [(channel, schemas[channel["message"]["$ref"].rpartition("/")[2]]) for channel in CHANNELS["channels"]]
    return [
        channel | {"text": schema["description"], "example": json.dumps(schema["example"], indent=2)}
        for channel, schema in named
    ]
