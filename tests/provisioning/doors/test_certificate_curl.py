"""The lines of the source, as they are printed there: a certificate by openssl, and a write by curl with it, through
the demo's TLS end to the site. And what somebody does who has the certificate without its key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from django.conf import settings

from config.certificates import AUTHORITY, renew_certificate
from config.demo.processes import DOMAIN
from devices.models import Event
from lib.db.clock import read_now
from provisioning.models import DoorRefusal
from telemetry.models import Latest
from tests import builders, certificates, parts
from tests.mqtt.processes import Process, eventually, python, running
from tests.provisioning.doors.test_activate import make_door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.models import Device
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.slow]


STRANGER = "127.0.0.2"
"""Where somebody comes from who is not the proxy."""


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


@pytest.fixture(params=["demo", "haproxy"])
def site(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[Site]:
    """Behind the demo's TLS end, which alone can open the site's socket; and behind HAProxy, known by its address."""
    version = builders.make_recipe(world.kanarra, "Meter", identity={"kind": "base10", "length": 8})
    make_door(version, settings={"authentication": "certificate"})
    device = builders.make_device(version, serial="00000002")
    server = renew_certificate(tmp_path, [f"*.{DOMAIN}", "localhost"])
    port, tls, path = parts.free_port(), parts.free_port(), str(tmp_path / "site.socket")
    proxies = "unix" if request.param == "demo" else "127.0.0.1"
    names = {"DEVICE_DOMAINS": DOMAIN, "TRUSTED_PROXIES": proxies}
    web = python("-m", "config.demo.web", "127.0.0.1", str(port), path, port=port, **names)
    end = serve_tls_by_demo(tls, server, path) if request.param == "demo" else serve_tls_by_haproxy(tls, server, port)
    with running(web), running(end):
        yield Site(f"http://kanarra.{DOMAIN}:{port}", f"https://kanarra.{DOMAIN}:{tls}", tmp_path, device)


def serve_tls_by_demo(port: int, certificate: Path, socket: str) -> Process:
    command = [sys.executable, "-m", "config.demo.tls_front", "--certificate", str(certificate)]
    return Process([*command, "--https", f"127.0.0.1:{port}", "--site", socket], port)


def serve_tls_by_haproxy(port: int, certificate: Path, web: int) -> Process:
    bound = {"BIND_HTTP": f"127.0.0.1:{parts.free_port()}", "BIND_HTTPS": f"127.0.0.1:{port}"}
    bound |= {"WEB": f"127.0.0.1:{web}", "TLS_CERTIFICATE": str(certificate)}
    file = Path(settings.BASE_DIR) / "docker/haproxy/haproxy.cfg"
    return Process([parts.needs("haproxy"), "-f", str(file)], port, {**os.environ, **bound})


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
    assert abs(int(site.curl(f"{site.https}/timestamp")[:-3]) - read_now().timestamp()) < 30


def test_a_certificate_is_nothing_without_its_key(site: Site) -> None:
    made = certificates.make("00000002")
    own, stolen = made.write(site.folder), certificates.write_without_its_key(made, site.folder)
    write = "/api:v1/stack/alias -d rpm=55"
    unproved = "It came with a certificate of which nobody proved to have the key."
    direct = f"--interface {STRANGER} {site.http}"
    for address, answer in ((direct, unproved), (site.https, "")):
        assert site.curl(f"{address}{write}", "-H", f"Client-Cert: {made.header}") == f"{answer}401"
    for spelling in ("client-cert", "Client_Cert"):
        said = site.curl(f"{site.https}{write}", "-H", f"{spelling}: {made.header}")
        assert said == "401"
    assert site.curl(f"{site.https}{write} --cert {stolen}") == "000"  # no handshake
    assert not Event.objects.filter(kind="activated", device=site.device).exists()
    eventually(lambda: set(DoorRefusal.objects.values_list("reason", flat=True)) == {"certificate-unproved"})
    assert site.curl(f"{site.https}{write} --cert {own}") == "204"
    assert site.curl(f"{direct}{write}", "-H", f"Client-Cert: {made.header}") == f"{unproved}401"
