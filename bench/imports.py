"""Import: so many devices with credentials from a CSV file, beside the bare floor of the same run.

    python -m bench.imports [--rows 100000] [--rounds 6] [--whole]

On PostgreSQL, by a Celery worker of its own process, from the upload to the last commit: every row checked, then made,
with its events. The floor, in one bare process as nice as the worker: parse, make the same secrets, hash them, COPY
the same columns of devices and credentials into tables without a key or an index, write the result.
Meanwhile a page is asked for again and again from a site of its own process, as before the import, and the progress
that the site would show is compared with what is committed. What such a page takes beside a process that only keeps
a core busy is told too, to compare with; the bar is on the quiet site.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

NICE = ("nice", "-n", "10")
ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DEMO", "1")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.models import Import

BAR_FLOORS, BAR_MB, BAR_PROGRESS, BAR_WEB = 8.0, 256.0, 1.0, 1.2
SITE_WARM_UP, SITE_SECONDS, SITE_PAUSE = 20, 10.0, 0.1
LOOK_SECONDS, COMPARE_SECONDS = 0.1, 1.0  # both are work for the database, which the page feels


@contextmanager
def parts_of_production() -> Iterator[None]:
    import django

    from tests import parts

    initdb = parts.find("postgresql")
    if initdb is None:
        raise SystemExit("PostgreSQL is not installed (on Debian: apt-get install postgresql).")
    redis, database = parts.Redis(), parts.PostgreSQL(initdb)
    try:
        redis.start()
        database.start()
        with tempfile.TemporaryDirectory(prefix="handover-bench-") as folder:
            own = {"VAR_DIR": folder, "STATIC_ROOT": f"{folder}/static", "LOG_LEVEL": "ERROR"}
            os.environ |= own | {"REDIS_URL": redis.url, "DATABASE_URL": database.url}
            django.setup()
            subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
            subprocess.run([sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"], cwd=ROOT, check=True)
            yield
    finally:
        database.stop()
        redis.stop()


def file(rows: int, mark: str) -> bytes:
    lines = (f"{mark}{n:010d},Gateway {n},Hall {n % 100}\r\n" for n in range(rows))
    return ("Serial,Name,Description\r\n" + "".join(lines)).encode()


def floor(data: bytes) -> float:
    """Seconds."""
    from django.db import connection

    from devices.imports import writer as making
    from lib import key_wrapping

    with connection.cursor() as cursor:
        for table in ("device", "credential"):
            cursor.execute(f"CREATE TABLE floor_{table} (LIKE devices_{table} INCLUDING DEFAULTS)")
    began = time.perf_counter()
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]
    key = key_wrapping.new_key()
    secrets = key_wrapping.Deriver(key)
    made = [(number, secrets.derive_access(number)) for number in range(len(rows))]
    digests = [hashlib.sha256(access.secret.encode()).digest() for _, access in made]
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY floor_device ({','.join(making._DEVICE)}) FROM STDIN") as copy:
            for number, (serial, name, words) in enumerate(rows):
                copy.write_row(
                    (number, serial, 1, serial, serial, 1, name, words, 1, "{}", None, None, None, 1, number)
                )
        with cursor.copy(f"COPY floor_credential (id,{','.join(making._CREDENTIAL)}) FROM STDIN") as copy:
            for (number, access), digest in zip(made, digests, strict=True):
                copy.write_row((number, number, "access-key", access.key, digest, None))
    with tempfile.TemporaryFile("w", newline="") as result:
        lines = zip(rows, made, strict=True)
        csv.writer(result).writerows([*row, access.key, access.secret] for row, (_, access) in lines)
    taken = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE floor_device, floor_credential")
    return taken


class Pages(NamedTuple):
    """Seconds of each page that was asked for."""

    idle: list[float]  # before the import and after it, for the list grows meanwhile
    looped: list[float]  # beside a busy loop
    busy: list[float]  # during the import


class Spent(NamedTuple):
    """Seconds: by the clock, and of a core, with the database's."""

    wall: float
    cpu: float


def niced_floor(data: bytes) -> Spent:
    """In a process of its own, as nice as the worker: what else the machine does then slows both alike."""
    with tempfile.NamedTemporaryFile() as source:
        source.write(data)
        source.flush()
        command = [*NICE, sys.executable, "-m", "bench.imports", "--floor", source.name]
        told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return Spent(*map(float, told))


