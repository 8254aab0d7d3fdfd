"""The simulated gateway at the real doors: it comes in by each, and understands each refusal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.db.models.functions import Now
from django.test import Client

from devices.broker import authorization
from devices.credentials import operations as credentials
from devices.credentials import presence_secrets
from devices.identity import label_facts, makers_labels, serials
from devices.models import Device
from firmware_sim import cli
from firmware_sim.doors import Answer
from firmware_sim.entering import Refused
from firmware_sim.identity import BadInput
from provisioning.doors.approval import decisions
from provisioning.models import Door, ProvisioningOperation
from tests.provisioning.doors.makers import (
    approve,
    make_approval_door,
    make_jwt_door,
    make_provisioning_token,
    sign,
)
from tests.provisioning.doors.test_activate import make_door as make_activate_door
from tests.provisioning.doors.test_profile import SERIAL, make_profile_door

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware_sim.doors import Asked
    from firmware_sim.entering import Entry
    from firmware_sim.identity import Identity
    from tests.conftest import World

pytestmark = pytest.mark.django_db
OWN_ID = "DEV0001"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What it sends goes to the site in this process."""

    def send(entry: Entry, asked: Asked) -> Answer:
        path, said = urlsplit(entry.site).path + asked.path, f"{asked.scheme} {asked.token}".strip()
        headers = {"Authorization": said} if said else {}
        answer = Client().generic(asked.method, path, asked.body, content_type=asked.content_type, headers=headers)
        return Answer(answer.status_code, answer.reason_phrase, answer.content.decode())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("firmware_sim.entering._send", send)


def enter(door: str, *arguments: Any, **env: str) -> Identity:
    options = cli.build_parser(env).parse_args(["--door", door, *map(str, arguments)])
    [identity] = cli.build_plan(options, env).identities
    return identity


def refuse(door: str, *arguments: Any, **env: str) -> str:
    with pytest.raises(Refused) as refused:
        enter(door, *arguments, **env)
    return str(refused.value)


def is_let_in(identity: Identity) -> bool:
    """Whether the broker takes what the gateway kept."""
    caller = authorization.connect(identity.access_key, identity.access_secret, identity.device_id)
    return caller is not None and caller.device == Device.objects.get(serial=identity.serial)


def forget() -> None:
    for file in Path("var/firmware").iterdir():
        file.unlink()


def test_by_a_signed_token(world: World) -> None:
    make_jwt_door(world.version)
    assert is_let_in(enter("jwt", SERIAL=SERIAL, TOKEN=sign()))
    assert is_let_in(enter("jwt", SERIAL=SERIAL))  # by what it kept
    forget()
    assert "has a credential already" in refuse("jwt", SERIAL=SERIAL, TOKEN=sign())
    assert "under Refused" in refuse("jwt", SERIAL=SERIAL, TOKEN=sign(key="another secret of thirty-two bytes or more"))


def test_by_the_shared_token_of_a_profile(world: World) -> None:
    door, token = make_profile_door(world.version)
    assert is_let_in(enter("ztp", SERIAL=SERIAL, TOKEN=token))
    forget()
    assert "in 30 s" in refuse("ztp", SERIAL=SERIAL, TOKEN=token)
    assert "Check --token" in refuse("ztp", SERIAL=SERIAL, TOKEN="no-uuid")
    Door.objects.filter(pk=door.pk).update(pattern="X*")
    assert "takes other serials" in refuse("ztp", SERIAL=SERIAL, TOKEN=token)


def test_by_activation(world: World) -> None:
    door, waiting = make_activate_door(world.version), world.waiting
    env = {"SERIAL": waiting.serial, "DEVICE_ID": waiting.device_id}
    assert "Check --organisation" in refuse("activate", **env)
    assert "adds the device first" in refuse("activate", **env | {"SERIAL": SERIAL, "ORGANISATION": "kanarra"})
    env["ORGANISATION"] = "kanarra"
    assert is_let_in(enter("activate", **env))
    forget()
    assert "can't be activated now" in refuse("activate", **env)
    Door.objects.filter(pk=door.pk).update(settings=door.settings | {"authentication": "password"})
    assert "choose a password" in refuse("activate", **env)


