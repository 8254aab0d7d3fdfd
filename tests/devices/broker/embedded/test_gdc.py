"""Exosite's own client (`gdc`), unmodified, through TLS. It needs paho 1, so `make` gives it an environment of its
own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.certificates import AUTHORITY, renew_certificate
from tests import builders
from tests.devices.broker.embedded.test_murano import door, port
from tests.devices.broker.embedded.topics import states
from tests.mqtt.processes import eventually, python, running
from tests.parts import free_port

if TYPE_CHECKING:
    from provisioning.models import Door
    from tests.mqtt.gateway import Gateway

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]
__all__ = ["door", "port"]
GDC = Path(sys.prefix) / "murano" / "bin" / "gdc"


@pytest.mark.skipif(
    not GDC.exists(), reason="requirements/murano.txt could not be installed: run make .venv/test.stamp"
)
def test_gdc_activates_and_publishes(port: int, site: Gateway, door: Door, tmp_path: Path) -> None:
    device = builders.make_device(door.recipe.current, serial="00000001")
    certificate, at = renew_certificate(tmp_path, ["localhost"]), free_port()
    command = ["-m", "config.demo.tls_front", "--certificate", str(certificate), "--mqtts", f"127.0.0.1:{at}"]
    with running(python(*command, "--broker", f"127.0.0.1:{port}", port=at)):
        common = ["-H", "https://localhost/", "-P", str(at), "-E", str(tmp_path / AUTHORITY)]
        told = run(*common, "-u", "00000001", "mqtt", "activate")
        token = told.strip().splitlines()[-1]
        assert len(token) == 40
        run(*common, "-k", token, "mqtt", "publish", "$resource/rpm", "55")
        eventually(lambda: site.received)
    assert site.received == [(states(device), b'{"data": {"rpm": 55}}', False)]


def run(*arguments: str) -> str:
    ran = subprocess.run([GDC, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    return ran.stdout
