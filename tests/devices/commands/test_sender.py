"""The sender at a real broker: each command comes once, and one that the broker did not take comes when it is back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now

from devices.commands import operations as commands
from devices.commands.sender import Sender
from devices.models import Command, Connection, Device, RecipeVersion
from devices.recipes import command_lines
from tests.mqtt.gateway import Gateway
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.processes import eventually, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import World
    from tests.mqtt.processes import Process


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Process]:
    with running(mosquitto(tmp_path)) as process:
        yield process


@pytest.fixture
def device(world: World) -> Device:
    lines = command_lines.clean_lines([{"name": "start"}, {"name": "stop"}])
    RecipeVersion.objects.filter(pk=world.version.pk).update(commands=lines)
    Connection.objects.create(device=world.placed, last_seen_at=Now())
    return Device.objects.select_related("version", "group", "organisation").get(pk=world.placed.pk)


def listen(broker: Process, device: Device, root: str) -> Gateway:
    client = Gateway(broker.port, device.device_id, "any", "any")
    client.connect()
    assert client.subscribe(f"{root}/{device.device_id}/command") == "Granted QoS 1"
    return client


def names(client: Gateway) -> list[str]:
    return [json.loads(payload)["name"] for _, payload, _ in client.received]


def test_once_in_order_and_after_the_broker_was_killed(world: World, device: Device, broker: Process) -> None:
    sender = Sender(f"mqtt://127.0.0.1:{broker.port}")
    client = listen(broker, device, "losant")
    for name in ("start", "stop"):
        commands.send(device=device, name=name, payload=None, by=world.technician)
    assert sender.work()
    assert not sender.work()
    eventually(lambda: len(client.received) == 2)
    broker.kill()
    late = commands.send(device=device, name="start", payload=None, by=world.technician)
    ended = commands.send(device=device, name="stop", payload=None, by=world.technician)
    with pytest.raises(OSError, match="the broker took no command"):
        sender.work()
    assert Command.objects.get(pk=late.pk).state == "queued"
    Command.objects.filter(pk=ended.pk).update(expires_at=Now())
    broker.start()
    client.leave()
    client = listen(broker, device, "devices")
    assert sender.work()
    assert not sender.work()
    eventually(lambda: client.received)
    assert names(client) == ["start"]
    assert json.loads(client.received[0][1])["id"] == str(late.key)
    assert Command.objects.get(pk=late.pk).state == "sent"
    assert Command.objects.with_state().get(pk=ended.pk).stage == "expired"
    client.leave()


def test_a_broker_that_hangs_up_while_it_is_idle_is_found_again(world: World, device: Device, broker: Process) -> None:
    sender = Sender(f"mqtt://127.0.0.1:{broker.port}")
    commands.send(device=device, name="start", payload=None, by=world.technician)
    assert sender.work()
    broker.stop()
    broker.start()
    client = listen(broker, device, "devices")
    commands.send(device=device, name="stop", payload=None, by=world.technician)
    with pytest.raises(OSError, match="the broker took no command"):
        sender.work()
    assert sender.work()
    eventually(lambda: client.received)
    assert names(client) == ["stop"]
    client.leave()
