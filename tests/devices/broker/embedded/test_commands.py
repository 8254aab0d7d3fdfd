"""Commands by the demo's broker: who keeps no session gets what waits when it subscribes, and its own alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from devices.commands import operations as commands
from devices.commands.sender import Sender
from devices.models import Command, Device, Listening, RecipeVersion
from devices.recipes import command_lines
from tests.devices.broker.embedded.conftest import SECRET
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from tests.conftest import World
    from tests.devices.broker.embedded.conftest import Join

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def test_what_waits_comes_once_it_subscribes(world: World, join: Join, port: int) -> None:
    RecipeVersion.objects.update(commands=command_lines.clean_lines([{"name": "start"}]))
    device = Device.objects.select_related("version", "group").get(pk=world.placed.pk)
    waiting = commands.send(device=device, name="start", payload=None, by=world.technician)
    sender = Sender(f"mqtt://site:{SECRET}@127.0.0.1:{port}")
    assert not sender.work()
    client, neighbour = join(world.placed), join(world.foreign)
    assert neighbour.subscribe(f"devices/{device.device_id}/command") == "Unspecified error"
    assert client.subscribe(f"losant/{device.device_id}/command") == "Granted QoS 1"
    eventually(lambda: Listening.objects.filter(device=device).exists())
    eventually(sender.work)
    eventually(lambda: client.received)
    assert not sender.work()
    assert [json.loads(payload)["id"] for _, payload, _ in client.received] == [str(waiting.key)]
    assert neighbour.received == []
    assert Command.objects.get().state == "sent"
    assert not Listening.objects.filter(device=world.foreign).exists()
