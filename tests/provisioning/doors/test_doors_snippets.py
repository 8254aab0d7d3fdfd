"""The programs of docs/doors run as they are, against the site and a broker: they come in, keep what they got, report,
and never ask again while that works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from django.conf import settings

from devices.credentials import operations as credentials
from devices.models import Credential, Device
from provisioning.doors.approval import decisions
from provisioning.models import ProvisioningOperation
from telemetry.models import Latest
from tests import parts
from tests.mqtt.gateway import ACCEPTED, Gateway
from tests.mqtt.processes import eventually, python, running
from tests.provisioning.doors.makers import approve, make_approval_door, make_jwt_door, sign
from tests.provisioning.doors.test_activate import make_door as make_activate_door
from tests.provisioning.doors.test_profile import SERIAL, make_profile_door

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.slow]
FOLDER = Path(settings.BASE_DIR) / "docs/doors"
REPORTED = {"rpm": 1800, "load": 120.5}
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1")
LANGUAGES = ("py", "c")


class System(NamedTuple):
    site: str
    broker: str
    account: Gateway
    """The site's own, which hears every report."""


@pytest.fixture(scope="module")
def system(django_db_setup: None) -> Iterator[System]:
    web, mqtt = parts.free_port(), parts.free_port()
    address = f"127.0.0.1:{mqtt}"
    env = {"MQTT_URL": f"mqtt://site:secret@{address}", "MQTT_PUBLIC_URL": f"mqtt://{address}"}
    command = ("-m", "uvicorn", "config.asgi:application", "--port", str(web), "--log-level", "critical")
    with ExitStack() as stack:
        stack.enter_context(running(python("manage.py", "broker", "--port", str(mqtt), port=mqtt, **env)))
        kept = ("--http", "config.connections:Connection")
        stack.enter_context(running(python(*command, *kept, port=web, **env)))
        account = Gateway(mqtt, "handover-consumer", "site", "secret")
        assert account.connect() == ACCEPTED
        stack.callback(account.leave)
        assert account.subscribe("devices/+/state") == "Granted QoS 1"
        yield System(f"http://127.0.0.1:{web}", f"mqtt://{address}", account)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """Return what runs a program, which is compiled once."""
    folder = tmp_path_factory.mktemp("compiled")

    def get(file: str) -> list[str]:
        source, program = FOLDER / file, folder / Path(file).stem
        if source.suffix == ".py":
            return [sys.executable, "-B", str(source)]
        if not program.exists():
            subprocess.run([parts.needs("cc"), *STRICT, str(source), "-o", str(program)], check=True)
        return [str(program)]

    return get


