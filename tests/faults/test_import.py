"""A worker killed again and again during an import (quality: rows 13 and 20)."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connection

from devices import imports, tasks
from devices.credentials import deliveries
from devices.credentials import operations as credentials
from devices.jobs import leases
from devices.models import Credential, Device, Event, Import
from tests import leaks
from tests.devices.imports.conftest import table
from tests.mqtt.processes import python, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.conftest import World
    from tests.mqtt.processes import Process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]

State = Import.State
ROWS, KILLS, LEASE = 12_000, 3, 1.0


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


@pytest.fixture
def worker(world: World, log: Path) -> Iterator[Process]:
    command = ("-m", "celery", "-A", "config", "worker", "--pool", "solo", "--loglevel", "DEBUG")
    process = python(*command, JOB_LEASE_SECONDS=str(LEASE), LOG_LEVEL="DEBUG")
    process.command = ["sh", "-c", 'exec "$@" >>"$LOG" 2>&1', "sh", *process.command]
    process.env = {**(process.env or {}), "LOG": str(log)}
    with running(process):
        yield process


@pytest.fixture(autouse=True)
def _short_lease(settings: Settings) -> None:
    settings.JOB_LEASE_SECONDS = LEASE


def uploaded(world: World, *, whole: bool) -> Import:
    world.version.identity = {"kind": "opaque"}
    world.version.save()
    places = ("Boise", "Kaiser Permanente Anaheim", "")
    lines = "".join(f"KG{n:06d},Gateway {n},{places[n % 3]}\n" for n in range(ROWS))
    data = f"Serial,Name,Group\n{lines}?,bad,\n" if not whole else f"Serial,Name,Group\n{lines}"
    importing = imports.upload(by=world.owner, version=world.version, name="f.csv", chunks=[data.encode()])
    assert imports.match(
        importing=importing,
        by=world.owner,
        columns=importing.columns,
        encoding=importing.encoding,
        delimiter=importing.delimiter,
        group=None,
        all_or_nothing=whole,
        name_pattern="",
    )
    return importing


def killed_until(worker: Process, importing: Import, states: set[str], seen: set[str]) -> int:
    """Beat's part is played here. Returns how often the worker was killed while it worked."""
    kills, until = 0, time.monotonic() + 240
    while (now := leases.progress(importing)).state not in states:
        assert time.monotonic() < until, now
        aim = random.uniform(0.02, 0.9) * ROWS
        if kills < KILLS and now.rows >= aim:
            worker.kill()
            kills += now.state in (State.CHECKING, State.RUNNING)
            seen.update(Credential.objects.filter(device__source=importing).values_list("access_key", flat=True))
            worker.start()
        tasks.resume_jobs()
        time.sleep(0.02)
    return kills


@pytest.mark.parametrize("whole", [True, False])
def test_killed_again_and_again(worker: Process, world: World, log: Path, whole: bool) -> None:
    importing = uploaded(world, whole=whole)
    seen: set[str] = set()
    kills = killed_until(worker, importing, {State.CHECKED, State.FAILED}, seen)
    importing.refresh_from_db()
    assert (importing.state, importing.total, importing.refused) == (State.CHECKED, ROWS + (not whole), int(not whole))
    assert importing.problems.count() == importing.refused
    assert imports.start(importing=importing, by=world.owner)
    kills += killed_until(worker, importing, {State.DONE, State.FAILED}, seen)
    importing.refresh_from_db()
    assert (importing.state, importing.made) == (State.DONE, ROWS)
    assert kills >= KILLS
    everything_was_made_once(importing, seen)
    assert importing.delivery is not None
    rows = table(imports.write_result_csv(importing, deliveries.unseal_key(importing.delivery)))
    secrets = {row["Access secret"] for row in rows} - {""}
    assert len(secrets) == ROWS
    assert [row["Serial"] for row in rows][:ROWS] == [f"KG{n:06d}" for n in range(ROWS)]
    for row in random.sample(rows[:ROWS], 20):
        device = credentials.authenticate_device(access_key=row["Access key"], access_secret=row["Access secret"])
        assert device is not None
        assert (device.serial, device.device_id) == (row["Serial"], row["Device ID"])
    assert "work_on_import" in log.read_text()
    with connection.cursor() as cursor:
        held = {"database": leaks.database(cursor, connection.vendor), "redis": leaks.redis(settings.REDIS_URL)}
    assert leaks.search(secrets, {**held, "log": log.read_text()}) == {}


def everything_was_made_once(importing: Import, seen: set[str]) -> None:
    devices = Device.objects.filter(source=importing)
    assert devices.count() == ROWS
    keys = set(Credential.objects.filter(device__source=importing).values_list("access_key", flat=True))
    assert len(keys) == ROWS
    assert keys >= seen
    assert Credential.objects.count() == ROWS
    placed = devices.exclude(group=None)
    assert placed.filter(assignment__closed_at=None).count() == placed.count() == 2 * ROWS // 3
    events = Event.objects.filter(device__source=importing)
    registered = events.filter(kind=Event.Kind.REGISTERED)
    assert registered.count() == ROWS
    assert set(registered.values_list("data__access_key", flat=True)) == keys
    assert events.filter(kind=Event.Kind.PROVISIONED).count() == placed.count()
    assert Event.objects.filter(kind=Event.Kind.IMPORT_ENDED).count() == 1
