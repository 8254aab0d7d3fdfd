"""Charts of a day, a month and a year of one and of eight attributes, and a year's timeline: from reports alone, with
roll-ups, and packed.

    python -m bench.history --values 1e7 [--devices 1000] [--rounds 9]

Stores that many values, eight a report beside a state, of devices that report evenly over a year (COPY). Then reads, in
one run: from reports; once roll-ups were made of them, as of an installation that had none; and once days were packed.
Beside the last, an index-only read of as many rows as there were packed days and roll-ups. Prints medians in
milliseconds, of the whole and of the database's part, what EXPLAIN says of the queries of packed days, minutes, and
bytes a value. The bars: BARS; at most FLOOR times the index-only read; a year FASTER times as fast as from reports;
packed at most MOST bytes a value, roll-ups and all.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.servers import run_servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from devices.models import Device

ATTRIBUTES = ("speed", "power", "fuel", "oil", "heat", "volts", "amps", "hours")
SPANS = {"day": 1, "month": 30, "year": 365}
BARS = {"day": 50.0, "month": 100.0, "year": 200.0}  # milliseconds of the database
FLOOR, FASTER, MOST = 5.0, 50.0, 19.6
TABLES = ("telemetry_report", "telemetry_rollup", "telemetry_packedday")
BYTES = 700  # of disk a report, with its index, its log and what sorting takes


class Timed(NamedTuple):
    whole: float  # milliseconds
    cpu: float  # of these of the processor, this process's: what others do beside does not count
    database: float
    rows: int
    queries: int


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


def fill(devices: list[Device], reports: int, end: datetime) -> None:
    """Store so many reports a device, evenly over the year before, each a few seconds off."""
    from django.db import connection

    step, source = timedelta(days=365) / reports, random.Random(1)
    numbers = [", ".join(f'"{name}": {source.uniform(0, 3000):.2f}' for name in ATTRIBUTES) for _ in range(5_000)]
    states = ["running"] * 8 + ["idle", "fault"]
    into = "COPY telemetry_report (device_id, at, assignment_id, timed, data) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for n in range(reports):
            state = states[n * 40 // reports % 10]
            at = end - timedelta(days=365) + n * step
            for device in devices:
                off = timedelta(milliseconds=source.randrange(int(step / timedelta(milliseconds=4))))
                row = device.pk, (at + off).isoformat(timespec="milliseconds"), device.assignment_id, "t"
                copy.write("\t".join(map(str, row)) + f'\t{{{source.choice(numbers)}, "engineState": "{state}"}}\n')
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE telemetry_report")


def roll_up(pack_after: int) -> None:
    from django.conf import settings
    from django.db import connection

    from telemetry.history import roller
    from telemetry.ingest import partitions

    settings.PACK_AFTER_DAYS, roller.UPGRADE = pack_after, timedelta(0)
    while not roller.roll(600):
        pass
    if pack_after:
        partitions.shrink_emptied()
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")
        if pack_after:  # as if days had been packed all along: roll-ups stand for the last ones alone
            cursor.execute("VACUUM FULL telemetry_rollup")


def measure(read: Callable[[], object]) -> tuple[Timed, list[Any]]:
    """Return what one read took, and its queries of roll-ups and packed days: their rows, SQL and parameters."""
    from django.db import connection

    spent, queries, asked = 0.0, 0, []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal spent, queries
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spent += time.perf_counter() - began
            queries += 1
            if 'FROM "telemetry_rollup"' in sql or 'FROM "telemetry_packedday"' in sql:
                asked.append((context["cursor"].rowcount, sql, params))

    began, began_cpu = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(watch):
        read()
    whole, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return Timed(whole * 1000, cpu * 1000, spent * 1000, sum(rows for rows, *_ in asked), queries), asked


def explain(sql: str, params: Any) -> Iterator[str]:
    """Yield the lines of the plan that have buffers and times, the outermost first."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", params)
        lines = [line.strip() for (line,) in cursor.fetchall()]
    yield from [line for line in lines if line.startswith("Buffers")][:1]
    yield from [line for line in lines if line.startswith("Execution")]


def read_index(device: Device, rows: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT device_id, tenure, day FROM telemetry_packedday WHERE device_id = %s "
            "ORDER BY device_id, tenure, day LIMIT %s",
            [device.pk, rows],
        )
        cursor.fetchall()


