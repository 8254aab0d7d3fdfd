"""Make devices, or read their history, in the tree of an older build, for `bench.history --beside`.

`python history_former.py make COUNT` prints as JSON of each device its primary key and its assignment's.
`python history_former.py read END ROUNDS DAYS...` reads, up to END (ISO 8601), so many days of one attribute and of
eight, as the build's charts do, of ROUNDS devices; prints as JSON, by days and attributes: median milliseconds, of the
whole, the processor and the database, and what was least and greatest.
"""

from __future__ import annotations

import json
import random
import runpy
import statistics
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

WARM = 6  # reads before those that are timed
FLEET = runpy.run_path(str(Path(__file__).with_name("ingest_fleet.py")))


def make(count: int) -> list[tuple[int, int]]:
    from tests import builders

    organisation = builders.make_organisation("Bench")
    version = builders.make_recipe(organisation)
    group = builders.make_group(organisation.root, "Fleet")
    fleet = FLEET["make_fleet"](version, group, count, FLEET["ATTRIBUTES"])
    return [(device.pk, device.assignment_id) for device in fleet]


def read(end: datetime, rounds: int, days: list[int]) -> dict[str, Any]:
    from devices.models import Device
    from telemetry import series  # type: ignore[attr-defined]
    from telemetry.models import Report

    devices = list(Device.objects.order_by("pk"))
    found = {}
    for length in days:
        span = series.Span(end - timedelta(days=length), end)
        for names in (FLEET["ATTRIBUTES"][:1], FLEET["ATTRIBUTES"]):
            times, ends = [], []
            chosen = random.Random(2).choices(devices, k=rounds)
            for device in (chosen * WARM)[: max(WARM, rounds)]:
                series.read(Report.objects.of(device), names, span)
            for device in chosen:
                taken, told = measure(lambda: series.read(Report.objects.of(device), names, span))  # noqa: B023
                times.append(taken)
                ends.append([device.pk, *find_ends(told, names[0])])
            found[f"{length} {len(names)}"] = [statistics.median(column) for column in zip(*times, strict=True)], ends
    return found


def measure(act: Any) -> tuple[tuple[float, float, float], Any]:
    from django.db import connection

    spent = 0.0

    def watch(execute: Any, *args: Any) -> Any:
        nonlocal spent
        began = time.perf_counter()
        try:
            return execute(*args)
        finally:
            spent += time.perf_counter() - began

    began, began_cpu = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(watch):
        told = act()
    whole, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return (whole * 1000, cpu * 1000, spent * 1000), told


def find_ends(told: Any, name: str) -> tuple[float, float]:
    """Return the least and the greatest of what was read."""
    low, high = (each.get(name) or told.values[name] for each in (told.low, told.high))
    of = [[each for each in column if each is not None] for column in (low, high)]
    return min(of[0], default=0), max(of[1], default=0)


def main() -> None:
    FLEET["choose_tree"]()
    import django

    django.setup()
    act, *rest = sys.argv[1:]
    if act == "make":
        print(json.dumps(make(int(rest[0]))))
    else:
        print(json.dumps(read(datetime.fromisoformat(rest[0]), int(rest[1]), [int(each) for each in rest[2:]])))


if __name__ == "__main__":
    main()
