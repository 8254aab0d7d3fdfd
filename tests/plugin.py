"""Starts the tests' PostgreSQL and Redis before Django reads its settings. Loaded by `-p tests.plugin`."""

from __future__ import annotations

import faulthandler
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import parts, template

if TYPE_CHECKING:
    from collections.abc import Generator

    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

ROOT = Path(__file__).resolve().parent.parent
# pytest-xdist: the controller starts PostgreSQL for all, each worker has a Redis of its own.
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
HANGS_SECONDS = 600
# Their tests share a system that takes long to start, or a database that takes long to make.
WHOLE = (
    "tests/e2e/",
    "tests/faults/test_connections.py",
    "tests/faults/test_demo.py",
    "tests/faults/test_proxy.py",
    "tests/faults/test_rabbitmq.py",
    "tests/faults/test_rabbitmq_gateways.py",
    "tests/faults/test_rabbitmq_losses.py",
    "tests/faults/test_rabbitmq_shut_out.py",
    "tests/faults/test_tls_end.py",
    "tests/devices/broker/embedded/test_broker.py",
    "tests/devices/broker/embedded/test_gateways.py",
    "tests/devices/broker/embedded/test_interpreted.py",
    "tests/provisioning/doors/test_doors_snippets.py",
    "tests/telemetry/ingest/test_partitions.py",
    "tests/test_first_release.py",
    "tests/test_static.py",
)
BROWSERS = "tests/e2e/"
# Their tests wait for processes, connections and moments more than they compute.
WAITING = (
    "tests/faults/",
    "tests/provisioning/doors/test_spotflow_device.py",
    "tests/firmware_sim/",
    "tests/config/",
    "tests/devices/broker/",
    "tests/devices/credentials/test_snippets.py",
    "tests/devices/imports/test_page_stream.py",
    "tests/devices/mqtt/",
    "tests/lib/test_live.py",
    "tests/provisioning/doors/test_certificate_curl.py",
    "tests/provisioning/doors/test_doors_snippets.py",
    "tests/provisioning/windows/test_stream.py",
    "tests/telemetry/dashboard/test_stream.py",
    "tests/test_bounds.py",
    "tests/test_slow_downloads.py",
    "tests/test_static.py",
)
# What runs on SQLite again: what code says to each database in its own words (`connection.vendor`, `lib.db`), what
# locks decide, what only the demo does, and every page by the cast. What else both are asked is the ORM's: once.
TWICE = (
    "tests/config/test_backup.py",
    "tests/config/test_demo",
    "tests/config/test_health.py",
    "tests/config/test_worker.py",
    "tests/devices/attention/",
    "tests/devices/broker/test_comings.py",
    "tests/devices/broker/test_lookup.py",
    "tests/devices/bulk_actions/",
    "tests/devices/commands/",
    "tests/devices/connections/",
    "tests/devices/credentials/",
    "tests/devices/imports/test_changes.py",
    "tests/devices/imports/test_checker.py",
    "tests/devices/imports/test_gateways.py",
    "tests/devices/imports/test_jobs.py",
    "tests/devices/imports/test_made_serials.py",
    "tests/devices/imports/test_removed.py",
    "tests/devices/imports/test_worker.py",
    "tests/devices/inventory/",
    "tests/devices/jobs/",
    "tests/devices/lifecycle/",
    "tests/devices/mqtt/",
    "tests/lib/",
    "tests/provisioning/doors/test_activate.py",
    "tests/provisioning/doors/test_certified.py",
    "tests/provisioning/doors/test_races.py",
    "tests/provisioning/journal/",
    "tests/provisioning/windows/test_races.py",
    "tests/telemetry/attention/",
    "tests/telemetry/dashboard/test_api.py",
    "tests/telemetry/dashboard/test_dashboard.py",
    "tests/telemetry/dashboard/test_stream.py::test_tells_every_change",
    "tests/telemetry/history/",
    "tests/telemetry/ingest/",
    "tests/telemetry/overview/",
    "tests/telemetry/test_dropped.py",
    "tests/tenants/groups/",
    "tests/test_access.py::test_route",
    "tests/test_events.py",
    "tests/test_site.py",
)
COMPUTES = "gw0"
started: list[parts.Server] = []
folder: Path | None = None
migrating: subprocess.Popen[bytes] | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sqlite", action="store_true", help="run on SQLite, without what needs PostgreSQL")
    parser.addoption("--again", action="store_true", help="with --sqlite: only what the other database does not show")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    known = early_config.known_args_namespace
    prepare(sqlite=known.sqlite, processes=known.numprocesses)
    return (yield)