def list_reads(end: datetime) -> dict[tuple[str, str], Callable[[Device], object]]:
    """Return, by how long and of what, how each is read."""
    from devices.models import Attribute
    from telemetry.history import series, states

    reads: dict[tuple[str, str], Callable[[Device], object]] = {}
    attribute = Attribute(name="engineState", type=Attribute.Type.STRING)
    for span, days in SPANS.items():
        within = series.Span(end - timedelta(days=days), end)
        for what, names in {"one number": ATTRIBUTES[:1], "eight": ATTRIBUTES}.items():
            reads[span, what] = lambda device, names=names, within=within: series.read_series(device, names, within)  # type: ignore[misc]
        reads[span, "a state"] = lambda device, within=within: states.read_timelines(device, [attribute], within)  # type: ignore[misc]
    return reads


def read_each(devices: list[Device], end: datetime, rounds: int) -> dict[tuple[str, str], tuple[Timed, list[Any]]]:
    """Return the medians of each read, and the last one's queries."""
    found = {}
    for key, read in list_reads(end).items():
        times = []
        asked: list[Any] = []
        for device in random.Random(2).choices(devices, k=rounds):
            timed, asked = measure(lambda: read(device))  # noqa: B023
            times.append(timed)
        whole, cpu, base = (statistics.median(each[n] for each in times) for n in range(3))
        found[key] = Timed(whole, cpu, base, times[-1].rows, times[-1].queries), asked
    return found


def compare(
    devices: list[Device], rounds: int, read: dict[str, dict[tuple[str, str], tuple[Timed, list[Any]]]]
) -> bool:
    held = True
    for key, (new, asked) in read["packed"].items():
        span, what = key
        others = {way: read[way][key][0] for way in ("reports", "rolled")}
        faster = {way: each.whole / new.whole for way, each in others.items()}
        few = random.Random(3).choices(devices, k=rounds)
        index = statistics.median(measure(lambda: read_index(device, new.rows))[0].database for device in few)  # noqa: B023
        print(
            f"{span:>5}, {what:10}: {new.whole:7.1f} ms (own {new.cpu:.1f}), database {new.database:6.1f} in "
            f"{new.queries} queries, {new.rows} rows, {new.database / index:.1f} x index-only ({index:.2f}); reports "
            f"{others['reports'].whole:7.1f} ms ({others['reports'].cpu:.1f}): {faster['reports']:.1f} x as fast; "
            f"with roll-ups {others['rolled'].whole:6.1f} ms ({others['rolled'].cpu:.1f}): {faster['rolled']:.1f} x",
            flush=True,
        )
        for _, sql, params in asked:
            print("     ", "; ".join(explain(sql, params)))
        held &= new.database <= BARS[span] and new.database <= FLOOR * index
        held &= span != "year" or faster["reports"] >= FASTER
    return held


def measure_sizes(values: int, when: str) -> float:
    """Print what each table takes; return bytes a value of all."""
    from django.db import connection

    total = 0
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                f"SELECT COALESCE(sum(pg_total_relation_size(relid)), pg_total_relation_size('{table}')), "
                f"(SELECT count(*) FROM {table}) FROM pg_partition_tree('{table}')"
            )
            size, rows = cursor.fetchone()
            total += int(size)
            print(f"{when}: {table}: {rows} rows, {int(size) / 1e6:.0f} MB, {int(size) / values:.1f} bytes a value")
    return total / values


def run(values: int, number: int, rounds: int) -> bool:
    from django.utils import timezone

    reports = max(1, values // len(ATTRIBUTES) // number)
    need, free = reports * number * BYTES, shutil.disk_usage("/tmp").free
    print(f"{values:.0e} values: {reports} reports of each of {number} devices; needs {need / 1e9:.1f} GB")
    if need > free / 2:
        raise SystemExit(f"There are only {free / 1e9:.1f} GB of disk.")
    devices, end = make_devices(number), timezone.now()
    steps: dict[str, Callable[[], None]] = {
        "reports": lambda: fill(devices, reports, end),
        "rolled": lambda: roll_up(0),
        "packed": lambda: roll_up(7),
    }
    read, sizes = {}, {}
    for what, act in steps.items():
        began = time.monotonic()
        act()
        print(f"{what}: made in {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
        sizes[what] = measure_sizes(values, what)
        read[what] = read_each(devices, end, rounds)
    print(f"bytes a value: {', '.join(f'{what} {size:.1f}' for what, size in sizes.items())}")
    return compare(devices, rounds, read) and sizes["packed"] <= MOST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=lambda text: int(float(text)), default=10_000_000)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with run_servers() as (server, _):
        os.environ |= {"DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "config.settings"}
        import django

        django.setup()
        held = run(options.values, options.devices, options.rounds)
    raise SystemExit(None if held else "Short of the bar.")


if __name__ == "__main__":
    main()