class Maker:
    """Run programs of one door, each with a file of its own."""

    def __init__(self, system: System, compiled: Callable[[str], list[str]], folder: Path) -> None:
        self.system, self.compiled, self.folder = system, compiled, folder

    def start(self, file: str, serial: str = "", token: str = "", **more: str) -> subprocess.Popen[str]:
        env = {"PATH": os.environ["PATH"], "SITE": self.system.site, "KEPT": str(self.kept(file, serial))}
        env |= {"SERIAL": serial, "TOKEN": token, "BROKER": self.system.broker, **more}
        pipe = subprocess.PIPE
        return subprocess.Popen(self.compiled(file), env=env, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def run(self, file: str, serial: str = "", token: str = "", **more: str) -> tuple[int, str]:
        with self.start(file, serial, token, **more) as process:
            try:
                said = process.communicate(timeout=30)[0]
            finally:
                process.kill()
        return process.returncode, said

    def kept(self, file: str, serial: str = "") -> Path:
        return self.folder / f"{file}-{serial}.json"

    def take_report(self, device: Device) -> None:
        """Assert that one report of it arrived since the last one was taken."""
        topic = f"devices/{device.device_id}/state"
        eventually(lambda: topic in [each[0] for each in self.system.account.received])
        own = [each for each in self.system.account.received if each[0] == topic]
        self.system.account.received[:] = [each for each in self.system.account.received if each[0] != topic]
        assert [(json.loads(payload)["data"], retained) for _, payload, retained in own] == [(REPORTED, False)]

    def run_twice(self, file: str, serial: str = "", token: str = "", **more: str) -> Device:
        """Assert that it comes in, keeps that for itself, reports, and the second time only reports."""
        reported = (0, "reported\n")
        assert self.run(file, serial, token, **more) == reported
        device = Device.objects.get(serial=serial)
        self.take_report(device)
        self.requires_kept(file, serial, device)
        # The second time it could not ask: there is no site, and it has no token any more.
        assert self.run(file, serial, SITE=f"http://127.0.0.1:{parts.free_port()}") == reported
        self.take_report(device)
        return device

    def requires_kept(self, file: str, serial: str, device: Device) -> None:
        kept = self.kept(file, serial)
        assert kept.stat().st_mode & 0o777 == 0o600
        assert json.loads(kept.read_text())["deviceId"] == device.device_id
        assert [each.name for each in self.folder.iterdir() if each.name.endswith(".new")] == []


@pytest.fixture
def maker(world: World, system: System, compiled: Callable[[str], list[str]], tmp_path: Path) -> Maker:
    system.account.received.clear()
    return Maker(system, compiled, tmp_path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_signed_token(world: World, maker: Maker, language: str) -> None:
    make_jwt_door(world.version)
    file = f"signed_token.{language}"
    maker.run_twice(file, SERIAL, sign())
    code, said = maker.run(file, "AABBCCDDEEFF", sign(key="another secret of thirty-two bytes or more"))
    assert code == 1
    assert "refused: 403" in said
    assert "Invalid registration token" in said
    assert not maker.kept(file, "AABBCCDDEEFF").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_shared_token_of_a_profile(world: World, maker: Maker, language: str) -> None:
    _, token = make_profile_door(world.version)
    file = f"shared_profile_token.{language}"
    # The answer tells where the broker is.
    maker.run_twice(file, SERIAL, token, BROKER="")
    code, said = maker.run(file, "AABBCCDDEEFF", "no-uuid")
    assert (code, "refused: 403 No plan for device" in said) == (1, True)
    assert not maker.kept(file, "AABBCCDDEEFF").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_whitelist_and_activate(world: World, maker: Maker, language: str) -> None:
    make_activate_door(world.version)
    file, device = f"activate.{language}", world.waiting
    for _ in range(2):  # a second activation would be refused
        assert maker.run(file, device.serial, ORGANISATION="kanarra") == (0, "reported\n")
        latest = Latest.objects.get(device=device)
        assert {name: latest.data[name][0] for name in REPORTED} == REPORTED
        latest.delete()
    assert Credential.objects.filter(device=device).count() == 1
    kept = maker.kept(file, device.serial)
    assert (kept.stat().st_mode & 0o777, len(json.loads(kept.read_text())["token"])) == (0o600, 40)
    code, said = maker.run(file, SERIAL, ORGANISATION="kanarra")
    assert (code, "refused: 404" in said, maker.kept(file, SERIAL).exists()) == (1, True, False)
    credentials.revoke_all_credentials([device], by=world.owner)
    code, said = maker.run(file, device.serial, ORGANISATION="kanarra")
    assert (code, "refused: 401" in said) == (1, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_owner_token(world: World, maker: Maker, language: str) -> None:
    file, device = f"owner_token.{language}", world.placed
    issued = credentials.issue_credential(device=device, by=None)
    given = {"DEVICE_ID": device.device_id, "ACCESS_KEY": issued.access_key, "ACCESS_SECRET": issued.access_secret}
    maker.run_twice(file, device.serial, **given)
    code, said = maker.run(file, "none")
    assert (code, "DEVICE_ID is missing" in said) == (1, True)
    # A broker that refuses is asked again a little later, for ever.
    credentials.revoke_all_credentials([device], by=world.owner)
    with maker.start(file, device.serial) as process:
        assert process.stdout is not None
        assert "refused" in process.stdout.readline()
        assert "tries again in 2 s" in process.stdout.readline()
        process.kill()


# By approval: all at once, since each waits five seconds ------------------------------------------------


def read_code(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("code "), line + process.stdout.read()
    return line.split()[1]


def test_approval_and_device_grant(world: World, maker: Maker) -> None:
    _, token = make_approval_door(world.version)
    files = [f"{door}.{language}" for door in ("approval", "device_grant") for language in LANGUAGES]
    welcome = {file: maker.start(file, f"in-{number}00", token) for number, file in enumerate(files)}
    unwelcome = {file: maker.start(file, f"out-{number}00", token) for number, file in enumerate(files)}
    try:
        for processes, let_in in ((welcome, True), (unwelcome, False)):
            for process in processes.values():
                code = read_code(process)
                [waiting] = [each for each in ProvisioningOperation.objects.filter(outcome="") if str(each) == code]
                if let_in:
                    approve(str(waiting.key), world.technician, group=world.anaheim)
                else:
                    decisions.cancel_operation(operation=waiting, by=world.technician)
        ends = {process: process.communicate(timeout=40)[0] for process in (*welcome.values(), *unwelcome.values())}
    finally:
        for process in (*welcome.values(), *unwelcome.values()):
            process.kill()
            process.wait()
    for number, file in enumerate(files):
        assert (welcome[file].returncode, ends[welcome[file]].splitlines()[-1]) == (0, "reported"), ends[welcome[file]]
        assert (unwelcome[file].returncode, "refused: 4" in ends[unwelcome[file]]) == (1, True)
        assert not maker.kept(file, f"out-{number}00").exists()
        device = Device.objects.get(own_id=f"in-{number}00")
        maker.take_report(device)
        maker.requires_kept(file, device.own_id, device)
        assert maker.run(file, device.own_id, SITE="http://127.0.0.1:1") == (0, "reported\n")
        maker.take_report(device)
        status, said = maker.run(file, f"other-{number}", "no such token")
        assert (status, "refused: 401" in said) == (1, True)
