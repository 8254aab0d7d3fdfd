"""A device of ThingsBoard's at the demo's broker, and by an interpreter: it provisions, reports, and is called."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from devices.models import Device
from provisioning.doors.profile import operations
from provisioning.models import Door, DoorRefusal
from tests import builders
from tests.devices.broker.embedded.test_murano import at, interpreter, port
from tests.devices.broker.embedded.topics import commands, states
from tests.mqtt.gateway import ACCEPTED, Gateway
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["at", "interpreter", "port"]


@pytest.fixture
def secret(world: World) -> str:
    version = builders.make_recipe(world.kanarra, "Tracker", identity={"kind": "base10", "length": 8})
    door = Door.objects.create(
        organisation=world.kanarra, kind=Door.Kind.PROFILE, name="Trackers", recipe=version.recipe
    )
    return operations.make_token(door=door, by=world.owner)[1]


def provision(at: int, secret: str, name: str, **more: str) -> dict[str, Any]:
    client = Gateway(at, "", "", "")
    client.client.username_pw_set("provision")
    assert client.connect() == ACCEPTED
    assert client.subscribe("/provision/response") == "Granted QoS 0"
    sent = {"provisionDeviceKey": "any", "provisionDeviceSecret": secret, "deviceName": name} | more
    assert client.publish("/provision/request", json.dumps(sent))
    eventually(lambda: client.received)
    client.leave()
    [(topic, told, _)] = client.received
    assert topic == "/provision/response"
    answer: dict[str, Any] = json.loads(told)
    return answer


def listen(client: Gateway, heard: list[tuple[str, bytes]]) -> None:
    client.client.on_message = lambda _, __, message: heard.append((message.topic, bytes(message.payload)))


def wait_for(heard: list[tuple[str, bytes]]) -> None:
    eventually(lambda: heard)


def test_it_provisions_reports_and_is_called(world: World, at: int, site: Gateway, secret: str) -> None:
    answer = provision(at, secret, "00000001")
    assert (answer["status"], answer["credentialsType"]) == ("SUCCESS", "ACCESS_TOKEN")
    assert re.fullmatch("[0-9a-f]{40}", answer["credentialsValue"])
    device = Device.objects.get(serial="00000001")
    for version in ({"protocol": MQTTv5}, {"clean_session": True}):
        client = Gateway(at, "", "", "")
        client.client = Client(CallbackAPIVersion.VERSION2, "", reconnect_on_failure=False, **version)
        client.client.username_pw_set(answer["credentialsValue"])
        client.client.on_connect = client._connected
        heard: list[tuple[str, bytes]] = client.received  # type: ignore[assignment]
        listen(client, heard)
        assert client.connect() == ACCEPTED
        site.received.clear()
        assert client.publish("v1/devices/me/telemetry", '[{"ts":1700000000000,"values":{"rpm":42}}]')
        eventually(lambda: site.received)
        assert site.received[0][0] == states(device)
        assert json.loads(site.received[0][1]) == {"data": {"rpm": 42}, "time": 1700000000000}
        sent = {"name": "restart", "payload": None, "time": {"$date": "2026-01-01T00:00:00.000Z"}}
        assert site.publish(commands(device), json.dumps(sent))
        wait_for(heard)
        assert heard == [("v1/devices/me/rpc/request/1", b'{"method": "restart", "params": {}}')]
        client.leave()


def test_who_is_refused_is_told_so_and_counted(at: int, world: World, secret: str) -> None:
    failure = {"status": "FAILURE", "errorMsg": "Failed to provision device!"}
    assert provision(at, secret, "00000002")["status"] == "SUCCESS"
    assert provision(at, secret, "00000002") == failure
    assert provision(at, secret, "00000003", token="MYTOKEN", credentialsType="ACCESS_TOKEN") == failure
    assert provision(at, "0" * 20, "00000003")["status"] == "NOT_FOUND"
    eventually(lambda: DoorRefusal.objects.count() == 2)
    reasons = set(DoorRefusal.objects.values_list("reason", flat=True))
    assert reasons == {"door-already-registered", "door-authentication"}
    assert not Device.objects.filter(serial="00000003").exists()
    stranger = Gateway(at, "", "", "")
    stranger.client.username_pw_set("0" * 40)
    assert stranger.connect() == "Not authorized"
