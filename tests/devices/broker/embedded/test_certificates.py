"""Devices that connect by a TLS client certificate and no password, through the demo's TLS end: a certificate counts
with its key, in its time, and as long as nobody revoked it."""

from __future__ import annotations

import socket
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from config.certificates import AUTHORITY, renew_certificate
from devices.broker.interpreter.proxied import SIGNATURE
from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import Credential, RefusedAttempt
from devices.mqtt.packets import Connect
from lib.trusted_proxies import UNIX
from provisioning.models import DoorRefusal
from tests import builders, certificates
from tests.devices.broker.embedded.conftest import SECRET
from tests.devices.broker.embedded.topics import commands, states
from tests.mqtt.gateway import ACCEPTED, REFUSED, Gateway
from tests.mqtt.processes import eventually, python, running
from tests.parts import free_port
from tests.provisioning.doors.test_activate import make_door

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devices.models import Device
    from provisioning.models import Door
    from tests.certificates import Made
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
DAY = timedelta(days=1)
SITE = {"MQTT_ORGANISATION": "kanarra", "TRUSTED_PROXIES": UNIX, "DEVICE_DOMAINS": "devices.example"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def port(django_db_setup: None, folder: Path) -> Iterator[int]:
    port = free_port()
    env = SITE | {"MQTT_URL": f"mqtt://site:{SECRET}@127.0.0.1:{port}"}
    broker = python(
        "manage.py", "broker", "--port", str(port), "--tls-socket", str(folder / "b.socket"), port=port, **env
    )
    with running(broker):
        yield port


@pytest.fixture(scope="module")
def tls(port: int, folder: Path) -> Iterator[int]:
    at, file = free_port(), renew_certificate(folder, ["localhost", "127.0.0.1", "*.devices.example"])
    command = ["-m", "config.demo.tls_front", "--certificate", str(file), "--mqtts", f"127.0.0.1:{at}"]
    with running(python(*command, "--broker", str(folder / "b.socket"), port=at)):
        eventually((folder / "b.socket").exists)
        yield at


@pytest.fixture
def door(world: World) -> Door:
    settings = {"authentication": "certificate", "authorities": ""}
    return make_door(builders.make_recipe(world.kanarra, "Meter"), settings=settings)


@pytest.fixture
def device(door: Door) -> Device:
    return builders.make_device(door.recipe.current)


@pytest.fixture
def come(tls: int, folder: Path) -> Iterator[Any]:
    """Makes a client that has this certificate, or a file of one."""
    made: list[Gateway] = []

    def begin(by: Made | Path, client_id: str = "", username: str | None = None, **options: Any) -> Gateway:
        client = Gateway(tls, client_id, "", "")
        client.client = Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False, **options)
        client.client.on_connect = client._connected
        client.client.on_disconnect = lambda *_: client.lost.set()
        client.client.on_message = lambda _, __, message: client.received.append(
            (message.topic, bytes(message.payload), message.retain)
        )
        client.client.on_subscribe = lambda _, __, ___, codes, *____: client.granted.extend(map(str, codes))
        if username is not None:
            client.client.username_pw_set(username)
        file = by if not isinstance(by, certificates.Made) else by.write(folder)
        context = ssl.create_default_context(cafile=folder / AUTHORITY)
        context.load_cert_chain(file)
        client.client.tls_set_context(context)
        made.append(client)
        return client

    yield begin
    for client in made:
        client.leave()


def count_reasons(device: Device) -> set[str]:
    return set(RefusedAttempt.objects.filter(device=device).values_list("reason", flat=True))


@pytest.mark.parametrize("options", [{}, {"protocol": MQTTv5}])
@pytest.mark.parametrize("username", [None, "", "its serial", "its device ID"])
def test_the_first_connect_activates_and_the_certificate_is_all_it_needs(
    device: Device, come: Any, site: Gateway, username: str | None, options: dict[str, Any]
) -> None:
    said = {"its serial": device.serial, "its device ID": device.device_id}.get(username or "", username)
    made = certificates.make(device.serial)
    client = come(made, device.device_id, said, **options)
    assert client.connect() == ACCEPTED
    credential = Credential.objects.get(device=device)
    assert (credential.kind, credential.access_key) == ("certificate", made.fingerprint)
    assert client.publish(states(device), '{"data": {"rpm": 7}}')
    assert client.subscribe(commands(device)) == "Granted QoS 1"
    assert site.publish(commands(device), '{"name": "restart"}')
    eventually(lambda: site.received and client.received)
    assert site.received == [(states(device), b'{"data": {"rpm": 7}}', False)]
    assert client.received == [(commands(device), b'{"name": "restart"}', False)]
    client.publish(states(builders.make_device(device.version)))  # no other one's: it is dropped
    assert client.publish(states(device), '{"data": {"rpm": 8}}')
    eventually(lambda: len(site.received) == 2)
    assert {topic for topic, _, _ in site.received} == {states(device)}


def test_who_says_no_device_id_speaks_the_doors_own_dialect(device: Device, come: Any, site: Gateway) -> None:
    client = come(certificates.make(device.serial), clean_session=True)
    assert client.connect() == ACCEPTED
    assert client.publish("$resource/rpm", "1800.5")
    assert client.publish(states(device), '{"data": {"rpm": 2}}')
    sent = '{"name": "config_io", "payload": {"a": 1}, "time": {"$date": "2026-01-01T00:00:00.000Z"}}'
    assert site.publish(commands(device), sent)
    eventually(lambda: len(site.received) == 2 and client.received)
    assert [payload for _, payload, _ in site.received] == [b'{"data": {"rpm": 1800.5}}', b'{"data": {"rpm": 2}}']
    assert client.received == [("$resource/config_io/1767225600000000", b'{"a": 1}', False)]


