"""Whose connection has to end, and that it is ended until the broker has done it."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from devices.broker import closing
from devices.broker.closing import BELIEVED, Closer, find_endings
from devices.connections import limited
from devices.credentials import operations as credentials
from devices.credentials import standing
from devices.lifecycle import locks
from devices.models import Credential, CredentialUse
from devices.mqtt import client
from devices.ties import operations as ties
from tests import builders

if TYPE_CHECKING:
    from devices.models import Device
    from tests.conftest import World


def connected(device: Device) -> Credential:
    issued = credentials.issue_credential(device=device, by=None)
    credential = credentials.find_credential(access_key=issued.access_key, access_secret=issued.access_secret)
    assert credential is not None
    standing.note_use(credential)
    return credential


def ended() -> set[tuple[str, bool]]:
    now = timezone.now()
    return {(ending.device_id, ending.is_over) for ending in find_endings(now - timedelta(seconds=30), now)}


def test_of_who_ever_connected(world: World) -> None:
    credentials.issue_credential(device=world.waiting, by=None)
    credentials.revoke_all_credentials([world.waiting], by=world.owner)
    assert ended() == set()
    credentials.revoke_credential(credential=connected(world.placed), by=world.owner)
    assert ended() == {(world.placed.device_id, False)}


def test_whatever_ended_it(world: World) -> None:
    connected(world.placed)
    locks.lock_devices([world.placed], by=world.owner)
    past_its_end = connected(world.foreign)
    Credential.objects.filter(pk=past_its_end.pk).update(expires_at=Now() - timedelta(seconds=2))
    limited.record_limits({world.alien.device_id: (60.0, 1)})
    assert ended() == {(each.device_id, False) for each in (world.placed, world.foreign, world.alien)}


def test_what_stands_or_ended_long_ago_goes_on(world: World) -> None:
    connected(world.foreign)
    credential = connected(world.placed)
    credentials.revoke_credential(credential=credential, by=world.owner)
    Credential.objects.filter(pk=credential.pk).update(revoked_at=Now() - timedelta(minutes=1))
    assert ended() == set()


def test_a_device_that_finished_its_rotation(world: World) -> None:
    connected(world.placed)
    issued = credentials.rotate_credentials(device=world.placed, by=world.owner)
    assert ended() == set()
    new = credentials.find_credential(access_key=issued.access_key, access_secret=issued.access_secret)
    assert new is not None
    standing.note_use(new)
    assert ended() == {(world.placed.device_id, True)}


def connected_before(credential: Credential, *, seconds: float) -> None:
    CredentialUse.objects.filter(pk=credential.pk).update(last_at=Now() - timedelta(seconds=seconds))


def test_who_connected_with_what_stands_since_is_left_alone(world: World) -> None:
    """A device that finished its rotation, or did so before the former credential's end came."""
    former, ends = connected(world.placed), connected(world.foreign)
    for credential in (former, ends):
        connected_before(credential, seconds=12)
    issued = credentials.rotate_credentials(device=world.placed, by=world.owner)
    new = credentials.find_credential(access_key=issued.access_key, access_secret=issued.access_secret)
    assert new is not None
    standing.note_use(new)
    connected(world.foreign)
    Credential.objects.filter(pk=ends.pk).update(expires_at=Now() - timedelta(seconds=2))
    assert ended() == set()
    connected_before(former, seconds=1)  # by an answer of before, which takes the new one's place
    assert ended() == {(world.placed.device_id, True)}
    credentials.revoke_credential(credential=ends, by=world.owner)  # by hand: whoever it is
    assert ended() == {(world.placed.device_id, True), (world.foreign.device_id, False)}


class Broker:
    def __init__(self) -> None:
        self.thrown_off: list[str] = []
        self.unsubscribed: list[list[str]] = []
        self.error: OSError | None = None

    def take_place(self, client_id: str, *, unsubscribe: list[str], **_: object) -> None:
        self.thrown_off.append(client_id)
        self.unsubscribed.append(unsubscribe)
        if self.error:
            raise self.error


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    it = Broker()
    monkeypatch.setattr(client, "take_place", it.take_place)
    return it


@pytest.fixture
def closer(db: None) -> Closer:
    return Closer(timezone.now)


def look(closer: Closer) -> None:
    closer._look()
    closer._work()


def later(closer: Closer) -> None:
    closer._again = deque((at - BELIEVED, device) for at, device in closer._again)


