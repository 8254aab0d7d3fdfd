"""ThingsBoard's own client, unmodified. It brings a paho of its own, so `make` gives it an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devices.models import Device
from tests.devices.broker.embedded.test_thingsboard import at, interpreter, port, secret
from tests.devices.broker.embedded.topics import states
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from tests.mqtt.gateway import Gateway

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]
__all__ = ["at", "interpreter", "port", "secret"]
PYTHON = Path(sys.prefix) / "thingsboard" / "bin" / "python"
PROGRAM = """
import sys, time
from tb_device_mqtt import TBDeviceMqttClient
port, secret, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
told = TBDeviceMqttClient.provision("127.0.0.1", "any", secret, device_name=name, port=port)
if told is None or told["status"] != "SUCCESS":
    sys.exit(f"not provisioned: {told}")
client = TBDeviceMqttClient("127.0.0.1", port, told["credentialsValue"])
client.connect(timeout=20)
until = time.monotonic() + 30
while not client.is_connected() and time.monotonic() < until:
    time.sleep(0.1)
print("sent", client.send_telemetry({"rpm": 41.9}).get())
print("sent", client.send_telemetry({"ts": int(time.time() * 1000), "values": {"rpm": 42}}).get())
while not client.rate_limits_received and time.monotonic() < until:
    time.sleep(0.1)
print("limits", client.rate_limits_received)
client.disconnect()
client.stop()
"""


@pytest.mark.skipif(
    not PYTHON.exists(), reason="requirements/thingsboard.txt could not be installed: run make .venv/test.stamp"
)
def test_it_provisions_connects_and_reports(at: int, site: Gateway, secret: str) -> None:
    command = [str(PYTHON), "-c", PROGRAM, str(at), secret, "00000001"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert ran.stdout.count("sent 0") == 2, ran.stderr
    assert "limits True" in ran.stdout
    device = Device.objects.get(serial="00000001")
    eventually(lambda: len(site.received) == 2)
    assert {topic for topic, _, _ in site.received} == {states(device)}
    assert [json.loads(sent)["data"] for _, sent, _ in site.received] == [{"rpm": 41.9}, {"rpm": 42}]