@pytest.mark.parametrize("end", ["revoked", "locked"])
def test_what_ends_it_ends_the_connection_within_five_seconds(device: Device, come: Any, end: str) -> None:
    client = come(certificates.make(device.serial), device.device_id)
    assert client.connect() == ACCEPTED
    if end == "revoked":
        credentials.revoke_all_credentials([device], by=None)
    else:
        locks.lock_devices([device], by=None)
    assert client.lost.wait(5)
    assert client.connect() == REFUSED
    reason = {"revoked": "connect-revoked-credential", "locked": "connect-locked"}[end]
    eventually(lambda: reason in count_reasons(device))


REFUSALS: dict[str, dict[str, Any]] = {
    "certificate-expired": {"since": -9 * DAY, "until": -3 * DAY},
    "certificate-not-yet-valid": {"since": 3 * DAY, "until": 9 * DAY},
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_out_of_its_time_it_is_refused_and_told_at_the_device(device: Device, come: Any, reason: str) -> None:
    assert come(certificates.make(device.serial, **REFUSALS[reason]), device.device_id).connect() == REFUSED
    eventually(lambda: count_reasons(device) == {reason})
    assert not Credential.objects.filter(device=device).exists()


def test_another_one_with_its_name_is_refused(device: Device, come: Any) -> None:
    assert come(certificates.make(device.serial), device.device_id).connect() == ACCEPTED
    assert come(certificates.make(device.serial), device.device_id).connect() == REFUSED
    eventually(lambda: count_reasons(device) == {"door-already-registered"})


def test_of_a_name_that_nobody_has_it_is_refused_and_counted_at_the_door(door: Door, come: Any) -> None:
    assert come(certificates.make("Nobody's")).connect() == REFUSED
    eventually(lambda: DoorRefusal.objects.of(door).filter(reason="door-not-listed").exists())


def test_a_certificate_without_its_key_ends_the_handshake(device: Device, come: Any, folder: Path) -> None:
    made = certificates.make(device.serial)
    assert come(made, device.device_id).connect() == ACCEPTED
    stolen = come(certificates.write_without_its_key(made, folder), device.device_id)
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        assert stolen.connect() == ACCEPTED
    assert stolen.answer == ""


@pytest.mark.parametrize("names", [("", "another"), ("0" * 24, None)])
def test_who_says_to_be_another_one_is_refused(device: Device, come: Any, names: tuple[str, str | None]) -> None:
    made = certificates.make(device.serial)
    assert come(made, device.device_id).connect() == ACCEPTED
    assert come(made, *names).connect() == REFUSED
    eventually(lambda: count_reasons(device) == {"certificate-of-another-identity"})


def test_a_password_counts_beside_a_certificate(world: World, come: Any) -> None:
    """Who has one of its own for something else is known by what it says."""
    issued = credentials.issue_credential(device=world.placed, by=None)
    client = come(certificates.make("anything"), world.placed.device_id)
    client.client.username_pw_set(issued.access_key, issued.access_secret)
    assert client.connect() == ACCEPTED
    client.client.username_pw_set(issued.access_key, "wrong")
    assert client.connect() == REFUSED


@pytest.mark.parametrize("named", ["kanarra", "nobodys"])
def test_the_host_name_says_of_which_organisation_it_is(device: Device, tls: int, folder: Path, named: str) -> None:
    context = ssl.create_default_context(cafile=folder / AUTHORITY)
    context.load_cert_chain(certificates.make(device.serial).write(folder))
    greeting = Connect(0x02, 30, device.device_id, "", b"", None, None).build().encode()
    with (
        socket.create_connection(("127.0.0.1", tls), 20) as plain,
        context.wrap_socket(plain, server_hostname=f"{named}.devices.example") as client,
    ):
        client.sendall(greeting)
        assert client.recv(100) == (b"\x20\x02\x00\x00" if named == "kanarra" else b"\x20\x02\x00\x05")


@pytest.mark.parametrize("trusted", [True, False])
def test_a_front_is_believed_by_its_address(port: int, device: Device, trusted: bool) -> None:
    """What comes before the first byte anybody can write who reaches the port."""
    at, made = free_port(), certificates.make(device.serial)
    env = SITE | {"TRUSTED_PROXIES": "127.0.0.1" if trusted else "192.0.2.0/24,unix"}
    url = f"mqtt://site:{SECRET}@127.0.0.1:{port}"
    with running(
        python("manage.py", "broker_interpreter", "--port", str(at), "--proxied", port=at, MQTT_URL=url, **env)
    ):
        assert knock(at, made, device) == (b"\x20\x02\x00\x00" if trusted else b"\x20\x02\x00\x05")
        eventually(lambda: count_reasons(device) == (set() if trusted else {"certificate-unproved"}))
    assert Credential.objects.filter(device=device).exists() == trusted


def test_the_brokers_own_port_hears_no_header(port: int, device: Device) -> None:
    assert knock(port, certificates.make(device.serial), device) == b""
    assert not Credential.objects.filter(device=device).exists()


def knock(at: int, made: Made, device: Device) -> bytes:
    """What is answered to who says first that a front saw the certificate."""
    shown = b"\x03\x00\x00\x00\x01\x28" + len(made.der).to_bytes(2) + made.der
    body = bytes([127, 0, 0, 1, 127, 0, 0, 1, 0x30, 0x39, 0x22, 0xB3, 0x20]) + len(shown).to_bytes(2) + shown
    greeting = Connect(0x02, 30, device.device_id, "", b"", None, None).build().encode()
    with socket.create_connection(("127.0.0.1", at), 20) as client:
        client.sendall(SIGNATURE + b"\x21\x11" + len(body).to_bytes(2) + body + greeting)
        try:
            return client.recv(100)
        except ConnectionError:
            return b""
