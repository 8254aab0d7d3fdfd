"""What history takes and costs: bytes a value, pages that reading touches, and how fast what is too old goes.

    python -m bench.history_size [--reports 1000000] [--devices 1000]

On a PostgreSQL of its own: reports of 8 numbers, as the consumer stores them, over three months. Prints
- bytes a value (`pg_total_relation_size`): as reports lie; with the index by device that they had before; in device
  order; and packed, one row a device and day;
- the pages that reading one device's last week, and all of it, touches, as reports lie and in the order of devices;
- how many reports retention deletes a second, and how long its longest statement takes.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.servers import run_servers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
ATTRIBUTES = ("speed", "power", "fuel", "oil", "heat", "volts", "amps", "hours")
BATCH = 5_000
READ = "SELECT at, data FROM {table} WHERE device_id = 7 AND at >= '{start}' ORDER BY at"


def store(reports: int, devices: int, start: datetime) -> float:
    """Store them as they come in: all devices in turns. Return reports a second."""
    from django.db import transaction

    from telemetry.ingest import partitions, upserts

    turns = reports // devices
    step = timedelta(days=85) / turns
    partitions.make_months(start + turn * step for turn in range(turns))
    rows: list[Any] = []
    spent = 0.0
    for number in range(reports):
        turn, device = divmod(number, devices)
        at = start + turn * step + timedelta(milliseconds=device)
        data = {name: round(random.random() * 1000, 2) for name in ATTRIBUTES}
        rows.append((device + 1, at, device + 1, True, data))
        if len(rows) == BATCH or number == reports - 1:
            began = time.perf_counter()
            with transaction.atomic():
                upserts.insert_reports(sorted(rows, key=lambda row: row[:2]))
            spent += time.perf_counter() - began
            rows = []
    return reports / spent


def ask(statement: str, *params: Any) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else None


def measure(table: str) -> int:
    """Return the bytes of a table and its indexes, and of its partitions."""
    return int(ask("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s)", table)[0][0])


def measure_alone(table: str) -> int:
    return int(ask("SELECT pg_total_relation_size(%s)", table)[0][0])


def count_pages(table: str, start: datetime) -> int:
    """Return how many pages reading one device's reports since then touches."""
    statement = READ.format(table=table, start=start.isoformat())
    (plan,) = ask(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING off) {statement}")[0]
    top = plan[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def report_sizes(reports: int) -> None:
    values = reports * len(ATTRIBUTES)

    def say(what: str, octets: int, of: int = values) -> None:
        print(
            f"  {what:44} {octets / of:6.1f} bytes a value, {octets / (of / len(ATTRIBUTES)):6.1f} a report", flush=True
        )

    say("reports, and their key", measure("telemetry_report"))
    heap = ask("SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('telemetry_report') WHERE isleaf")[0][0]
    say("of it the key", measure("telemetry_report") - int(heap))
    ask("CREATE INDEX by_device ON telemetry_report (device_id)")
    say("with the index by device of before", measure("telemetry_report"))
    ask("DROP INDEX by_device")
    ask("CREATE TABLE ordered AS SELECT * FROM telemetry_report ORDER BY device_id, at")
    ask("ALTER TABLE ordered ADD PRIMARY KEY (device_id, at)")
    say("rewritten in the order of devices", measure_alone("ordered"))
    for way in ("pglz", "lz4"):
        ask(f"SET default_toast_compression = {way}")
        columns = ", ".join(f"array_agg((data ->> '{name}')::real ORDER BY at) AS {name}" for name in ATTRIBUTES)
        ask(
            f"CREATE TABLE packed_{way} AS SELECT device_id, assignment_id, at::date AS day, "
            f"array_agg((extract(epoch FROM at) * 1000)::bigint ORDER BY at) AS at, {columns} "
            "FROM telemetry_report GROUP BY 1, 2, 3"
        )
        say(f"a row a device and day, arrays of reals, {way}", measure_alone(f"packed_{way}"))


def report_reading(end: datetime) -> None:
    ask("VACUUM ANALYZE telemetry_report")
    ask("VACUUM ANALYZE ordered")
    ask("SET enable_seqscan = off")
    for what, start in (("its last week", end - timedelta(days=7)), ("all of it", end - timedelta(days=400))):
        lying, ordered = count_pages("telemetry_report", start), count_pages("ordered", start)
        print(f"  {what:14} of a device: {lying:6} pages as it lies, {ordered:6} in order", flush=True)


def report_deleting(devices: int, moment: datetime) -> None:
    from telemetry.history import retention

    times, deleted = [], 0
    began = time.perf_counter()
    for first in range(1, devices + 1, retention.DEVICES):
        some = list(range(first, min(first + retention.DEVICES, devices + 1)))
        last = retention.ROWS
        while last == retention.ROWS:
            start = time.perf_counter()
            last = retention._delete(retention.REPORTS, some, moment)
            times.append(time.perf_counter() - start)
            deleted += last
    rate = deleted / (time.perf_counter() - began)
    print(
        f"  {deleted} deleted, {rate:.0f} a second; the longest of {len(times)} statements {max(times) * 1000:.0f} ms"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=1_000_000)
    parser.add_argument("--devices", type=int, default=1_000)
    options = parser.parse_args()
    with run_servers() as (server, _):
        os.environ["DATABASE_URL"] = server.url
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        end = datetime.now(tz=UTC)
        rate = store(options.reports, options.devices, end - timedelta(days=85))
        print(
            f"{options.reports} reports of {len(ATTRIBUTES)} numbers, of {options.devices} devices: {rate:.0f} a second"
        )
        report_sizes(options.reports)
        report_reading(end)
        report_deleting(options.devices, end - timedelta(days=60))
    return 0


if __name__ == "__main__":
    sys.exit(main())