# By somebody who approves it ----------------------------------------------------------------------


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What happens while it waits to ask again, one after the other; then nobody waits any more."""
    happens: list[Callable[[], None]] = []

    def sleep(_: float) -> None:
        ProvisioningOperation.objects.update(asked_at=None)  # five seconds ago
        assert happens, "it waits, and nothing happens any more"
        happens.pop(0)()

    monkeypatch.setattr("firmware_sim.entering.sleep", sleep)
    return happens


def get_waiting() -> ProvisioningOperation:
    return ProvisioningOperation.objects.get(identity=OWN_ID, outcome="")


def let_in(world: World) -> None:
    approve(str(get_waiting().key), world.technician, group=world.anaheim)


def turn_away(world: World) -> None:
    decisions.cancel_operation(operation=get_waiting(), by=world.technician)


@pytest.mark.parametrize("door", ["approve", "oauth"])
def test_by_approval(
    world: World, waits: list[Callable[[], None]], capsys: pytest.CaptureFixture[str], door: str
) -> None:
    _, token = make_approval_door(world.version)
    waits += [lambda: None, lambda: let_in(world)]
    identity = enter(door, SERIAL=OWN_ID, TOKEN=token)
    device = Device.objects.get(own_id=OWN_ID)
    assert (identity.device_id, device.group) == (device.device_id, world.anaheim)
    assert authorization.connect(identity.access_key, identity.access_secret, identity.device_id) is not None
    said = capsys.readouterr().out
    assert f"shows the code {ProvisioningOperation.objects.get()}" in said
    assert said.count("/devices/register") == 1
    assert said.count("provisioning-operations/complete") + said.count("/oauth/token") == 1  # not each time it asks
    assert token not in said
    assert identity.access_secret not in said
    assert enter(door, SERIAL=OWN_ID) == identity  # by what it kept


@pytest.mark.parametrize("door", ["approve", "oauth"])
def test_by_approval_refused(world: World, waits: list[Callable[[], None]], door: str) -> None:
    made, token = make_approval_door(world.version)
    assert "Check --token" in refuse(door, SERIAL=OWN_ID, TOKEN="no such token")
    waits += [lambda: turn_away(world)]
    assert "turned it away" in refuse(door, SERIAL=OWN_ID, TOKEN=token)
    waits += [lambda: (ProvisioningOperation.objects.update(expires_at=Now()), None)[1]]
    assert "in its time" in refuse(door, SERIAL=OWN_ID, TOKEN=token)
    other = make_provisioning_token(made, "dev-0009")
    assert "another device's" in refuse(door, SERIAL=OWN_ID, TOKEN=other)
    Door.objects.update(expires_at=Now())
    assert "door's page" in refuse(door, SERIAL=OWN_ID, TOKEN=token)


# By its label ------------------------------------------------------------------------------------


def test_by_an_owner_token(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    device = world.waiting
    issued = credentials.issue_credential(device=device, by=None)
    made = presence_secrets.make_presence_secret(device=device, method="claim-code", by=world.owner)
    env = {"SERIAL": device.serial, "DEVICE_ID": device.device_id, "TOKEN": made.secret}
    env |= {"ACCESS_KEY": issued.access_key, "ACCESS_SECRET": issued.access_secret}
    options = cli.build_parser(env).parse_args(["--door", "owner-token"])
    plan = cli.build_plan(options, env)
    assert is_let_in(plan.identities[0])
    assert makers_labels.read_tr005(plan.label) is not None  # whose checksum is right
    assert f":S{serials.fold(device.serial)}:" in plan.label
    assert label_facts.read_facts(plan.label).owner_token == made.secret
    assert cli.build_plan(options, {"SERIAL": device.serial}).label == plan.label  # by what it kept
    said = capsys.readouterr().out
    assert made.secret not in said
    assert issued.access_secret not in said


@pytest.mark.parametrize("token", ["short", "with:colon", "no space in it"])
def test_by_an_owner_token_that_is_none(token: str) -> None:
    given = {"DEVICE_ID": "a" * 24, "ACCESS_KEY": "key", "ACCESS_SECRET": "secret"}
    with pytest.raises(BadInput, match="Bad --token"):
        enter("owner-token", SERIAL=SERIAL, TOKEN=token, **given)
    with pytest.raises(BadInput, match="Missing --access-key, --access-secret"):
        enter("owner-token", SERIAL=SERIAL, TOKEN="AABBCCDDEEFF", DEVICE_ID="a" * 24)
