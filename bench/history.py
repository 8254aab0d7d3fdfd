"""Charts of a day, a month and a year of one and of eight attributes, and a year's timeline, of packed days; beside an
older build and its reports.

    python -m bench.history --values 1e7 [--devices 1000] [--rounds 9] [--beside 5919501] [--rolled] [--processes 2]

Stores that many values, eight a report beside a state, of devices that report evenly over a year (COPY), and reads them
in one run: from reports, with `--rolled` once roll-ups were made of all of them, and once days were packed, as if they
had been all along. After each read of packed days, an index-only one of as many rows as there were packed days and
roll-ups. With `--beside` the same reports are stored for another build, in a database of its own, and read by its own
code: for one as old as 5919501, later ones have another. Each device is read before it is timed, so that statements are
planned and the server has read what it can hold.

Says first how long it takes, and how much disk. Prints medians in milliseconds, of the whole and of the database's
part, what EXPLAIN says of the queries of packed days, minutes, and bytes a value. The bars, of the database's part:
BARS; at most FLOOR times the index-only read; a year FASTER times as fast as the other build's, else as from reports;
packed at most MOST bytes a value, roll-ups and all, or HALF of the other build's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.history_store import ATTRIBUTES, PACK_AFTER, TABLES, fill, make_devices, make_months, pack, roll_up
from bench.servers import ROOT, check_out, run_servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from devices.models import Device

SPANS = {"day": 1, "month": 30, "year": 365}
BARS = {"day": 50.0, "month": 100.0, "year": 200.0}  # milliseconds
FLOOR, FASTER, MOST, HALF = 5.0, 50.0, 19.6, 0.5
WARM = 6  # reads before, at least: a connection plans what is prepared anew up to five times
BYTES = 700  # of disk a report, with its index, its log and what sorting takes
# What is expected: seconds a report, and a device and day.
STORING, SUMMING, PACKING, PACKING_DAY = 10e-6, 80e-6, 50e-6, 200e-6

Key = tuple[str, str]
"""How long, and of what."""


class Timed(NamedTuple):
    whole: float  # milliseconds
    cpu: float  # of these of the processor, this process's: what others do beside does not count
    database: float
    rows: float = 0
    queries: float = 0
    floor: float = 0.0  # of the database, for the index-only read


class Found(NamedTuple):
    medians: Timed
    asked: list[Any]  # the last one's queries
    ends: list[list[float]]  # of each device the least and the greatest of its first attribute


def measure(read: Callable[[], Any]) -> tuple[Timed, list[Any], Any]:
    """Return what one read took, its queries of packed days, with their rows, SQL and parameters, and what was read."""
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
            if "telemetry_packedday" in sql:
                asked.append((context["cursor"].rowcount, sql, params))

    began, began_cpu = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(watch):
        told = read()
    whole, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return Timed(whole * 1000, cpu * 1000, spent * 1000, sum(rows for rows, *_ in asked), queries), asked, told


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


def list_reads(end: datetime) -> dict[Key, Callable[[Device], object]]:
    """Return, by how long and of what, how each is read."""
    from devices.models import Attribute
    from telemetry.history import series, states

    reads: dict[Key, Callable[[Device], object]] = {}
    attribute = Attribute(name="engineState", type=Attribute.Type.STRING)
    for span, days in SPANS.items():
        within = series.Span(end - timedelta(days=days), end)
        for what, names in {"one number": ATTRIBUTES[:1], "eight": ATTRIBUTES}.items():
            reads[span, what] = lambda device, names=names, within=within: series.read_series(device, names, within)  # type: ignore[misc]
        reads[span, "a state"] = lambda device, within=within: states.read_timelines(device, [attribute], within)  # type: ignore[misc]
    return reads


def read_each(devices: list[Device], end: datetime, rounds: int) -> dict[Key, Found]:
    found = {}
    for key, read in list_reads(end).items():
        times, ends = [], []
        asked: list[Any] = []
        chosen = random.Random(2).choices(devices, k=rounds)
        for device in (chosen * WARM)[: max(WARM, rounds)]:
            read(device)
        for device in chosen:
            timed, asked, told = measure(lambda: read(device))  # noqa: B023
            index, *_ = measure(lambda: read_index(device, int(timed.rows)))  # noqa: B023
            times.append(timed._replace(floor=index.database))
            if key[1] != "a state":
                ends.append(find_ends(told))
        medians = Timed(*(statistics.median(column) for column in zip(*times, strict=True)))
        found[key] = Found(medians, asked, ends)
    return found


def find_ends(told: Any) -> list[float]:
    name = ATTRIBUTES[0]
    low, high = (each.get(name) or told.values[name] for each in (told.low, told.high))
    of = [[each for each in column if each is not None] for column in (low, high)]
    return [min(of[0], default=0), max(of[1], default=0)]


class Former(NamedTuple):
    """Hold another build, and its own database."""

    tree: Path
    url: str
    devices: list[tuple[int, int]]

    def run(self, *what: str) -> Any:
        return json.loads(run_in(self.tree, self.url, str(ROOT / "bench" / "history_former.py"), *what))

    def read(self, end: datetime, rounds: int) -> dict[Key, Found]:
        told = self.run("read", end.isoformat(), str(rounds), *map(str, SPANS.values()))
        found = {}
        for span, days in SPANS.items():
            for what, number in (("one number", 1), ("eight", len(ATTRIBUTES))):
                medians, ends = told[f"{days} {number}"]
                found[span, what] = Found(Timed(*medians), [], [of for _, *of in ends])
        return found

    def measure_size(self, values: int) -> float:
        import psycopg

        with psycopg.connect(self.url.replace("postgres://", "postgresql://")) as db:
            [(size,)] = db.execute("SELECT pg_total_relation_size('telemetry_report')").fetchall()
        print(f"the other build: telemetry_report: {size / 1e6:.0f} MB, {size / values:.1f} bytes a value")
        return int(size) / values


def run_in(tree: Path, url: str, *command: str) -> str:
    env = {**os.environ, "DATABASE_URL": url, "LOG_LEVEL": "ERROR"}
    return subprocess.run(
        [sys.executable, *command], cwd=tree, env=env, check=True, stdout=subprocess.PIPE
    ).stdout.decode()


def start_former(tree: Path, server: str, number: int) -> Former:
    import psycopg

    with psycopg.connect(server.replace("postgres://", "postgresql://"), autocommit=True) as db:
        db.execute("CREATE DATABASE former")
    former = Former(tree, f"{server.rpartition('/')[0]}/former", [])
    run_in(tree, former.url, "manage.py", "migrate", "-v0")
    return former._replace(devices=[(device, assignment) for device, assignment in former.run("make", str(number))])


def compare(read: dict[str, dict[Key, Found]]) -> bool:
    """Print each read of packed days beside the others; return whether all bars are held."""
    held = True
    for key, (new, asked, ends) in read["packed"].items():
        span, what = key
        print(
            f"{span:>5}, {what:10}: {new.whole:7.1f} ms (own {new.cpu:.1f}), database {new.database:6.2f} in "
            f"{new.queries:.0f} queries, {new.rows:.0f} rows, {new.database / new.floor:.1f} x index-only "
            f"({new.floor:.2f})",
            flush=True,
        )
        for _, sql, params in asked:
            print("       ", "; ".join(explain(sql, params)))
        faster = {}
        for way in ("reports", "rolled", "former"):
            if (of := read.get(way, {}).get(key)) is not None:
                old = of.medians
                faster[way] = old.database / new.database
                print(
                    f"        {way}: {old.whole:7.1f} ms (own {old.cpu:.1f}), database {old.database:6.2f}: "
                    f"{old.whole / new.whole:.1f} x the whole, {faster[way]:.1f} x the database"
                )
                if of.ends != ends:
                    print(f"        {way}: SAYS SOMETHING ELSE: {of.ends} instead of {ends}")
                    held = False
        bars = {
            f"at most {BARS[span]:.0f} ms": new.database <= BARS[span],
            f"at most {FLOOR:.0f} x index-only": new.database <= FLOOR * new.floor,
        }
        beside = "former" if "former" in read else "reports"
        if span == "year" and beside in faster:
            bars[f"at least {FASTER:.0f} x the database of {beside}"] = faster[beside] >= FASTER
        print("       ", "; ".join(f"{bar}: {'met' if met else 'MISSED'}" for bar, met in bars.items()), flush=True)
        held &= all(bars.values())
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


def tell_cost(reports: int, number: int, options: argparse.Namespace) -> None:
    """Print what it will take. Raises SystemExit if there is no disk for it."""
    every, days = reports * number, min(reports, 366) * number
    seconds = {
        "storing": every * STORING * (2 if options.beside else 1),
        "rolling": (every * SUMMING + days * PACKING_DAY) * (1 if options.rolled else (PACK_AFTER + 1) / 366),
        "packing": (every * PACKING + days * PACKING_DAY) / options.processes,
    }
    minutes = ", ".join(f"{what} {spent / 60:.1f}" for what, spent in seconds.items())
    need, free = every * BYTES * (2 if options.rolled else 1), shutil.disk_usage("/tmp").free
    need += every * BYTES if options.beside else 0
    print(
        f"{options.values:.0e} values: {reports} reports of each of {number} devices; needs up to {need / 1e9:.1f} GB "
        f"of disk ({free / 1e9:.1f} free), and about {sum(seconds.values()) / 60 + 2:.0f} minutes ({minutes})",
        flush=True,
    )
    if need > free / 2:
        raise SystemExit(f"There are only {free / 1e9:.1f} GB of disk.")


def run(server: str, options: argparse.Namespace) -> bool:
    from django.utils import timezone

    values, number, rounds = options.values, options.devices, options.rounds
    reports = max(1, values // len(ATTRIBUTES) // number)
    tell_cost(reports, number, options)
    devices, end = make_devices(number), timezone.now()
    make_months(end)
    steps: dict[str, Callable[[], None]] = {
        "reports": lambda: fill(server, [(each.pk, each.assignment_id or 0) for each in devices], reports, end),
        **({"rolled": lambda: roll_up(0)} if options.rolled else {}),
        "packed": lambda: pack(devices, options.processes),
    }
    read, sizes = {}, {}
    for what, act in steps.items():
        began = time.monotonic()
        act()
        print(f"{what}: made in {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
        sizes[what] = measure_sizes(values, what)
        read[what] = read_each(devices, end, rounds)
    most = MOST
    if options.beside:
        with check_out(options.beside) as tree:
            began = time.monotonic()
            former = start_former(tree, server, number)
            fill(former.url, former.devices, reports, end)
            print(f"the other build: made in {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
            sizes["former"] = former.measure_size(values)
            read["former"] = former.read(end, rounds)
        most = HALF * sizes["former"]
    fits = sizes["packed"] <= most
    print(f"bytes a value: {', '.join(f'{what} {size:.1f}' for what, size in sizes.items())}")
    print(f"at most {most:.1f} packed: {'met' if fits else 'MISSED'}")
    return compare(read) and fits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=lambda text: int(float(text)), default=10_000_000)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--beside", metavar="COMMIT")
    parser.add_argument("--rolled", action="store_true", help="read roll-ups of all as well, before days are packed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that pack")
    options = parser.parse_args()
    with run_servers() as (server, _):
        os.environ |= {"DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "config.settings"}
        import django

        django.setup()
        held = run(server.url, options)
    raise SystemExit(None if held else "Short of the bar.")


if __name__ == "__main__":
    main()
