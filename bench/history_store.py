"""How the benches of history store a year of devices: by COPY, summed and packed by the product's own functions."""

from __future__ import annotations

import multiprocessing
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from devices.models import Device

ATTRIBUTES = ("speed", "power", "fuel", "oil", "heat", "volts", "amps", "hours")
TABLES = ("telemetry_report", "telemetry_rollup", "telemetry_packedday")
PACK_AFTER = 7  # days
DAY, DEVICES = 86_400, 100  # seconds; of which days are packed together


def make_devices(number: int) -> list[Device]:
    from django.core.management import call_command

    from devices.models import Assignment
    from tenants.groups import operations as groups
    from tenants.models import Role
    from tests import builders

    call_command("migrate", verbosity=0)
    organisation = builders.make_organisation("Kanarra")
    version = builders.make_recipe(organisation)
    owner = builders.make_user("owner@kanarra.example", organisation.root, Role.ADMIN)
    site = groups.create(parent=organisation.root, name="Site")
    devices = [builders.make_device(version, group=site, by=owner) for _ in range(number)]
    Assignment.objects.update(opened_at="2000-01-01T00:00:00Z")
    return devices


def fill(url: str, devices: Iterable[tuple[int, int]], reports: int, end: datetime) -> None:
    """Store so many reports a device, evenly over the year before, each a few seconds off: the same each time, for
    devices by their primary key and their assignment's."""
    import psycopg

    step, source = timedelta(days=365) / reports, random.Random(1)
    numbers = [", ".join(f'"{name}": {source.uniform(0, 3000):.2f}' for name in ATTRIBUTES) for _ in range(5_000)]
    states = ["running"] * 8 + ["idle", "fault"]
    into = "COPY telemetry_report (device_id, at, assignment_id, timed, data) FROM STDIN"
    with psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True) as db, db.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # constraints are not asked row by row
        with cursor.copy(into) as copy:
            for n in range(reports):
                state = states[n * 40 // reports % 10]
                at = end - timedelta(days=365) + n * step
                for device, assignment in devices:
                    off = timedelta(milliseconds=source.randrange(int(step / timedelta(milliseconds=4))))
                    row = f"{device}\t{(at + off).isoformat(timespec='milliseconds')}\t{assignment}\tt"
                    copy.write(f'{row}\t{{{source.choice(numbers)}, "engineState": "{state}"}}\n')
        cursor.execute("VACUUM ANALYZE telemetry_report")


def make_months(end: datetime) -> None:
    """Make as many tables as an installation has that stands for a year."""
    from telemetry.ingest import partitions

    partitions.make_months(end + timedelta(days=30 * n) for n in range(13))


def roll_up(pack_after: int) -> None:
    from django.conf import settings

    from telemetry.history import roller

    settings.PACK_AFTER_DAYS, roller.UPGRADE = pack_after, timedelta(0)
    while not roller.roll(600):
        pass
    clean(TABLES)


def clean(tables: Iterable[str]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {table}")


def pack(devices: Sequence[Device], processes: int) -> None:
    """Pack the days that are old enough, several processes each its devices; then let the worker sum the others."""
    from django.db import connection

    from telemetry.history import roller
    from telemetry.ingest import partitions

    lease = roller.claim()
    assert lease
    until = (roller._find_last_hour() - PACK_AFTER * DAY) // DAY * DAY
    days = range(until - 366 * DAY, until, DAY)
    spawn = multiprocessing.get_context("spawn")
    packing = [
        spawn.Process(target=pack_days, args=(lease.token, [each.pk for each in devices[n::processes]], days, n == 0))
        for n in range(processes)
    ]
    for process in packing:
        process.start()
    for process in packing:
        process.join()
    if any(process.exitcode for process in packing):
        raise SystemExit("A process that packed has failed.")
    roller._own(lease).update(worker=None, held_until=None)
    roll_up(PACK_AFTER)
    partitions.shrink_emptied()
    with connection.cursor() as cursor:  # as if days had been packed all along: roll-ups stand for the last ones alone
        cursor.execute("VACUUM FULL telemetry_rollup")
    clean(TABLES)


def pack_days(token: uuid.UUID, devices: Sequence[int], days: Sequence[int], tells: bool) -> None:
    import django

    django.setup()

    from telemetry.history import packer, roller

    began = time.monotonic()
    for n, day in enumerate(days):
        for first in range(0, len(devices), DEVICES):
            for some in packer.list_pieces(devices[first : first + DEVICES], day // DAY):
                roller.pack(roller.Lease(token), some, day)
        if tells and n % 60 == 59:
            print(f"  {n + 1} of {len(days)} days in {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
