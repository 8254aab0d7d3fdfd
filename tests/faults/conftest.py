"""A fleet on a production broker, for tests that share it.

What of these tests needs a part that no package of this system brings is run where it is named.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.faults.rabbitmq import consuming
from tests.mqtt import fleet as fleets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

    from devices.mqtt.messages import Message
    from tests.mqtt.fleet import Fleet


def _hands_certificates_on() -> bool:
    """Whether the HAProxy at hand is 2.9 or newer."""
    haproxy = os.environ.get("HAPROXY") or shutil.which("haproxy")
    said = subprocess.run([haproxy, "-v"], capture_output=True, text=True, check=True).stdout if haproxy else ""
    version = re.search(r"version (\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= (2, 9)


HANDS_ON = _hands_certificates_on()
collect_ignore = [] if HANDS_ON else ["test_rabbitmq_certificates.py"]


def pytest_report_header() -> str:
    return (
        ""
        if HANDS_ON
        else "left out: tests/faults/test_rabbitmq_certificates.py (HAPROXY names no HAProxy from 2.9 on)"
    )


@pytest.fixture(scope="module")
def fleet(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One for all tests of a file, since the node takes ten seconds to start."""
    with fleets.fleet(tmp_path_factory.mktemp("fleet")) as it:
        yield it


@pytest.fixture
def port(fleet: Fleet, settings: Settings) -> int:
    settings.MQTT_URL, settings.BROKER_AMQP_URL = fleet.site_url, f"amqp://127.0.0.1:{fleet.amqp}"
    return fleet.port


@pytest.fixture
def stored(port: int, fleet: Fleet) -> Iterator[list[Message]]:
    messages: list[Message] = []
    with consuming(fleet, messages):
        yield messages
