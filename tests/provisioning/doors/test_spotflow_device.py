"""The vendor's unmodified SDK, from the shelf to a stored report, on the demo's parts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from config.ingest import ingest
from devices.credentials import operations as credentials
from devices.models import Credential, Device
from devices.mqtt import topics
from devices.mqtt.consumer import Consumer
from provisioning.doors.approval import decisions, registration_tokens
from provisioning.models import ProvisioningOperation, RegistrationToken
from telemetry.models import Latest
from tests import parts
from tests.mqtt import tls
from tests.mqtt.gateway import ACCEPTED, Gateway
from tests.mqtt.processes import eventually, python, running
from tests.provisioning.doors.makers import approve, make_approval_door

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from devices.mqtt.messages import Message
    from tests.conftest import World

pytest.importorskip(
    "spotflow_device",
    reason="the vendor builds it for few machines (requirements/vendors.in): Linux on x86-64 with glibc 2.34 is one",
)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.slow]
SECRET = "site-secret"
PROGRAM = """
import sys
from spotflow_device import DeviceClient

instance, token, device_id, db = sys.argv[1:]
client = DeviceClient.start(
    device_id=device_id, provisioning_token=token, db=db, instance=instance,
    display_provisioning_operation_callback=lambda operation: print("code", operation.verification_code, flush=True),
)
print("started", client.workspace_id, client.device_id, flush=True)
sender = client.create_stream_sender(stream_group="engine", stream="state")
for line in sys.stdin:
    sender.send_message(line.strip().encode())
    client.wait_enqueued_messages_sent()
    print("sent", flush=True)
