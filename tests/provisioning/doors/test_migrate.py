"""docs/migrate: the commands of its pages, as printed, against a site with the doors that the pages ask for."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devices.models import Device, Tie
from provisioning.models import ProvisioningOperation
from tenants.models import Role
from tenants.tokens import operations as tokens
from tests import builders
from tests.provisioning.doors.makers import make_approval_door, make_jwt_door, sign
from tests.provisioning.doors.test_activate import make_door as make_activate_door
from tests.provisioning.doors.test_profile import SERIAL, make_profile_door
from tests.test_tracked import ROOT

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ROOT / "docs/migrate"
COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def follow(page: str, site: LiveServer, **env: str) -> str:
    """What the page's commands print, one after the other, in one shell."""
    commands = "\n".join(COMMANDS.findall((PAGES / page).read_text()))
    assert commands
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env={"PATH": os.environ["PATH"], "SITE": site.url, "ORGANISATION": "kanarra", **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_losant(world: World, live_server: LiveServer) -> None:
    make_jwt_door(world.version)
    peripheral = builders.make_device(world.version, group=world.anaheim, by=world.owner)
    token = tokens.create(by=world.owner, name="Ties", group=world.kanarra.root, role=Role.ADMIN).secret
    named = {"GATEWAY": world.placed.serial, "PERIPHERAL": peripheral.serial, "TOKEN": token}
    told, _ = json.JSONDecoder().raw_decode(follow("losant.md", live_server, JWT=sign(), SERIAL=SERIAL, **named))
    assert told["deviceId"] == Device.objects.get(serial=SERIAL).device_id
    assert Tie.objects.standing().get().device == peripheral


def test_spotflow(world: World, live_server: LiveServer) -> None:
    _, token = make_approval_door(world.version)
    told = json.loads(follow("spotflow.md", live_server, PROVISIONING_TOKEN=token))
    assert told["verificationCode"] == str(ProvisioningOperation.objects.get(identity="dev-0001"))


def test_murano(world: World, live_server: LiveServer) -> None:
    make_activate_door(world.version)
    assert re.fullmatch(r"\d{10}rpm=1800.5", follow("murano.md", live_server, SERIAL=world.waiting.serial))


def test_ztp(world: World, live_server: LiveServer) -> None:
    _, token = make_profile_door(world.version)
    told = json.loads(follow("ztp.md", live_server, PROFILE_TOKEN=token, SERIAL=SERIAL))
    assert told["clientId"] == Device.objects.get(serial=SERIAL).device_id


def test_every_page_is_listed_and_what_has_commands_is_followed_here() -> None:
    pages = {path.name for path in PAGES.glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\((\w+\.md)\)", (PAGES / "README.md").read_text())) == pages
    followed = set(re.findall(r'follow\("(\w+\.md)"', Path(__file__).read_text()))
    assert {name for name in pages if COMMANDS.search((PAGES / name).read_text())} == followed
