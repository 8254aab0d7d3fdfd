"""Why a device is connected no longer, as the demo's broker tells it."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

import pytest

from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import ConnectedStretch, Credential
from tests.devices.broker.embedded.conftest import SECRET
from tests.devices.broker.embedded.topics import states
from tests.mqtt.gateway import ACCEPTED, Gateway, gateway
from tests.mqtt.processes import eventually, python, running
from tests.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.models import Device
    from tests.conftest import World

    Join = Callable[..., Gateway]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def ends(device: Device) -> list[str]:
    """The reasons why each stretch ended; `open` where it did not."""
    rows = ConnectedStretch.objects.filter(device=device).order_by("number")
    return [row.reason if row.ended_at else "open" for row in rows]


def test_it_is_connected_and_says_goodbye(world: World, join: Join) -> None:
    device = join(world.placed)
    eventually(lambda: ends(world.placed) == ["open"])
    device.leave()
    eventually(lambda: ends(world.placed) == ["closed"])
    assert not ConnectedStretch.objects.exclude(device=world.placed).exists()


def test_the_sites_own_has_no_stretch(world: World, join: Join, site: Gateway) -> None:
    join(world.placed)
    eventually(lambda: ends(world.placed) == ["open"])
    assert ConnectedStretch.objects.count() == 1


def test_a_lapsed_keep_alive_is_named(world: World, port: int) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    sent = encode_connect(world.placed.device_id, issued.access_key, issued.access_secret, keep_alive=1)
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(sent)
        assert silent.recv(4) == b"\x20\x02\x00\x00"
        eventually(lambda: ends(world.placed) == ["keep-alive"])


def test_a_lost_one_is_named(world: World, join: Join) -> None:
    join(world.placed).vanish()
    eventually(lambda: ends(world.placed) == ["lost"])


def test_one_that_is_taken_over_goes_on_in_the_same_stretch(world: World, port: int) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    first, second = gateway(port, world.placed, issued), gateway(port, world.placed, issued)
    assert first.connect() == second.connect() == ACCEPTED
    assert first.lost.wait(5)
    eventually(
        lambda: list(ConnectedStretch.objects.values_list("reason", "flaps", "ended_at")) == [("taken-over", 1, None)]
    )
    second.leave()
    eventually(lambda: ends(world.placed) == ["closed"])


def test_a_refused_message_is_named(world: World, join: Join) -> None:
    assert not join(world.placed).publish(states(world.placed), qos=2)  # which the broker does not speak
    eventually(lambda: ends(world.placed) == ["refused"])


def test_what_the_site_ended_is_named(world: World, join: Join) -> None:
    join(world.placed)
    join(world.foreign)
    eventually(lambda: ends(world.placed) == ends(world.foreign) == ["open"])
    credentials.revoke_credential(credential=Credential.objects.get(device=world.placed), by=None)
    locks.lock_devices([world.foreign], by=None)
    eventually(lambda: (ends(world.placed), ends(world.foreign)) == (["revoked"], ["locked"]))


@pytest.mark.parametrize(("how", "reason"), [("stop", "broker-stopped"), ("kill", "unseen")])
def test_a_broker_that_restarts_ends_all(world: World, how: str, reason: str) -> None:
    port = free_port()
    env = {"MQTT_URL": f"mqtt://site:{SECRET}@127.0.0.1:{port}"}
    issued = credentials.issue_credential(device=world.placed, by=None)
    with running(python("manage.py", "broker", "--port", str(port), port=port, **env)) as broker:
        device = gateway(port, world.placed, issued)
        assert device.connect() == ACCEPTED
        eventually(lambda: ends(world.placed) == ["open"])
        getattr(broker, how)()
        broker.start()
        eventually(lambda: ends(world.placed) == [reason])
        device.leave()


def encode_connect(client_id: str, username: str, password: str, *, keep_alive: int) -> bytes:
    texts = b"".join(struct.pack(">H", len(text)) + text.encode() for text in (client_id, username, password))
    rest = b"\x00\x04MQTT\x04\xc2" + struct.pack(">H", keep_alive) + texts
    length = bytes([len(rest)]) if len(rest) < 128 else bytes([len(rest) & 0x7F | 0x80, len(rest) >> 7])
    return b"\x10" + length + rest
