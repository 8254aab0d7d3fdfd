"""The MQTT of Exosite's Murano, as devices of the door of activation speak it (`murano-client`): docs/protocol.md.

They connect without a client id or a user name, by a token alone. What they write are texts under the names of
attributes; what is said to them comes without a subscription.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devices.broker.interpreter.by_token import ByToken, read_moments
from devices.mqtt.text_values import read_value

if TYPE_CHECKING:
    from devices.broker.interpreter.by_token import Command

RESOURCE, BATCH = "$resource/", ("$resource.batch", "$resource/.batch")


class Murano(ByToken):
    def translate(self, topic: str, payload: bytes) -> list[bytes] | None:
        """Return a report for a resource, or for each moment of a batch. What is no batch passes as it is, so that it
        is dropped, and counted, for what it is; so does a moment that is none."""
        if topic in BATCH:
            moments = read_moments(payload)
            return [payload] if moments is None else [json.dumps(self._read_moment(each)).encode() for each in moments]
        alias = topic.removeprefix(RESOURCE)
        if not topic.startswith(RESOURCE) or not alias:
            return None
        return [json.dumps({"data": {alias: self._read(alias, decode(payload))}}).encode()]

    def _read_moment(self, moment: Any) -> Any:
        if not isinstance(moment, dict) or not isinstance(moment.get("values"), dict):
            return moment
        data = {alias: self._read(alias, value) for alias, value in moment["values"].items()}
        return {"data": data} | ({"time": moment["timestamp"]} if "timestamp" in moment else {})

    def _read(self, alias: str, value: Any) -> Any:
        return read_value(value, self.types.get(alias)) if isinstance(value, str) else value

    def may_subscribe(self, name: str) -> bool:
        return name.startswith("$resource")

    def tell(self, command: Command) -> tuple[str, bytes]:
        """Return a command as a write to the resource of its name: `$resource/<name>/<microseconds of the epoch>`, and
        its payload, a text as it is and anything else as JSON. Half of a surrogate pair, which UTF-8 lacks, is a
        question mark."""
        payload = command.payload
        text = "" if payload is None else payload if isinstance(payload, str) else json.dumps(payload)
        moment = round(command.at.timestamp() * 1000) * 1000
        name = quote(command.name, safe="", errors="replace")
        return f"{RESOURCE}{name}/{moment}", text.encode(errors="replace")


def decode(payload: bytes) -> str:
    """Return the text that was sent, as UTF-8 or else as Latin-1."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload.decode("latin-1")
