"""A new credential, ready to be put into a device: as a QR code, and as programs that report once they run."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import segno
from django.conf import settings
from django.template.loader import render_to_string

from devices.models import Attribute
from devices.mqtt import client, topics

if TYPE_CHECKING:
    from devices.credentials.operations import Issued
    from devices.models import Device

LANGUAGES = (("python", "Python (paho-mqtt)"), ("shell", "mosquitto_pub"), ("arduino", "Arduino (PubSubClient)"))


class Snippet(NamedTuple):
    name: str
    title: str
    text: str


def build_configuration(device: Device, issued: Issued) -> dict[str, object]:
    """Return all that an MQTT client needs; host and port as devices see the broker."""
    broker = client.parse_address(settings.MQTT_PUBLIC_URL or settings.MQTT_URL)
    return {
        "host": broker.host,
        "port": broker.port,
        "tls": broker.tls,
        "device_id": device.device_id,
        "access_key": issued.access_key,
        "access_secret": issued.access_secret,
    }


def draw_qr(configuration: dict[str, object]) -> str:
    """Return the configuration as JSON in a QR code, as a data: URI: no address and no file holds the secret."""
    code = segno.make(json.dumps(configuration, separators=(",", ":")), error="l", micro=False)
    return code.svg_data_uri(border=4, scale=4, dark="#000", light="#fff", omitsize=True)


def render_snippets(device: Device, configuration: dict[str, object]) -> list[Snippet]:
    report = json.dumps({"data": _build_example(device)})
    context: dict[str, Any] = {
        **configuration,
        "state_topic": topics.build_topic(device.device_id, "state"),
        "command_topic": topics.build_topic(device.device_id, "command"),
        "report": report,
        "report_in_shell": shlex.quote(report),
        "report_in_c": json.dumps(report),
        "example": json.dumps(_build_example(device)),
    }
    return [
        Snippet(name, title, render_to_string(f"devices/credentials/snippets/{name}.txt", context).strip() + "\n")
        for name, title in LANGUAGES
    ]


def _build_example(device: Device) -> dict[str, object]:
    """Return a value that the device may report; nothing if its recipe declares no number."""
    numbers = Attribute.objects.filter(version=device.version_id, type=Attribute.Type.NUMBER)
    return dict.fromkeys(numbers.values_list("name", flat=True)[:1], 1)