def told_floor(path: str) -> int:
    import django

    django.setup()
    spent = of_database() + time.process_time()
    taken = floor(Path(path).read_bytes())
    print(taken, of_database() + time.process_time() - spent)
    return 0


def cpu(*processes: psutil.Process) -> float:
    """Seconds that they took of a core."""
    times = [each.cpu_times() for each in processes]
    return float(sum(each.user + each.system for each in times))


def of_database() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
        return cpu(*(psutil.Process(pid) for (pid,) in cursor.fetchall()))


class Worker:
    """A Celery worker, as docs/operations.md starts it; its memory is read as it works."""

    def __init__(self) -> None:
        command = [*NICE, sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "solo"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    @property
    def cpu(self) -> float:
        return cpu(psutil.Process(self.process.pid))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class Asked(threading.Thread):
    """A person who reads the list, page after page."""

    def __init__(self, site: Any, path: str = "/") -> None:
        super().__init__(daemon=True)
        self._site, self._path = site, path
        self._ended = threading.Event()
        self.taken: list[float] = []

    def run(self) -> None:
        while not self._ended.wait(SITE_PAUSE):
            began = time.perf_counter()
            self._site.get(self._path)
            self.taken.append(time.perf_counter() - began)

    def end(self) -> list[float]:
        """Seconds, each time."""
        self._ended.set()
        self.join()
        return self.taken


def p95(taken: list[float]) -> float:
    """Milliseconds."""
    return 1000 * statistics.quantiles(taken, n=20)[18]


@contextmanager
def site() -> Iterator[Any]:
    """Signed in, from a process of its own."""
    from bench.servers import build_site_command
    from tests import builders
    from tests.parts import free_port, wait_for
    from tests.web import Browser

    port = free_port()
    process = subprocess.Popen(build_site_command(ROOT, port), cwd=ROOT)
    wait_for(port, process)
    try:
        browser = Browser(f"http://127.0.0.1:{port}")
        browser.sign_in("admin@bench.example", builders.PASSWORD)
        for _ in range(SITE_WARM_UP):
            browser.get("/")
        yield browser
    finally:
        process.terminate()
        process.wait(30)


def waited(importing: Import, state: str, worst: list[float]) -> None:
    """Until the import is seen in that state; notes by how many percent its progress was wrong."""
    rows = type(importing).objects.filter(pk=importing.pk)
    compared = time.monotonic()
    while (now := rows.values_list("state", flat=True).get()) != state:
        if now in ("failed", "cancelled"):
            raise SystemExit(f"{now}: {rows.get().cause}")
        if now == "running" and not importing.all_or_nothing and time.monotonic() - compared > COMPARE_SECONDS:
            worst.append(wrong(importing))
            compared = time.monotonic()
        time.sleep(LOOK_SECONDS)


def wrong(importing: Import) -> float:
    """By how many percent its progress is; between two looks it is between them."""
    from devices.jobs import leases
    from devices.models import Device

    before = leases.progress(importing)
    made = Device.objects.filter(source=importing).count()
    after = leases.progress(importing)
    return 100 * max(before.rows - made, made - after.rows, 0) / before.total


def one(data: bytes, by: Any, version: Any, *, whole: bool, worst: list[float]) -> tuple[float, float, float]:
    """Seconds of upload, check and run."""
    from devices import imports

    began = time.perf_counter()
    importing = imports.upload(by=by, version=version, name="bench.csv", chunks=[data])
    uploaded = time.perf_counter()
    options: dict[str, Any] = {"columns": importing.columns, "encoding": importing.encoding, "name_pattern": ""}
    options |= {"delimiter": importing.delimiter, "group": None, "all_or_nothing": whole}
    assert imports.match(importing=importing, by=by, **options)
    waited(importing, "checked", worst)
    importing.refresh_from_db()
    checked = seconds(importing)
    assert imports.start(importing=importing, by=by)
    waited(importing, "done", worst)
    importing.refresh_from_db()
    return uploaded - began, checked, seconds(importing)


def quiet(browser: Any) -> list[float]:
    asked = Asked(browser)
    asked.start()
    time.sleep(SITE_SECONDS)
    return asked.end()


def beside_a_loop(browser: Any) -> list[float]:
    """As `quiet`, while a process as nice as the worker keeps a core busy with nothing."""
    loop = subprocess.Popen([*NICE, sys.executable, "-c", "while True: sum(range(1000))"])
    try:
        return quiet(browser)
    finally:
        loop.kill()
        loop.wait()


def downloaded(by: Any) -> float:
    """Seconds to write the latest import's result."""
    from devices import imports
    from devices.credentials import deliveries
    from devices.models import Import

    latest = Import.objects.manageable_by(by).select_related("version", "file", "delivery").latest("pk")
    assert latest.delivery is not None
    began = time.perf_counter()
    for _ in imports.write_result_csv(latest, deliveries.unseal_key(latest.delivery)):
        pass
    return time.perf_counter() - began


def seconds(importing: Import) -> float:
    """From a worker's beginning until now, when its last commit was just seen: that takes its time too, and
    `finished_at` was written before it. By the database's clock."""
    from django.db import connection

    assert importing.started_at is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp() - %s)", [importing.started_at])
        return float(cursor.fetchone()[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--whole", action="store_true", help="all or nothing: one transaction")
    parser.add_argument("--floor", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor:
        return told_floor(options.floor)
    with parts_of_production():
        from tenants.models import Role
        from tests import builders

        organisation = builders.make_organisation("Bench")
        version = builders.make_recipe(organisation)
        version.identity = {"kind": "opaque"}
        version.save()
        by = builders.make_user("admin@bench.example", organisation.root, Role.ADMIN)
        worker = Worker()
        try:
            return measure(options, by, version, worker)
        finally:
            worker.stop()


def measure(options: argparse.Namespace, by: Any, version: Any, worker: Worker) -> int:
    floors, taken, worst, pages = [], [], [0.0], Pages([], [], [])
    base_cpu: list[float] = []
    own_cpu: list[float] = []
    results: list[float] = []
    with site() as browser:
        warm = one(file(1_000, "W"), by, version, whole=False, worst=[])
        del warm
        for number in range(options.rounds):
            data = file(options.rows, f"R{number}")
            least = niced_floor(data)
            floors.append(least.wall)
            base_cpu.append(least.cpu)
            pages.idle.extend(quiet(browser))
            pages.looped.extend(beside_a_loop(browser))
            during = Asked(browser)
            during.start()
            spent = of_database() + worker.cpu
            taken.append(one(data, by, version, whole=options.whole, worst=worst))
            own_cpu.append(of_database() + worker.cpu - spent)
            pages.busy.extend(during.end())
            pages.idle.extend(quiet(browser))
            floors.append(niced_floor(data).wall)
            results.append(downloaded(by))
        download = " ".join(f"{each:.1f}" for each in results)
        print(f"result with secrets downloaded in {download} s")
        print(f"time on a core: {statistics.median(own_cpu) / statistics.median(base_cpu):.1f} times the floor's")
        return verdict(options, floors, taken, worst, pages, worker.peak_mb)


def verdict(
    options: argparse.Namespace,
    floors: list[float],
    taken: list[tuple[float, float, float]],
    worst: list[float],
    pages: Pages,
    peak: float,
) -> int:
    base = statistics.median(floors)
    upload, check, run = (statistics.median(each) for each in zip(*taken, strict=True))
    idle, looped, busy = (p95(each) for each in pages)
    ratio = (check + run) / base
    load = os.getloadavg()[0] / (psutil.cpu_count() or 1)
    print(f"{options.rows} rows, {'all or nothing' if options.whole else 'by batches'}, load {load:.1f} a core")
    print(f"floor {base:.2f} s; upload {upload:.2f} s, check {check:.2f} s, run {run:.2f} s")
    print(
        f"check and run: {ratio:.1f} times the floor (bar {BAR_FLOORS:.0f}), {options.rows / (check + run):.0f} rows/s"
    )
    print(f"worker's peak memory: {peak:.0f} MB (bar {BAR_MB:.0f})")
    print(f"progress wrong by at most {max(worst):.2f} % (bar {BAR_PROGRESS:.0f})")
    print(
        f"a page's p95: {idle:.0f} ms before and after, {busy:.0f} ms during: {busy / idle:.2f} times (bar {BAR_WEB});"
        f" beside a loop that does nothing {looped:.0f} ms, {looped / idle:.2f} times"
    )
    missed = ratio > BAR_FLOORS or peak > BAR_MB or max(worst) > BAR_PROGRESS or busy / idle > BAR_WEB
    print("MISSED" if missed else "met")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
