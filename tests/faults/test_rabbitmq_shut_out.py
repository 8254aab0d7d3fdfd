"""Who may not connect any more is out at a production broker, too, and who sends too much for a time."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now

from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import Credential, CredentialUse, Event
from tests.faults.rabbitmq import closing_for
from tests.mqtt.gateway import ACCEPTED, Gateway, gateway
from tests.mqtt.processes import eventually
from tests.mqtt.reporters import Restless, heard

if TYPE_CHECKING:
    from django.test import Client as Browser
    from pytest_django import Settings

    from devices.mqtt.messages import Message
    from tests.conftest import World
    from tests.mqtt.fleet import Fleet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]


def rotate(world: World, port: int) -> Gateway:
    """A device that has connected with its new credential, for the first time since twelve seconds ago."""
    former = credentials.issue_credential(device=world.waiting, by=None)
    assert gateway(port, world.waiting, former).connect() == ACCEPTED
    eventually(CredentialUse.objects.filter(credential__access_key=former.access_key).exists)
    CredentialUse.objects.filter(credential__access_key=former.access_key).update(last_at=Now() - timedelta(seconds=12))
    new = credentials.rotate_credentials(device=world.waiting, by=world.owner)
    rotated = gateway(port, world.waiting, new)
    assert rotated.connect() == ACCEPTED
    eventually(Credential.objects.exclude(revoked_at=None).filter(access_key=former.access_key).exists)
    return rotated


def test_who_does_not_pause_is_out_as_soon(world: World, fleet: Fleet, port: int, stored: list[Message]) -> None:
    revoked, locked = (credentials.issue_credential(device=of, by=None) for of in (world.placed, world.foreign))
    restless = [Restless(port, world.placed, revoked), Restless(port, world.foreign, locked)]
    assert [each.device.connect() for each in restless] == [ACCEPTED] * 2
    assert restless[1].device.subscribe(f"devices/{world.foreign.device_id}/command") == "Granted QoS 1"
    rotated = rotate(world, port)
    with closing_for(fleet):
        for _ in range(30):  # longer than the broker needs to take it for busy
            assert heard(restless, "before") == [True, True]
        credentials.revoke_credential(credential=Credential.objects.get(access_key=revoked.access_key), by=world.owner)
        locks.lock_devices([world.foreign], by=world.owner)
        began = time.monotonic()
        while any(heard(restless, "after")):
            assert time.monotonic() < began + 10
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert heard(restless, "never") == [False, False]
    assert not rotated.lost.is_set()  # its connection is of the new credential
    assert b"never" not in [message.payload for message in stored]


def test_a_device_that_sends_too_much_is_shut_out_for_a_time(
    world: World, fleet: Fleet, port: int, stored: list[Message], settings: Settings, client: Browser
) -> None:
    settings.MQTT_LIMITS, settings.MQTT_BACKLOG, settings.MQTT_BAN_SECONDS = True, 50, 16.0
    issued, others = (credentials.issue_credential(device=of, by=None) for of in (world.placed, world.foreign))
    noisy, quiet = gateway(port, world.placed, issued), gateway(port, world.foreign, others)
    own, other = (f"devices/{each.client_id}/state" for each in (noisy, quiet))
    assert [each.connect() for each in (noisy, quiet)] == [ACCEPTED] * 2
    for _ in range(500):
        noisy.client.publish(own, "1", 0)
    events = Event.objects.filter(kind=Event.Kind.LIMITED)
    eventually(events.exists)
    began = time.monotonic()
    assert [(event.device, event.data) for event in events] == [(world.placed, {"seconds": 16.0})]
    client.force_login(world.admin)
    eventually(lambda: "were dropped" in client.get(world.placed.get_absolute_url()).content.decode())

    time.sleep(5)  # the time that the broker and the gate may believe the last answer, of a device that pauses
    assert not noisy.publish(own, "2")
    noisy.connect()
    assert not noisy.publish(own, "3")
    assert quiet.publish(other, "4")

    def is_let_in_again() -> bool:
        again = gateway(port, world.placed, issued)  # one that sends nothing again of what was not taken
        return again.connect() == ACCEPTED and again.publish(own, "5")

    eventually(is_let_in_again, 30)
    assert time.monotonic() > began + 15
    eventually(lambda: {b"4", b"5"} <= {message.payload for message in stored})
    assert [message.payload for message in stored].count(b"1") == 80
    assert "were dropped" not in client.get(world.placed.get_absolute_url()).content.decode()
