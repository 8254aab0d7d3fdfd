"""Home, list, device page and its live part, beside another build: `python -m bench.pages --beside COMMIT`.

Each build has its own tree, process and database, with a small and a large fleet; they are asked in turns, and change
who begins. What is compared is processor time, of the process and of its backend at PostgreSQL: a clock would
tell of whoever else uses the machine. The ratio of a page is the median of the rounds' ratios.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from bench.servers import check_out, run_servers

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("home", "list", "device", "live", "customer's home", "customer's list")
BAR, WORST = 0.6, 1.05  # the goal for each page, and what none may ever be
TIMES = 20  # how often a page is asked for in a round


class Cost(NamedTuple):
    """Hold what a page costs: seconds of the process, of the database and by the clock, and statements."""

    process: float
    database: float
    clock: float
    statements: int

    @property
    def total(self) -> float:
        return self.process + self.database


class Asked:
    """A process that asks one build's pages."""

    def __init__(self, tree: Path, environment: dict[str, str]) -> None:
        command = [sys.executable, "-c", (ROOT / "bench" / "page_times.py").read_text()]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=tree, env=environment, stdin=pipe, stdout=pipe, text=True)

    def ask(self, page: str, times: int) -> Cost:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([page, times]) + "\n")
        self.process.stdin.flush()
        return Cost(*json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def compare(commit: str, fleets: list[tuple[int, int]], rounds: int) -> bool:
    """Print the ratios for each fleet, of (devices, groups); return whether they are within their bars."""
    fine = True
    with run_servers() as (server, folder), check_out(commit) as former:
        trees = {"former": former, "new": ROOT}
        for devices, groups in fleets:
            asked = {}
            with ExitStack() as stack:
                for name, tree in trees.items():
                    environment = make_fleet(server.url, f"{name}_{devices}", tree, folder, devices, groups)
                    asked[name] = Asked(tree, environment)
                    stack.callback(asked[name].end)
                fine = tell(devices, measure(asked, rounds)) and fine
    return fine


def make_fleet(url: str, name: str, tree: Path, folder: Path, devices: int, groups: int) -> dict[str, str]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    mine = {"DATABASE_URL": f"{url.rpartition('/')[0]}/{name}", "STATIC_ROOT": f"{folder}/static_{name}"}
    environment = {**os.environ, **mine}
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
    make = [sys.executable, "-m", "bench.pages", "--make", str(devices), str(groups)]
    for command in (collect, make):
        subprocess.run(command, cwd=tree, env=environment, check=True)
    return environment


def measure(asked: dict[str, Asked], rounds: int) -> dict[str, list[dict[str, Cost]]]:
    """Return page -> rounds -> build -> cost."""
    for each in asked.values():
        for page in PAGES:
            each.ask(page, 5)
    found: dict[str, list[dict[str, Cost]]] = {page: [] for page in PAGES}
    for number in range(rounds):
        names = list(asked) if number % 2 else list(asked)[::-1]
        for page in PAGES:
            found[page].append({name: asked[name].ask(page, TIMES) for name in names})
    return found


def tell(devices: int, found: dict[str, list[dict[str, Cost]]]) -> bool:
    rows: list[dict[str, Any]] = [_judge(devices, page, rounds) for page, rounds in found.items()]
    print(f"\n{devices:,} devices; milliseconds of processor time: process + database, medians")
    print(f"{'page':18}{'former':>16}{'new':>16}{'ratio':>8}{'clock':>8}{'statements':>12}  bar")
    for row in rows:
        print("{page:18}{former:>16}{new:>16}{ratio:>8.2f}{clock:>8.2f}{statements:>12}  {bar} {word}".format(**row))
    return all(row["ratio"] <= row["bar"] for row in rows)


def _judge(devices: int, page: str, rounds: list[dict[str, Cost]]) -> dict[str, Any]:
    ratio = statistics.median(each["new"].total / each["former"].total for each in rounds)
    words = {
        name: " + ".join(
            f"{statistics.median(getattr(each[name], part) for each in rounds) * 1000:.2f}"
            for part in ("process", "database")
        )
        for name in ("former", "new")
    }
    return {
        "page": page,
        **words,
        "ratio": ratio,
        "clock": statistics.median(each["new"].clock / each["former"].clock for each in rounds),
        "statements": f"{rounds[0]['former'].statements} -> {rounds[0]['new'].statements}",
        "bar": BAR,
        "word": "" if ratio <= BAR else "MISSED" if ratio <= WORST else "WORSE THAN EVER ALLOWED",
    }
