"""What waits for whom, and when it counts as taken: commands for devices, reports for the consumer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from devices.credentials import operations as credentials
from tests import builders
from tests.devices.broker.embedded.conftest import CONSUMER, SECRET
from tests.devices.broker.embedded.topics import commands, states
from tests.mqtt.backlog import nothing_is_known_of_a_backlog
from tests.mqtt.gateway import ACCEPTED, Gateway, gateway
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import Settings

    from tests.conftest import World

    Join = Callable[..., Gateway]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

COMMAND = b'{"name": "restart"}'


def test_commands_wait_for_an_absent_device_and_are_no_retained_messages(
    world: World, join: Join, site: Gateway
) -> None:
    device = join(world.placed, clean=False)
    device.subscribe(commands(world.placed))
    device.leave()
    for number in range(3):
        assert site.publish(commands(world.placed), str(number))
    device.connect()
    eventually(lambda: len(device.received) == 3)
    assert device.received == [(commands(world.placed), str(number).encode(), False) for number in range(3)]


def test_the_consumers_messages_wait_for_it_and_come_again_until_acknowledged(
    world: World, port: int, join: Join, site: Gateway
) -> None:
    device = join(world.placed)
    site.leave()
    sent = [device.client.publish(states(world.placed), str(number), qos=1) for number in range(20)]
    deaf = Gateway(port, CONSUMER, "site", SECRET, clean=False)
    deaf.client.manual_ack_set(True)
    assert deaf.connect() == ACCEPTED
    eventually(lambda: len(deaf.received) == 20)
    deaf.vanish()
    site.connect()
    eventually(lambda: len(site.received) == 20)
    assert [payload for _, payload, _ in site.received] == [str(number).encode() for number in range(20)]
    eventually(lambda: all(info.is_published() for info in sent))


def test_a_report_is_acknowledged_once_the_consumer_has_it(world: World, port: int, join: Join, site: Gateway) -> None:
    device, other = join(world.placed), join(world.foreign)
    site.leave()
    sent = device.client.publish(states(world.placed), "1", qos=1)
    assert device.subscribe(commands(world.placed)) == "Granted QoS 1"
    slow = Gateway(port, CONSUMER, "site", SECRET, clean=False)
    slow.client.manual_ack_set(True)
    got: list[int] = []
    slow.client.on_message = lambda _, __, message: got.append(message.mid)
    assert slow.connect() == ACCEPTED
    second = other.client.publish(states(world.foreign), "2", qos=1)
    eventually(lambda: len(got) == 2)
    assert not sent.is_published()
    slow.client.ack(got[1], 1)
    eventually(second.is_published)
    assert not sent.is_published()
    slow.client.ack(got[0], 1)
    eventually(sent.is_published)
    slow.leave()


def test_a_device_that_sends_unacknowledged_without_end_is_read_no_further(
    world: World, port: int, site: Gateway
) -> None:
    device = gateway(port, world.placed, credentials.issue_credential(device=world.placed, by=None))
    device.client.max_inflight_messages_set(1000)
    assert device.connect() == ACCEPTED
    site.leave()
    sent = [device.client.publish(states(world.placed), b" " * 10_000, qos=1) for _ in range(300)]
    time.sleep(0.5)
    site.connect()
    eventually(lambda: len(site.received) >= 100)
    eventually(lambda: all(info.is_published() for info in sent))
    assert not device.lost.is_set()
    device.leave()


def test_of_what_waited_for_the_consumer_nothing_is_known(
    world: World, port: int, join: Join, site: Gateway, settings: Settings
) -> None:
    site.leave()
    settings.MQTT_URL = f"mqtt://site:{SECRET}@127.0.0.1:{port}"
    # No more than a client sends before it is acknowledged: the rest would come later in truth.
    nothing_is_known_of_a_backlog(join(world.placed), states(world.placed), CONSUMER, count=20, early=False)


def test_a_consumer_that_comes_and_goes_costs_no_device_its_connection(
    world: World, port: int, join: Join, site: Gateway
) -> None:
    devices = [join(builders.make_device(world.version)) for _ in range(10)]
    site.leave()
    sent = []
    for number in range(20):
        consumer = Gateway(port, CONSUMER, "site", SECRET, clean=False)
        assert consumer.connect() == ACCEPTED
        sent += [device.client.publish(f"devices/{device.client_id}/state", str(number), qos=1) for device in devices]
        consumer.vanish()
    site.connect()
    eventually(lambda: all(info.is_published() for info in sent))
    assert not any(device.lost.is_set() for device in devices)
