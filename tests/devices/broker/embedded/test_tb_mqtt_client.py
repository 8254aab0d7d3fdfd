"""ThingsBoard's own client, unmodified. It brings a paho of its own, so `make` gives it an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import transaction

from devices.credentials import operations as credentials
from devices.credentials.tokens import make_token
from devices.models import Device, RefusedAttempt
from devices.ties import operations as ties
from tests import builders
from tests.devices.broker.embedded.test_thingsboard import at, interpreter, port, secret
from tests.devices.broker.embedded.topics import commands, states
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from tests.conftest import World
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

GATEWAY = """
import sys, time
from tb_gateway_mqtt import TBGatewayMqttClient
port, token, own, foreign = int(sys.argv[1]), *sys.argv[2:5]
client = TBGatewayMqttClient("127.0.0.1", port, token)
called = []
def answer(gateway, content):
    called.append(content)
    gateway.gw_send_rpc_reply(content["device"], content["data"]["id"], {"done": content["data"]["method"]})
client.gw_set_server_side_rpc_request_handler(answer)
client.connect(timeout=20)
until = time.monotonic() + 40
while not (client.is_connected() and client.rate_limits_received) and time.monotonic() < until:
    time.sleep(0.1)
client.gw_connect_device(foreign)
client.gw_connect_device(own)
print("sent", client.gw_send_telemetry(foreign, {"rpm": 1}).get())
print("sent", client.gw_send_telemetry(own, {"ts": int(time.time() * 1000), "values": {"rpm": 42}}).get())
print("sent", client.gw_send_attributes(own, {"engineState": "running"}).get())
while not called and time.monotonic() < until:
    time.sleep(0.1)
print("called", called, flush=True)
client.gw_disconnect_device(own)
print("sent", client.send_telemetry({"rpm": 7}).get())
time.sleep(1)
client.disconnect()
client.stop()
"""
needs_it = pytest.mark.skipif(
    not PYTHON.exists(), reason="requirements/thingsboard.txt could not be installed: run make .venv/test.stamp"
)


@needs_it
def test_its_gateway_speaks_for_whom_is_tied_to_it(world: World, at: int, site: Gateway) -> None:
    """What it says for another one is dropped, noted, and ends nothing."""
    device = builders.make_device(world.version, group=world.anaheim, by=world.owner)
    ties.tie(device=device, gateway=world.placed, by=world.owner)
    with transaction.atomic():
        token = credentials.make_first(world.placed, make_token).access_secret
    command = [str(PYTHON), "-c", GATEWAY, str(at), token, device.serial, world.foreign.serial]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ran:
        eventually(lambda: len(site.received) == 2, 60)
        sent = {"id": "c1", "name": "restart", "payload": None, "time": {"$date": "2026-01-01T00:00:00.000Z"}}
        assert site.publish(commands(device), json.dumps(sent))
        told, errors = ran.communicate(timeout=60)
    assert told.count("sent 0") == 4, (told, errors)
    assert f"'device': '{device.serial}'" in told
    eventually(lambda: len(site.received) == 4)
    said = {(topic, json.dumps(json.loads(payload)["data"])) for topic, payload, _ in site.received}
    assert said == {
        (states(device), '{"rpm": 42}'),
        (states(device), '{"engineState": "running"}'),
        (states(device), '{"commandAnswer": {"id": "c1", "status": "done", "result": {"done": "restart"}}}'),
        (states(world.placed), '{"rpm": 7}'),
    }
    refused = RefusedAttempt.objects.filter(device=world.placed, reason="speaks-for-untied-device")
    eventually(refused.exists)


@needs_it
def test_it_provisions_connects_and_reports(at: int, site: Gateway, secret: str) -> None:
    command = [str(PYTHON), "-c", PROGRAM, str(at), secret, "00000001"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert ran.stdout.count("sent 0") == 2, ran.stderr
    assert "limits True" in ran.stdout
    device = Device.objects.get(serial="00000001")
    eventually(lambda: len(site.received) == 2)
    assert {topic for topic, _, _ in site.received} == {states(device)}
    assert [json.loads(sent)["data"] for _, sent, _ in site.received] == [{"rpm": 41.9}, {"rpm": 42}]
