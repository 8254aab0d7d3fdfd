"""A private Mosquitto that lets everybody in: for what the consumer does, not for who may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import parts
from tests.mqtt.processes import Process

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages {inflight}
persistence true
persistence_location {folder}/
user root
"""


def mosquitto(folder: Path, *, rules: str = "", inflight: int = 20_000) -> Process:
    """`rules` are an access list, for everybody; `inflight` messages at most wait for their acknowledgement."""
    port = parts.free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(CONFIGURATION.format(port=port, folder=folder, inflight=inflight))
    if rules:
        (folder / "rules").write_text(rules)
        configuration.write_text(f"{configuration.read_text()}acl_file {folder}/rules\n")
    return Process([parts.needs("mosquitto"), "-c", str(configuration)], port)
