"""A gateway that speaks for a device, at the demo's broker: what it may, and that it may no longer."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from devices.credentials import operations as credentials
from devices.lifecycle import assignments, retirement
from devices.models import RefusedAttempt
from devices.ties import operations as ties
from tests.builders import make_device
from tests.devices.broker.embedded.topics import commands, states
from tests.mqtt.gateway import ACCEPTED, REFUSED, Gateway, gateway
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.models import Device
    from tests.conftest import World
    from tests.devices.broker.embedded.conftest import Join

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

COMMAND = b'{"name": "restart"}'


@pytest.fixture
def device(world: World) -> Device:
    """For which the placed one speaks."""
    device = make_device(world.version, group=world.anaheim, by=world.owner)
    ties.tie(device=device, gateway=world.placed, by=world.owner)
    return device


def test_it_reports_and_hears_commands_in_both_dialects(
    world: World, device: Device, join: Join, site: Gateway
) -> None:
    speaker = join(world.placed)
    assert speaker.publish(states(device), "1")
    assert speaker.publish(f"losant/{device.device_id}/state", "2", qos=0)
    assert speaker.publish(states(world.placed), "own")
    assert speaker.subscribe(commands(device)) == "Granted QoS 1"
    assert speaker.subscribe(f"losant/{device.device_id}/command") == "Granted QoS 1"
    assert site.publish(commands(device), COMMAND)
    assert site.publish(f"losant/{device.device_id}/command", COMMAND)
    eventually(lambda: len(site.received) == 3 and len(speaker.received) == 2)
    assert {(topic, payload) for topic, payload, _ in site.received} == {
        (states(device), b"1"),
        (f"losant/{device.device_id}/state", b"2"),
        (states(world.placed), b"own"),
    }


def test_nothing_beside_that(world: World, device: Device, join: Join, port: int, site: Gateway) -> None:
    speaker = join(world.placed)
    for topic in (states(device), f"devices/{device.device_id}/#", "devices/+/command", commands(world.foreign)):
        assert speaker.subscribe(topic) == "Unspecified error", topic
    for topic, retain in ((commands(device), False), (states(world.foreign), False), (states(device), True)):
        assert speaker.publish(topic, retain=retain), topic  # and dropped
    assert join(device).publish(states(world.placed))  # so is that: a tie has one direction
    will = gateway(port, world.placed, credentials.issue_credential(device=world.placed, by=None))
    will.client.will_set(states(device), b"will", 1)
    assert will.connect() == REFUSED  # it might be sent when the tie is over
    assert site.received == []


def test_a_tie_that_is_made_while_it_is_connected(world: World, join: Join, site: Gateway) -> None:
    device = make_device(world.version, group=world.anaheim, by=world.owner)
    speaker = join(world.placed)
    assert speaker.subscribe(commands(device)) == "Unspecified error"
    ties.tie(device=device, gateway=world.placed, by=world.owner)
    eventually(lambda: speaker.subscribe(commands(device)) == "Granted QoS 1", 5)
    assert speaker.publish(states(device))
    assert not speaker.lost.is_set()


ENDS: dict[str, Callable[[World, Device], object]] = {
    "untied": lambda world, device: ties.untie(device=device, gateway=world.placed, by=world.owner),
    "the device is released": lambda world, device: assignments.release(device=device, by=world.owner),
    "the device is another tenant's": lambda world, device: assignments.assign(
        device=device, group=world.boise, name=None, model=None, by=world.owner
    ),
    "the device is retired": lambda world, device: retirement.retire_devices([device], by=world.owner),
}


@pytest.mark.parametrize("how", ENDS)
def test_whatever_ends_a_tie_takes_effect_within_five_seconds(
    world: World, device: Device, join: Join, site: Gateway, how: str
) -> None:
    """The gateway is ended once; it comes back for what it still may, with its session."""
    speaker, other = join(world.placed, clean=False), join(world.foreign)
    assert speaker.subscribe(commands(device)) == "Granted QoS 1"
    assert speaker.subscribe(commands(world.placed)) == "Granted QoS 1"
    ENDS[how](world, device)
    assert speaker.lost.wait(5)
    assert site.publish(commands(device), b"for the next one")
    assert site.publish(commands(world.placed), COMMAND)
    assert speaker.connect() == ACCEPTED
    eventually(lambda: speaker.received)
    assert speaker.publish(states(world.placed))
    assert [(topic, payload) for topic, payload, _ in speaker.received] == [(commands(world.placed), COMMAND)]
    assert speaker.publish(states(device))
    eventually(lambda: RefusedAttempt.objects.filter(device=world.placed, reason="topic-of-another").exists())
    assert not other.lost.is_set()


def test_a_gateway_that_publishes_while_the_tie_ends(world: World, device: Device, join: Join, site: Gateway) -> None:
    speaker = join(world.placed)
    at: list[float] = []
    site.client.on_message = lambda *_: at.append(time.monotonic())

    def go_on() -> None:
        while not speaker.lost.is_set():
            speaker.client.publish(states(device), "{}", qos=1)
            time.sleep(0.02)

    thread = threading.Thread(target=go_on)
    thread.start()
    eventually(lambda: len(at) > 5)
    ties.untie(device=device, gateway=world.placed, by=world.owner)
    ended = time.monotonic()
    thread.join(10)
    assert speaker.lost.is_set()
    assert at[-1] < ended + 5
    came = len(at)
    assert speaker.connect() == ACCEPTED
    assert speaker.publish(states(device))  # and dropped
    assert len(at) == came
