"""The lines of the source, as they are printed there: a certificate by openssl, and a write by curl with it, through
the demo's TLS end to the site. And what somebody does who has the certificate without its key."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from config.certificates import AUTHORITY, renew_certificate
from config.demo.processes import DOMAIN
from devices.models import Event
from provisioning.doors import client_certificates
from provisioning.models import DoorRefusal
from telemetry.models import Latest
from tests import builders, certificates, parts
from tests.mqtt.processes import Process, eventually, python, running
from tests.provisioning.doors.test_activate import make_door

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devices.models import Device
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.slow]


class Site(NamedTuple):
    http: str
    https: str  # by the organisation's host name
    folder: Path
    device: Device

    def run(self, line: str, *more: str) -> str:
        """What a command answers, with curl's status behind it."""
        made = subprocess.run([*line.split(), *more], cwd=self.folder, capture_output=True, text=True, timeout=60)
        return made.stdout

    def curl(self, line: str, *more: str) -> str:
        return self.run(f"curl -s --cacert {AUTHORITY} -w %{{http_code}} {line}", *more)


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    version = builders.make_recipe(world.kanarra, "Meter", identity={"kind": "base10", "length": 8})
    make_door(version, settings={"authentication": "certificate"})
    device = builders.make_device(version, serial="00000002")
    server = renew_certificate(tmp_path, [f"*.{DOMAIN}", "localhost"])
    port, tls, path = parts.free_port(), parts.free_port(), "site.socket"
    web = python(
        "-m",
        "config.demo.web",
        "127.0.0.1",
        str(port),
        str(tmp_path / path),
        port=port,
        DEVICE_DOMAINS=DOMAIN,
        TRUSTED_PROXIES="unix",
    )
    command = [sys.executable, "-m", "config.demo.tls_front", "--certificate", str(server)]
    command += ["--https", f"127.0.0.1:{tls}", "--site", str(tmp_path / path)]
    with running(web), running(Process(command, tls)):
        yield Site(f"http://kanarra.{DOMAIN}:{port}", f"https://kanarra.{DOMAIN}:{tls}", tmp_path, device)


def test_the_sources_lines(site: Site) -> None:
    site.run(
        "openssl req -x509 -nodes -days 365 -sha256 -subj /C=US/ST=MN/L=Mpls/O=West/CN=00000002 -newkey rsa:2048 "
        "-keyout device-key.pem -out device-cert.pem"
    )
    write = f"{site.https}/api:v1/stack/alias -d rpm=55"
    proof = "--cert device-cert.pem --key device-key.pem"
    assert site.curl(write) == "401"
    assert site.curl(f"{write} {proof}") == "204"
    told = Event.objects.filter(device=site.device).order_by("pk").values_list("kind", flat=True)
    assert list(told) == ["registered", "credential-issued", "activated"]
    assert Latest.objects.get(device=site.device).data["rpm"][0] == 55
    assert site.curl(f"{write}6 {proof} --tls-max 1.2") == "204"
    assert site.curl(f"{site.https}/api:v1/stack/alias?rpm {proof}") == "rpm=556200"
    assert abs(int(site.curl(f"{site.https}/timestamp")[:-3]) - client_certificates._read_now().timestamp()) < 30


def test_a_certificate_is_nothing_without_its_key(site: Site) -> None:
    made = certificates.make("00000002")
    own, stolen = made.write(site.folder), certificates.write_without_its_key(made, site.folder)
    write = "/api:v1/stack/alias -d rpm=55"
    unproved = "It came with a certificate of which nobody proved to have the key."
    for address, answer in ((site.http, unproved), (site.https, "")):
        assert site.curl(f"{address}{write}", "-H", f"Client-Cert: {made.header}") == f"{answer}401"
    for spelling in ("client-cert", "Client_Cert"):
        said = site.curl(f"{site.https}{write}", "-H", f"{spelling}: {made.header}")
        assert said == "401"
    assert site.curl(f"{site.https}{write} --cert {stolen}") == "000"  # no handshake
    assert not Event.objects.filter(kind="activated", device=site.device).exists()
    eventually(lambda: set(DoorRefusal.objects.values_list("reason", flat=True)) == {"certificate-unproved"})
    assert site.curl(f"{site.https}{write} --cert {own}") == "204"
    assert site.curl(f"{site.http}{write}", "-H", f"Client-Cert: {made.header}") == f"{unproved}401"
