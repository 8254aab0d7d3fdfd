"""What a visitor reads once the demo is up: where everything is, and no secret of the site's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connections

from config.demo import door_commands, organisations
from config.demo.door_commands import DoorCommand
from config.demo.processes import Ports
from config.management.commands import demo

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db
PORTS = Ports("127.0.0.1", 8010, 1893, 8011, 8453, 8893, 8454)


@pytest.fixture
def file(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(connections, "close_all", lambda: None)
    for name in ("MQTT_URL", "DEMO_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "demo" / "devices.csv"


def test_it_names_every_place(file: Path) -> None:
    said = demo._format_banner(PORTS, file, 7.4)
    for place in (
        "Handover is up (7 s): http://127.0.0.1:8010",
        "http://127.0.0.1:8011",
        "http://127.0.0.1:8010/hooks/",
        "https://localhost:8453",
        "mqtts://localhost:8893",
        str(file),
        f"everything is kept in {file.parent.parent}",
        f"http://127.0.0.1:8011/gateways/{organisations.KANARRA.serials[0]}",
    ):
        assert place in said
    for email, place, role in organisations.ACCOUNTS:
        assert f"{role.label} of {place}" in said.split(email)[1].split("\n")[0]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (None, "MQTT broker: mqtt://127.0.0.1:1893."),
        ("", "MQTT broker: mqtt://127.0.0.1:1893."),
        ("mqtts://site:canary@b.example:8884", "MQTT broker: mqtts://b.example:8884."),
    ],
)
def test_the_broker_is_the_one_that_is_used_without_its_account(
    file: Path, monkeypatch: pytest.MonkeyPatch, url: str | None, told: str
) -> None:
    if url is not None:
        monkeypatch.setenv("MQTT_URL", url)
    said = demo._format_banner(PORTS, file, 7.4)
    assert told in said
    assert "canary" not in said


def test_the_shelf_is_told_where_there_is_one(file: Path) -> None:
    assert "Devices on the shelf" not in demo._format_banner(PORTS, file, 7.4)
    door_commands.keep_commands(
        file.parent, [DoorCommand("key", "a signed token", "python -m firmware_sim --door jwt")]
    )
    said = demo._format_banner(PORTS, file, 7.4)
    assert "    with a signed token:\n      python -m firmware_sim --door jwt\n" in said