"""


class Site(NamedTuple):
    address: str
    mqtt_port: int
    authority: Path
    folder: Path

    def start(self, token: str, own_id: str) -> subprocess.Popen[str]:
        """Start a program of a fleet that has the SDK."""
        arguments = f"{self.address}:8443", token, own_id, str(self.folder / f"{own_id}.db")
        env = {**os.environ, "SSL_CERT_FILE": str(self.authority)}
        command = [sys.executable, "-c", PROGRAM, *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    address = "127.8.83.1"  # of its own: the SDK's port for MQTT is fixed
    web, mqtt = parts.free_port(), parts.free_port()
    certificate = tls.make_certificate(tmp_path, address)
    env = {"MQTT_URL": f"mqtt://site:{SECRET}@127.0.0.1:{mqtt}", "MQTT_PUBLIC_URL": f"mqtts://{address}:8883"}
    uvicorn = ("-m", "uvicorn", "config.asgi:application", "--port", str(web), "--log-level", "critical")
    with ExitStack() as stack:
        stack.enter_context(running(python("manage.py", "broker", "--port", str(mqtt), port=mqtt, **env)))
        stack.enter_context(running(python(*uvicorn, port=web, ALLOWED_HOSTS=address, **env)))
        stack.enter_context(tls.front(certificate, address, {8443: web, 8883: mqtt}))
        yield Site(address, mqtt, certificate.authority, tmp_path)


def read_line(program: subprocess.Popen[str], wanted: str) -> list[str]:
    """The words of the line that begins so."""
    assert program.stdout is not None
    said = []
    for line in program.stdout:
        said.append(line)
        if line.split()[:1] == [wanted]:
            return line.split()
    raise AssertionError("".join(said))


def say(program: subprocess.Popen[str], message: str) -> None:
    assert program.stdin is not None
    program.stdin.write(message + "\n")
    program.stdin.flush()
    read_line(program, "sent")


def command(site: Site, device: Device) -> None:
    account = Gateway(site.mqtt_port, "sender", "site", SECRET)
    assert account.connect() == ACCEPTED
    assert account.publish(topics.build_topic(device.device_id, "command"), '{"name": "restart", "payload": null}')
    account.leave()


def store(messages: Sequence[Message]) -> None:
    try:
        ingest(messages)
    finally:
        connections.close_all()


@pytest.fixture
def consumer(site: Site) -> Iterator[None]:
    url = f"mqtt://site:{SECRET}@127.0.0.1:{site.mqtt_port}"
    consumer = Consumer(store, client_id=settings.MQTT_CLIENT_ID, url=url, clock=timezone.now)
    consumer.start()
    eventually(consumer.is_subscribed)
    yield
    consumer.stop()


@contextmanager
def started(site: Site, token: str, own_id: str) -> Iterator[subprocess.Popen[str]]:
    program = site.start(token, own_id)
    try:
        yield program
    finally:
        program.kill()
        program.wait()


def let_in(program: subprocess.Popen[str], world: World, own_id: str) -> str:
    """Approve what shows this code."""
    code = read_line(program, "code")[1]
    waiting = ProvisioningOperation.objects.get(identity=own_id, outcome="")
    assert str(waiting) == code
    approve(str(waiting.key), world.technician, group=world.anaheim)
    assert read_line(program, "started") == ["started", "kanarra", own_id]
    return code


def test_from_the_shelf_to_what_ends_its_token(world: World, site: Site, consumer: None) -> None:
    door, token = make_approval_door(world.version, settings={"token_days": 80 / 86_400})
    with started(site, token, "dev-0001") as program:
        let_in(program, world, "dev-0001")
        former = RegistrationToken.objects.get()
        # It looks once a minute whether half of the token's time has passed. What two others do meanwhile:
        turn_away(site, token, world)
        store_what_it_sends(site, world)
        its_own = RegistrationToken.objects.filter(operation=former.operation)
        eventually(lambda: its_own.standing().exclude(pk=former.pk).exists(), 75)
        former.refresh_from_db()
        assert former.ended_at is not None
        time.sleep(2)  # it has the answer, and writes it down
    with started(site, token, "dev-0001") as program:
        assert program.stdout is not None
        assert program.stdout.readline().split() == ["started", "kanarra", "dev-0001"]  # nobody was asked
        refreshed = its_own.get(used_at__gt=former.ended_at)
        assert former.successor_id == refreshed.pk
        device = Device.objects.get(own_id="dev-0001")
        assert registration_tokens.revoke(door=door, device=device, by=world.owner)
    with started(site, token, "dev-0001") as program:
        code = read_line(program, "code")[1]  # it asks to come in again
        assert code == str(ProvisioningOperation.objects.get(identity="dev-0001", outcome=""))
    assert not Credential.objects.filter(device=device, revoked_at=None).exists()


def turn_away(site: Site, token: str, world: World) -> None:
    """What somebody turned away ends, and does not ask again."""
    with started(site, token, "dev-0002") as program:
        read_line(program, "code")
        waiting = ProvisioningOperation.objects.get(identity="dev-0002")
        decisions.cancel_operation(operation=waiting, by=world.technician)
        said, _ = program.communicate(timeout=20)
        assert program.returncode != 0
        assert "cancel" in said.lower(), said
        assert ProvisioningOperation.objects.get(identity="dev-0002") == waiting
        assert not Device.objects.filter(own_id="dev-0002").exists()


def store_what_it_sends(site: Site, world: World) -> None:
    """Its start returns, what it sends is stored, and when its credential is taken away it asks to come in again."""
    _, token = make_approval_door(world.version, name="Shelf")
    with started(site, token, "dev-0003") as program:
        code = let_in(program, world, "dev-0003")
        device = Device.objects.get(own_id="dev-0003")
        say(program, '{"rpm": 1800.5, "engineState": "running", "nobody declared": 1}')
        eventually(lambda: read_rpm(device) == 1800.5)
        assert set(Latest.objects.get(device=device).data) == {"rpm", "engineState"}
        assert Credential.objects.filter(device=device).count() == 1
        command(site, device)
        say(program, '{"rpm": 7}')  # a command does it no harm
        eventually(lambda: read_rpm(device) == 7)
        credentials.revoke_all_credentials([device], by=world.owner)
    with started(site, token, "dev-0003") as program:
        assert let_in(program, world, "dev-0003") != code
        say(program, '{"rpm": 8}')
        eventually(lambda: read_rpm(device) == 8)
        assert Credential.objects.filter(device=device, revoked_at=None).count() == 1


def read_rpm(device: Device) -> float | None:
    return next((latest.data["rpm"][0] for latest in Latest.objects.filter(device=device)), None)