def test_at_once_and_when_nobody_believes_it_any_more(world: World, broker: Broker, closer: Closer) -> None:
    credentials.revoke_credential(credential=connected(world.placed), by=world.owner)
    for _ in range(3):
        look(closer)
    assert broker.thrown_off == [world.placed.device_id]
    later(closer)
    for _ in range(3):
        look(closer)
    assert broker.thrown_off == [world.placed.device_id] * 2


def test_who_is_on_its_new_credential_is_ended_once(world: World, broker: Broker, closer: Closer) -> None:
    test_a_device_that_finished_its_rotation(world)
    look(closer)
    assert broker.thrown_off == []
    later(closer)
    look(closer)
    assert broker.thrown_off == [world.placed.device_id]


def test_what_ended_while_nobody_looked(world: World, broker: Broker, closer: Closer) -> None:
    """The site went on while the consumer's process was restarted, or the database was away from it."""
    credential = connected(world.placed)
    credentials.revoke_credential(credential=credential, by=world.owner)
    Credential.objects.filter(pk=credential.pk).update(revoked_at=Now() - timedelta(minutes=50))
    look(closer)
    assert broker.thrown_off == [world.placed.device_id]
    closer._looked_at = timezone.now() - timedelta(minutes=20)
    ends = connected(world.foreign)
    Credential.objects.filter(pk=ends.pk).update(expires_at=Now() - timedelta(minutes=10))
    look(closer)
    assert broker.thrown_off == [world.placed.device_id, world.foreign.device_id]


def test_what_ended_last_comes_first(
    world: World, broker: Broker, closer: Closer, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [connected(builders.make_device(world.version)) for _ in range(5)]
    for credential in several:
        credentials.revoke_credential(credential=credential, by=world.owner)
    closer._look()
    monkeypatch.setattr(closing, "EVERY", 0)
    closer._work()
    assert broker.thrown_off == []
    credentials.revoke_credential(credential=connected(world.placed), by=world.owner)
    closer._look()
    monkeypatch.undo()
    monkeypatch.setattr(client, "take_place", broker.take_place)
    closer._work()
    assert broker.thrown_off[0] == world.placed.device_id
    assert sorted(broker.thrown_off[1:]) == sorted(each.device.device_id for each in several)


def test_a_broker_that_is_away_is_asked_again(world: World, broker: Broker, closer: Closer) -> None:
    credentials.revoke_credential(credential=connected(world.placed), by=world.owner)
    broker.error = ConnectionRefusedError()
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            look(closer)
    broker.error = None
    look(closer)
    assert broker.thrown_off == [world.placed.device_id] * 3


def test_one_whom_the_broker_refuses_holds_up_nobody(
    world: World, broker: Broker, closer: Closer, caplog: pytest.LogCaptureFixture
) -> None:
    for device in (world.placed, world.foreign):
        credentials.revoke_credential(credential=connected(device), by=world.owner)
    broker.error = PermissionError("refused")
    look(closer)
    assert set(broker.thrown_off) == {world.placed.device_id, world.foreign.device_id}
    assert "a connection goes on that should end: refused" in caplog.text


def test_a_gateway_that_speaks_for_fewer_hears_no_more_of_them(world: World, broker: Broker, closer: Closer) -> None:
    """Once for all that ended together, and again when nobody believes it any more."""
    devices = [builders.make_device(world.version, group=world.anaheim, by=world.owner) for _ in range(3)]
    connected(world.placed)
    for device in devices:
        ties.tie(device=device, gateway=world.placed, by=world.owner)
    look(closer)
    assert broker.thrown_off == []
    for device in devices[:2]:
        ties.untie(device=device, gateway=world.placed, by=world.owner)
    look(closer)
    later(closer)
    for _ in range(2):
        look(closer)
    assert broker.thrown_off == [world.placed.device_id] * 2
    commands = {f"{root}/{device.device_id}/command" for device in devices[:2] for root in ("devices", "losant")}
    assert [set(each) for each in broker.unsubscribed] == [commands] * 2
    credentials.revoke_all_credentials([world.placed], by=world.owner)
    look(closer)
    assert broker.unsubscribed[-1] == []


def test_of_a_gateway_that_never_connected_nothing_is_to_be_ended(world: World) -> None:
    device = builders.make_device(world.version, group=world.anaheim, by=world.owner)
    ties.tie(device=device, gateway=world.placed, by=world.owner)
    ties.untie(device=device, gateway=world.placed, by=world.owner)
    assert ended() == set()
