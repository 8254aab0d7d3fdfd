"""Charts of a day, a month and a year of one and of eight attributes, with roll-ups and from reports alone.

    python -m bench.history --values 1e7 [--devices 1000] [--rounds 9]

Stores that many values, eight a report, of devices that report evenly over a year (COPY), has roll-ups made of them as
of an installation that had none, then reads, in turns in one run: what a chart asks for, the same without roll-ups, and
an index-only read of as many rows as there were roll-ups. Prints medians in milliseconds: of the whole, of the
database's part, and what EXPLAIN says of the roll-ups' query; minutes and sizes. The bars are BARS, at most FLOOR times
the index-only read, and a year at least FASTER times as fast as without.
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
FLOOR, FASTER = 5.0, 50.0
BYTES = 700  # of disk a report, with its index, its log and what sorting takes


class Timed(NamedTuple):
    whole: float  # milliseconds
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
    data = [
        "{" + ", ".join(f'"{name}": {source.uniform(0, 3000):.2f}' for name in ATTRIBUTES) + "}" for _ in range(5_000)
    ]
    into = "COPY telemetry_report (device_id, at, assignment_id, timed, data) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for n in range(reports):
            at = end - timedelta(days=365) + n * step
            for device in devices:
                off = timedelta(milliseconds=source.randrange(int(step / timedelta(milliseconds=4))))
                row = device.pk, (at + off).isoformat(timespec="milliseconds"), device.assignment_id, "t"
                copy.write("\t".join(map(str, row)) + f"\t{source.choice(data)}\n")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE telemetry_report")


def roll_up() -> None:
    from django.db import connection

    from telemetry.history import roller

    while not roller.roll(600):
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE telemetry_rollup")


def measure(read: Callable[[], object]) -> tuple[Timed, list[Any]]:
    """Return what one read took, and its queries of roll-ups: their rows, SQL and parameters."""
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
            if 'FROM "telemetry_rollup"' in sql:
                asked.append((context["cursor"].rowcount, sql, params))

    began = time.perf_counter()
    with connection.execute_wrapper(watch):
        read()
    whole = time.perf_counter() - began
    return Timed(whole * 1000, spent * 1000, sum(rows for rows, *_ in asked), queries), asked


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
            "SELECT device_id, tenure, seconds, start FROM telemetry_rollup WHERE device_id = %s "
            "ORDER BY device_id, tenure, seconds, start LIMIT %s",
            [device.pk, rows],
        )
        cursor.fetchall()


def compare(devices: list[Device], span: str, names: list[str], end: datetime, rounds: int) -> bool:
    from telemetry.history import series
    from telemetry.models import Report

    within = series.Span(end - timedelta(days=SPANS[span]), end)
    found: dict[str, list[Timed]] = {"new": [], "old": [], "index": []}
    asked: list[Any] = []
    for device in random.Random(2).choices(devices, k=rounds):
        scope = Report.objects.of(device)
        new, asked = measure(lambda: series.read_series(scope, names, within, device))  # noqa: B023
        found["new"].append(new)
        found["old"].append(measure(lambda: series.read_series(scope, names, within))[0])  # noqa: B023
        if new.rows:
            found["index"].append(measure(lambda: read_index(device, new.rows))[0])  # noqa: B023
    whole = {way: statistics.median(each.whole for each in of) for way, of in found.items() if of}
    base = {way: statistics.median(each.database for each in of) for way, of in found.items() if of}
    rows, faster = found["new"][-1].rows, whole["old"] / whole["new"]
    floor = f"{base['new'] / base['index']:.1f} x index-only ({base['index']:.2f} ms)" if "index" in base else "reports"
    print(
        f"{span:>5} of {len(names)}: {whole['new']:7.1f} ms, database {base['new']:6.1f} ms in "
        f"{found['new'][-1].queries} queries; {rows} roll-ups, {floor}; "
        f"without {whole['old']:7.1f} ms, database {base['old']:7.1f} ms: {faster:.1f} x as fast"
    )
    for _, sql, params in asked:
        print("     ", "; ".join(explain(sql, params)))
    held = base["new"] <= BARS[span] and ("index" not in base or base["new"] <= FLOOR * base["index"])
    return held and (span != "year" or faster >= FASTER)


def run(values: int, number: int, rounds: int) -> bool:
    from django.db import connection
    from django.utils import timezone

    reports = max(1, values // len(ATTRIBUTES) // number)
    need, free = reports * number * BYTES, shutil.disk_usage("/tmp").free
    print(f"{values:.0e} values: {reports} reports of each of {number} devices; needs {need / 1e9:.1f} GB")
    if need > free / 2:
        raise SystemExit(f"There are only {free / 1e9:.1f} GB of disk.")
    devices, end = make_devices(number), timezone.now()
    for what, act in {"stored": lambda: fill(devices, reports, end), "rolled up": roll_up}.items():
        began = time.monotonic()
        act()
        print(f"{what} in {(time.monotonic() - began) / 60:.1f} minutes")
    with connection.cursor() as cursor:
        for table in ("telemetry_report", "telemetry_rollup"):
            cursor.execute(f"SELECT pg_table_size('{table}'), pg_indexes_size('{table}'), count(*) FROM {table}")
            size, index, rows = cursor.fetchone()
            print(
                f"{table}: {rows} rows, {size / 1e6:.0f} MB and {index / 1e6:.0f} MB of index, "
                f"{(size + index) / values:.1f} bytes a value"
            )
    asked = [(span, list(names)) for span in SPANS for names in (ATTRIBUTES[:1], ATTRIBUTES)]
    held = [compare(devices, span, names, end, rounds) for span, names in asked]
    return all(held)


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