def prepare(*, sqlite: bool, processes: object) -> None:
    global folder, migrating
    if WORKER == COMPUTES:
        os.nice(3)  # the tests of the others have limits of time
    # A run starts hundreds of Python's processes: what the first compiles serves all others.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    folder = Path(tempfile.mkdtemp(prefix="handover-test-"))
    os.environ |= {"DEMO": "1", "VAR_DIR": str(folder)}
    os.environ.setdefault(parts.SHARED, str(folder))
    collecting = None if WORKER else collect(folder / "static")
    initdb = None if sqlite else parts.find("postgresql")
    if not WORKER and not sqlite and initdb is None and parts.ci():
        raise pytest.UsageError("Under CI the tests run on PostgreSQL, which is not installed.")
    if not WORKER and initdb is None:
        os.environ.pop("DATABASE_URL", None)
    elif not WORKER and initdb is not None:
        os.environ["DATABASE_URL"] = start(parts.PostgreSQL(initdb)).url
    if not WORKER and processes:
        migrating = template.migrate(folder, os.environ.get("DATABASE_URL"))
    os.environ["REDIS_URL"] = start(parts.Redis()).url
    if collecting is not None and collecting.wait() != 0:
        raise pytest.UsageError("collectstatic failed: see above.")


def collect(into: Path) -> subprocess.Popen[bytes]:
    """Static files under the names that production gives them, so that a wrong name fails a test."""
    os.environ["STATIC_ROOT"] = str(into)
    return subprocess.Popen([sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"], cwd=ROOT)


def start(server: parts.Server) -> parts.Server:
    started.append(server)
    server.start()
    return server


def pytest_unconfigure() -> None:
    if migrating is not None:
        migrating.wait()
    while started:
        started.pop().stop()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def on_postgresql() -> bool:
    return "DATABASE_URL" in os.environ


def pytest_report_header() -> str:
    return f"database: {'PostgreSQL' if on_postgresql() else 'SQLite'}"


class Kind(Enum):
    """Of tests, by what they need; in the order in which a process that has none of its own left takes others'."""

    BROWSER, PATIENCE, PROCESSOR = range(3)


@cache
def kind(scope: str) -> Kind:
    if scope.startswith(BROWSERS):
        return Kind.BROWSER
    return Kind.PATIENCE if scope.startswith(WAITING) else Kind.PROCESSOR


class Spread(LoadScopeScheduling):  # type: ignore[misc]
    """pytest-xdist's way of dealing out tests, with two differences.

    Files whose tests share a whole system go to one process as a whole, and it is started once. And each process has a
    kind of its own, so that those that wait lie beside those that compute.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.startswith(WHOLE) else nodeid

    def _assign_work_unit(self, node: WorkerController) -> None:
        number = int(node.gateway.id.removeprefix("gw"))
        own = (Kind.PROCESSOR, Kind.BROWSER, Kind.PATIENCE)[number % 3]
        fitting = (scope for each in (own, *Kind) for scope in self.workqueue if kind(scope) is each)
        self.workqueue.move_to_end(next(fitting), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Spread:
    return Spread(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded by its end stays to the end: looking through it for garbage again and again is left out."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read no file of which nothing runs again."""
    if not (config.option.sqlite and config.option.again and collection_path.suffix == ".py"):
        return None
    name = collection_path.relative_to(ROOT).as_posix()
    return None if any(name.startswith(each.partition("::")[0]) for each in TWICE) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not on_postgresql():
        _without_postgresql(config, items)


def _without_postgresql(config: pytest.Config, items: list[pytest.Item]) -> None:
    """By choice, what needs it is left out; for want of it, it is skipped, and said so."""
    theirs = [item for item in items if item.get_closest_marker("postgres")]
    if config.option.sqlite:
        alike = [item for item in items if not _has_to_run_again(item)] if config.option.again else []
        left = {*theirs, *alike}
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]
    for item in theirs:
        item.add_marker(pytest.mark.skip(reason="PostgreSQL is not installed (on Debian: apt-get install postgresql)"))


def _has_to_run_again(item: pytest.Item) -> bool:
    if not item.nodeid.startswith(TWICE):
        return False
    fixtures = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db")) or not {"db", "transactional_db"}.isdisjoint(fixtures)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """A test that hangs ends its process with every thread's stack, rather than hold everything up for ever."""
    faulthandler.dump_traceback_later(HANGS_SECONDS, exit=True, file=2)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI nothing is skipped: a missing part is a fault of the machine's set-up."""
    report = yield
    if parts.ci() and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure under CI: {reason}"
    return report
