"""A gateway that speaks for a device, on RabbitMQ: what it may, and that it hears nothing once that is over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from devices.credentials import operations as credentials
from devices.lifecycle import assignments
from devices.models import CredentialUse
from devices.ties import operations as ties
from tests.builders import make_device
from tests.faults.rabbitmq import closing_for
from tests.mqtt.gateway import ACCEPTED, Gateway, gateway
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from devices.mqtt.messages import Message
    from tests.conftest import World
    from tests.mqtt.fleet import Fleet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]


def test_for_as_long_as_it_is_tied(
    world: World,
    fleet: Fleet,
    port: int,
    stored: list[Message],
) -> None:
    """Its session stays, without what it heard for the device; the device may be another tenant's by then."""
    device = make_device(world.version, group=world.anaheim, by=world.owner)
    ties.tie(device=device, gateway=world.placed, by=world.owner)
    issued = credentials.issue_credential(device=world.placed, by=None)
    command, state = f"devices/{device.device_id}/command", f"devices/{device.device_id}/state"
    own = f"devices/{world.placed.device_id}/command"
    speaker = gateway(port, world.placed, issued, clean=False)
    assert speaker.connect() == ACCEPTED
    assert speaker.publish(state, "1")
    assert speaker.publish(f"losant/{device.device_id}/state", "2")
    told = [(device.device_id, payload) for payload in (b"1", b"2")]
    eventually(lambda: [(each.device_id, each.payload) for each in stored] == told)
    for topic in (command, own):
        assert speaker.subscribe(topic) == "Granted QoS 1"
    site = Gateway(fleet.broker.port, "publisher", "site", "site-secret")
    assert site.connect() == ACCEPTED
    assert site.publish(command, "restart")
    eventually(lambda: speaker.received)

    eventually(CredentialUse.objects.filter(credential__device=world.placed).exists)
    with closing_for(fleet):
        assignments.assign(device=device, group=world.boise, name=None, model=None, by=world.owner)
        assert speaker.lost.wait(5)
        time.sleep(7)  # nobody believes an answer of before any more
        assert site.publish(command, "for the next one")
        assert site.publish(own, "its own")
        again = gateway(port, world.placed, issued, clean=False)
        assert again.connect() == ACCEPTED
        eventually(lambda: again.received)
        assert [(topic, payload) for topic, payload, _ in again.received] == [(own, b"its own")]
        assert not again.publish(state, "3")
    for each in (speaker, again, site):
        each.leave()
