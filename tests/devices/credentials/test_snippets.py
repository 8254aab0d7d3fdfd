"""The programs that the credentials page shows really run, and their reports arrive."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devices.credentials import operations as credentials
from devices.credentials import snippets
from tests import parts
from tests.mqtt.gateway import ACCEPTED, Gateway
from tests.mqtt.processes import eventually, python, running
from tests.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def site(settings: Settings, db: None) -> Iterator[Gateway]:
    """The site's own account at a broker that checks who connects."""
    port = free_port()
    settings.MQTT_PUBLIC_URL = f"mqtt://127.0.0.1:{port}"
    url = f"mqtt://site:secret@127.0.0.1:{port}"
    with running(python("manage.py", "broker", "--port", str(port), port=port, MQTT_URL=url)):
        client = Gateway(port, "handover-consumer", "site", "secret")
        assert client.connect() == ACCEPTED
        assert client.subscribe("devices/+/state") == "Granted QoS 1"
        yield client
        client.leave()


@pytest.mark.parametrize("name", ["python", "shell"])
def test_it_runs_as_it_is_shown(world: World, site: Gateway, tmp_path: Path, name: str) -> None:
    configuration = snippets.build_configuration(
        world.placed, credentials.issue_credential(device=world.placed, by=None)
    )
    text = next(each.text for each in snippets.render_snippets(world.placed, configuration) if each.name == name)
    program = tmp_path / "program"
    program.write_text(text)
    if name == "shell":
        parts.needs("mosquitto_pub")
    interpreter = {"python": sys.executable, "shell": "/bin/sh"}[name]
    with subprocess.Popen([interpreter, str(program)]) as process:
        try:
            eventually(lambda: site.received)
            assert name == "python" or process.wait(5) == 0
        finally:
            process.kill()
    topic, payload, retained = site.received[0]
    assert (topic, retained) == (f"devices/{world.placed.device_id}/state", False)
    assert json.loads(payload)["data"] == {"rpm": 1}
