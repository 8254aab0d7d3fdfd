"""What somebody holds makes nobody's reports wait: neither other devices' nor the held one's."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from config.ingest import ingest
from devices.mqtt.messages import Message
from telemetry.models import Report
from tests import parts
from tests.devices.api import Program
from tests.mqtt.processes import python, running

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.models import Device
    from tests.conftest import World

WAIT = "1500ms"


def report(device: Device) -> Message:
    now = timezone.now()
    return Message(device.device_id, json.dumps({"data": {"rpm": 1}}).encode(), now, came_after=now)


def stored_meanwhile(messages: list[Message]) -> BaseException | None:
    """Whether another connection, which waits for no lock for long, can commit these."""
    failed: list[BaseException] = []

    def consumer() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{WAIT}'")
            ingest(messages)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=consumer)
    thread.start()
    thread.join(30)
    return failed[0] if failed else None


def action(world: World, kind: str, **params: Any) -> Any:
    asked = {"kind": kind, "params": params, "serials": [world.placed.serial]}
    return Program(world.owner).post("actions/", asked)


def device(world: World, path: str, **data: Any) -> Any:
    return Program(world.owner).post(f"devices/{world.placed.serial}/{path}", data)


HOLDS: dict[str, Callable[[World], Any]] = {
    "move": lambda world: action(world, "move", group=world.boise.pk),
    "tag": lambda world: action(world, "tag", tag="a", value="b"),
    "reissue": lambda world: action(world, "reissue", old="now"),
    "assign": lambda world: device(world, "assign/", group=world.boise.pk),
    "release": lambda world: device(world, "release/"),
    "edit": lambda world: Program(world.owner).patch(f"devices/{world.placed.serial}/", {"name": "Other"}),
    "issue": lambda world: device(world, "credentials/"),
    "lock": lambda world: device(world, "lock/"),
}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", HOLDS)
def test_a_held_device_delays_no_report(world: World, how: str) -> None:
    with transaction.atomic():
        assert HOLDS[how](world).status_code in {200, 201, 204}
        failed = stored_meanwhile([report(world.placed), report(world.foreign)])
        assert failed is None, f"{how}: {failed}"
    assert Report.objects.filter(device__in=[world.placed, world.foreign]).count() == 2


def test_locks_leave_keys_alone() -> None:
    """But that of `tenants.groups.operations`, which stands against imports, and that of who deletes the row."""
    rooms = [Path(settings.BASE_DIR) / name for name in ("config", "devices", "provisioning", "telemetry", "tenants")]
    found = [
        str(path.relative_to(settings.BASE_DIR))
        for room in rooms
        for path in room.rglob("*.py")
        for asked in re.findall(r"select_for_update\(([^)]*\)?[^)]*)\)", path.read_text())
        if "no_key=True" not in asked
    ]
    assert found == ["devices/lifecycle/removal.py", "tenants/groups/operations.py"]


@pytest.mark.postgres
@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_locked_table_is_told_within_five_seconds(world: World) -> None:
    assert settings.DATABASE_LOCK_SECONDS == 0  # of whatever is not the site
    port = parts.free_port()
    client = Client()
    client.force_login(world.owner)
    cookies = "; ".join(f"{name}={each.value}" for name, each in client.cookies.items())
    command = ("-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "critical")
    page = Request(f"http://127.0.0.1:{port}/models/", headers={"Cookie": cookies})
    with running(python(*command, port=port)):
        assert urlopen(page, timeout=20).status == 200
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE devices_devicemodel IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            with pytest.raises(HTTPError) as told:
                urlopen(page, timeout=20)
            assert told.value.code == 503
            assert time.monotonic() - began < 6
        assert urlopen(page, timeout=20).status == 200
