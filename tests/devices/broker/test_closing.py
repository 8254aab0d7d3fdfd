"""Whose connection has to end, and that it is ended until the broker has done it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from devices.broker.closing import BELIEVED, Closer, Ending, endings
from devices.connections import limited
from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import Credential
from devices.mqtt import client

if TYPE_CHECKING:
    from devices.models import Device
    from tests.conftest import World


def connected(device: Device) -> Credential:
    issued = credentials.issue(device=device, by=None)
    credential = credentials.find(access_key=issued.access_key, access_secret=issued.access_secret)
    assert credential is not None
    credentials.used(credential)
    return credential


def ended() -> set[tuple[str, bool]]:
    return {(ending.device_id, ending.is_over) for ending in endings(timezone.now())}


def test_of_who_ever_connected(world: World) -> None:
    credentials.issue(device=world.waiting, by=None)
    credentials.revoke_all(device=world.waiting, by=world.owner)
    assert ended() == set()
    credentials.revoke(credential=connected(world.placed), by=world.owner)
    assert ended() == {(world.placed.device_id, False)}


def test_whatever_ended_it(world: World) -> None:
    connected(world.placed)
    locks.lock(device=world.placed, by=world.owner)
    past_its_end = connected(world.foreign)
    Credential.objects.filter(pk=past_its_end.pk).update(expires_at=Now() - timedelta(seconds=2))
    limited.note({world.alien.device_id: (60.0, 1)})
    assert ended() == {(each.device_id, False) for each in (world.placed, world.foreign, world.alien)}


def test_what_stands_or_ended_long_ago_goes_on(world: World) -> None:
    connected(world.foreign)
    credential = connected(world.placed)
    credentials.revoke(credential=credential, by=world.owner)
    Credential.objects.filter(pk=credential.pk).update(revoked_at=Now() - timedelta(minutes=1))
    assert ended() == set()


def test_a_device_that_finished_its_rotation(world: World) -> None:
    connected(world.placed)
    issued = credentials.rotate(device=world.placed, by=world.owner)
    assert ended() == set()
    new = credentials.find(access_key=issued.access_key, access_secret=issued.access_secret)
    assert new is not None
    credentials.used(new)
    assert ended() == {(world.placed.device_id, True)}


class Broker:
    def __init__(self) -> None:
        self.thrown_off: list[str] = []
        self.error: OSError | None = None

    def take_place(self, client_id: str, **_: object) -> None:
        self.thrown_off.append(client_id)
        if self.error:
            raise self.error


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    it = Broker()
    monkeypatch.setattr(client, "take_place", it.take_place)
    return it


def later(closer: Closer) -> None:
    closer._due = {device: at - BELIEVED for device, at in closer._due.items()}


def test_at_once_and_when_nobody_believes_it_any_more(world: World, broker: Broker) -> None:
    closer = Closer(timezone.now)
    credentials.revoke(credential=connected(world.placed), by=world.owner)
    for _ in range(3):
        closer._look()
    assert broker.thrown_off == [world.placed.device_id]
    later(closer)
    for _ in range(3):
        closer._look()
    assert broker.thrown_off == [world.placed.device_id] * 2


def test_who_is_on_its_new_credential_is_ended_once(world: World, broker: Broker) -> None:
    closer = Closer(timezone.now)
    closer._known = {Ending(world.placed.device_id, timezone.now(), False)}
    test_a_device_that_finished_its_rotation(world)
    closer._look()
    assert broker.thrown_off == []
    later(closer)
    closer._look()
    assert broker.thrown_off == [world.placed.device_id]


def test_a_broker_that_is_away_is_asked_again(world: World, broker: Broker) -> None:
    closer = Closer(timezone.now)
    credentials.revoke(credential=connected(world.placed), by=world.owner)
    broker.error = ConnectionRefusedError()
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            closer._look()
    broker.error = None
    closer._look()
    assert broker.thrown_off == [world.placed.device_id] * 3


def test_one_whom_the_broker_refuses_holds_up_nobody(
    world: World, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    closer = Closer(timezone.now)
    for device in (world.placed, world.foreign):
        credentials.revoke(credential=connected(device), by=world.owner)
    broker.error = PermissionError("refused")
    closer._look()
    assert set(broker.thrown_off) == {world.placed.device_id, world.foreign.device_id}
    assert "a connection goes on that should end: refused" in caplog.text
