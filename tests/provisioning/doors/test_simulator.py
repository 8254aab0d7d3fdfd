"""The simulated gateway at the real doors: it comes in by each, and understands each refusal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from devices.broker import authorization
from devices.models import Device
from firmware_sim import cli
from firmware_sim.doors import Answer
from firmware_sim.entering import Refused
from provisioning.models import Door
from tests.provisioning.doors.makers import make_jwt_door, sign
from tests.provisioning.doors.test_activate import make_door as make_activate_door
from tests.provisioning.doors.test_profile import SERIAL, make_profile_door

if TYPE_CHECKING:
    from firmware_sim.doors import Asked
    from firmware_sim.entering import Entry
    from firmware_sim.identity import Identity
    from tests.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What it sends goes to the site in this process."""

    def post(entry: Entry, asked: Asked) -> Answer:
        path = urlsplit(entry.site).path + asked.path
        answer = Client().generic("POST", path, asked.body, content_type=asked.content_type)
        return Answer(answer.status_code, answer.reason_phrase, answer.content.decode())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("firmware_sim.entering._post", post)


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
