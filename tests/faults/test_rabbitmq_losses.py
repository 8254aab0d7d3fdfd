"""A production broker, gates, a database that end: nothing that a device had acknowledged is lost."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from devices.broker.amqp_thread import has_queue, queue_name
from devices.credentials import operations as credentials
from devices.mqtt.client import take_place
from tests.builders import make_device
from tests.faults.rabbitmq import asking, consuming
from tests.mqtt.fleet import ready
from tests.mqtt.gateway import ACCEPTED, Gateway, gateway
from tests.mqtt.processes import eventually
from tests.mqtt.reporters import Busy, Faithful

if TYPE_CHECKING:
    from devices.mqtt.messages import Message
    from tests.conftest import World
    from tests.mqtt.fleet import Fleet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]

IDLE = 5.0
"""Seconds between two reports after which RabbitMQ asks again: of one that does not pause it asks nothing."""


def test_a_fleet_lives_through_gates_that_end_and_a_database_that_is_away(
    world: World, fleet: Fleet, port: int, stored: list[Message]
) -> None:
    devices = (world.placed, world.foreign, world.waiting)
    members = [gateway(port, device, credentials.issue_credential(device=device, by=None)) for device in devices]
    assert [member.connect() for member in members] == [ACCEPTED] * 3
    spare, unheard = (make_device(world.placed.version) for _ in range(2))
    late, new = (credentials.issue_credential(device=each, by=None) for each in (spare, unheard))
    those = Faithful(members)
    those.report_for(0.5)

    first, second = fleet.gates
    first.kill()
    those.report_for(4.5)  # longer than the broker remembers an answer
    second.kill()
    asks = gateway(port, spare, late)
    asks.knock()
    first.start()
    second.start()
    assert asks.told(30) in ("", ACCEPTED)
    asks.leave()
    those.report_for(0.5)
    eventually(fleet.is_ready, 60)

    fleet.database.kill()
    eventually(lambda: not fleet.is_ready())
    kept_out = gateway(port, unheard, new)  # of the other one a gate may know by now that it is to be let in
    kept_out.knock()
    those.report_for(5)
    assert kept_out.told() == ""
    fleet.database.start()
    eventually(fleet.is_ready, 60)
    assert gateway(port, unheard, new).connect() == ACCEPTED
    those.report_for(0.5)
    eventually(those.all_acknowledged)
    eventually(lambda: len({message.device_id for message in stored}) == 3)


def test_no_device_is_in_while_the_broker_would_drop_what_it_reports(world: World, fleet: Fleet, port: int) -> None:
    """As with another volume, a session that expired, another client id."""
    with consuming(fleet, []):
        device = gateway(port, world.placed, credentials.issue_credential(device=world.placed, by=None))
        assert device.connect() == ACCEPTED
    with asking(fleet) as connection:
        connection.channel().queue_delete(queue_name())
        before = len(connection.channels)
        assert not any(has_queue(connection) for _ in range(5))
        assert len(connection.channels) == before
    eventually(lambda: ready(fleet.gates[0].port) == "the consumer's queue is missing")
    until = time.monotonic() + 90  # seconds of a busy machine; 4 of the broker, and what it is idle

    def is_taken() -> bool:
        with suppress(AssertionError):  # no answer at all: the device keeps what it reports
            return device.publish(f"devices/{world.placed.device_id}/state", "1")
        return False

    while is_taken():
        assert time.monotonic() < until
        time.sleep(IDLE)
    eventually(lambda: device.connect() == "")  # the broker may remember for 4 s that it let the device in
    stored: list[Message] = []
    with consuming(fleet, stored):
        assert device.connect() == ACCEPTED
        assert device.publish(f"devices/{world.placed.device_id}/state", "2")
        eventually(lambda: b"2" in [message.payload for message in stored])


def test_nothing_that_was_acknowledged_is_lost_with_the_consumers_queue(
    world: World, fleet: Fleet, port: int, stored: list[Message]
) -> None:
    devices = (world.placed, world.foreign)
    members = [gateway(port, device, credentials.issue_credential(device=device, by=None)) for device in devices]
    assert [member.connect() for member in members] == [ACCEPTED] * 2
    busy = Busy(members)
    busy.report(20)
    with asking(fleet) as connection:
        connection.channel().queue_delete(queue_name())
        busy.report(100)
        eventually(lambda: has_queue(connection))
    eventually(fleet.is_ready, 60)
    busy.report(20)
    eventually(lambda: set(busy.acknowledged) <= {message.payload for message in stored})
    assert len(busy.acknowledged) > 100
    assert not [message for message in stored if message.repeated]


def test_what_waits_for_a_device_is_not_lost_by_that(world: World, fleet: Fleet, port: int) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    topic = f"devices/{world.placed.device_id}/command"
    with consuming(fleet, []):
        device = gateway(port, world.placed, issued, clean=False)
        assert device.connect() == ACCEPTED
        assert device.subscribe(topic) == "Granted QoS 1"
        device.vanish()
        site = Gateway(fleet.broker.port, "publisher", "site", "site-secret")
        assert site.connect() == ACCEPTED
        assert site.publish(topic, "restart")
        take_place(world.placed.device_id, url=fleet.site_url, within=5)
        take_place(world.placed.device_id, url=fleet.site_url, within=5)
        again = gateway(port, world.placed, issued, clean=False)
        assert again.connect() == ACCEPTED
        eventually(lambda: [payload for _, payload, _ in again.received] == [b"restart"])
