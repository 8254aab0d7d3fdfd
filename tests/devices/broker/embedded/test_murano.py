"""A device of the Exosite dialect over MQTT, at the demo's broker and by an interpreter of its own: all of its life."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from devices.credentials import operations as credentials
from devices.models import Credential
from provisioning.models import DoorRefusal
from tests import builders
from tests.devices.broker.embedded.conftest import SECRET
from tests.devices.broker.embedded.topics import commands, states
from tests.mqtt.gateway import ACCEPTED, REFUSED, Gateway
from tests.mqtt.processes import eventually, python, running
from tests.parts import free_port
from tests.provisioning.doors.test_activate import make_door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.models import Door
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
SITE = {"MQTT_ORGANISATION": "kanarra"}


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    port = free_port()
    env = SITE | {"MQTT_URL": f"mqtt://site:{SECRET}@127.0.0.1:{port}"}
    with running(python("manage.py", "broker", "--port", str(port), port=port, **env)):
        yield port


@pytest.fixture(scope="module")
def interpreter(port: int) -> Iterator[int]:
    own = free_port()
    command, env = ("manage.py", "broker_interpreter", "--port", str(own)), SITE
    with running(python(*command, port=own, MQTT_URL=f"mqtt://site:{SECRET}@127.0.0.1:{port}", **env)):
        yield own


@pytest.fixture(params=["broker", "interpreter"])
def at(request: pytest.FixtureRequest, port: int) -> int:
    return port if request.param == "broker" else int(request.getfixturevalue("interpreter"))


@pytest.fixture
def door(world: World) -> Door:
    return make_door(builders.make_recipe(world.kanarra, "Meter", identity={"kind": "base10", "length": 8}))


def knock(at: int, identity: str) -> tuple[list[tuple[str, bytes, bool]], bool]:
    """What one is told that asks for its token, and whether what it asked was acknowledged."""
    stranger = Gateway(at, "", "", "")
    stranger.client.username_pw_set("")  # a user name that is empty, and no password
    assert stranger.connect() == ACCEPTED
    acknowledged = stranger.publish(f"$provision/{identity}", "")
    eventually(lambda: stranger.received or stranger.lost.is_set())
    stranger.leave()
    return stranger.received, acknowledged


def test_it_is_told_its_token_reports_and_is_commanded(world: World, at: int, site: Gateway, door: Door) -> None:
    serial = "00000001"
    device = builders.make_device(door.recipe.current, serial=serial)
    [(topic, token, _)], acknowledged = knock(at, serial)
    assert (topic, acknowledged) == (f"$provision/{serial}", True)
    assert re.fullmatch(b"[0-9a-f]{40}", token)
    client = Gateway(at, "", "", token.decode())
    assert client.connect() == ACCEPTED
    assert client.publish("$resource/rpm", "1800.5")
    batch = [{"timestamp": int(time.time() - 60 + each) * 1_000_000, "values": {"rpm": each}} for each in range(2)]
    assert client.publish("$resource.batch", json.dumps(batch))
    eventually(lambda: len(site.received) == 3)
    assert {topic for topic, _, _ in site.received} == {states(device)}
    assert json.loads(site.received[0][1]) == {"data": {"rpm": 1800.5}}
    sent = {"name": "config_io", "payload": {"a": 1}, "time": {"$date": "2026-01-01T00:00:00.000Z"}}
    assert site.publish(commands(device), json.dumps(sent))
    eventually(lambda: client.received)
    assert client.received == [("$resource/config_io/1767225600000000", b'{"a": 1}', False)]
    credentials.revoke_all_credentials([device], by=None)
    assert client.lost.wait(5)
    assert client.connect() == REFUSED


def test_who_is_refused_is_told_nothing_and_counted_with_the_cause(at: int, door: Door) -> None:
    device = builders.make_device(door.recipe.current, serial="00000002")
    assert knock(at, device.serial)[1]
    for identity in (device.serial, "99999999"):
        began = time.monotonic()
        assert knock(at, identity) == ([], False)
        assert time.monotonic() - began > 3  # it would ask at once again
    eventually(lambda: DoorRefusal.objects.of(door).count() == 2)
    assert set(DoorRefusal.objects.of(door).values_list("reason", flat=True)) == {
        "door-not-listed",
        "door-already-registered",
    }
    assert Credential.objects.of(device).count() == 1
    assert Gateway(at, "", "", "0" * 40).connect() == REFUSED


def test_a_door_of_passwords_gives_no_token(at: int, door: Door) -> None:
    door.settings["authentication"] = "password"
    door.save()
    device = builders.make_device(door.recipe.current, serial="00000003")
    assert knock(at, device.serial) == ([], False)
    eventually(lambda: DoorRefusal.objects.of(door).filter(reason="door-authentication").exists())
    assert not Credential.objects.of(device).exists()


def test_nothing_of_an_anonymous_session_comes_to_the_broker(world: World, at: int, site: Gateway) -> None:
    stranger = Gateway(at, "", "", "")
    stranger.client.username_pw_set("")
    assert stranger.connect() == ACCEPTED
    assert stranger.subscribe(commands(world.placed)) == "Unspecified error"
    assert not stranger.publish(states(world.placed))
    assert stranger.lost.is_set()
    assert not site.received
