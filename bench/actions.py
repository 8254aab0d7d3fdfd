"""Many devices moved, tagged, locked and given new credentials, beside the bare UPDATE of the same rows.

    python -m bench.actions [--devices 100000]

On PostgreSQL where the machine has it, else on SQLite. An action writes far more than the UPDATE: an event for each
device, what undoing needs, and for a move two assignments. Prints seconds, ratios, and the process's peak memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from tests import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BAR_SECONDS = 60.0
CHUNK = 5_000


def prepare(stack: ExitStack) -> None:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    os.environ |= {"DEMO": "1", "VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
    servers: list[parts.Server] = [parts.Redis()]
    if initdb := parts.find("postgresql"):
        database = parts.PostgreSQL(initdb)
        servers.append(database)
    for server in servers:
        server.start()
        stack.callback(server.stop)
    os.environ["REDIS_URL"] = servers[0].url
    if initdb:
        os.environ["DATABASE_URL"] = servers[1].url
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def make_fleet(count: int) -> tuple[Any, Any, Any]:
    """An owner, and two leaves; every device in the first."""
    from devices.models import Assignment, Device
    from tenants.models import Role
    from tests import builders

    organisation = builders.make_organisation("Kanarra")
    first, second = (builders.make_group(organisation.root, name) for name in ("First", "Second"))
    owner = builders.make_user("owner@kanarra.example", organisation.root, Role.ADMIN)
    version = builders.make_recipe(organisation)
    for start in range(0, count, CHUNK):
        rows = range(start, min(start + CHUNK, count))
        made = Device.objects.bulk_create(
            Device(
                organisation=organisation,
                version=version,
                serial=f"B{number:07}",
                serial_key=f"B{number:07}",
                name=f"Gateway {number}",
                tags={"batch": "7"},
            )
            for number in rows
        )
        placed = Assignment.objects.bulk_create(Assignment(device=device, group=first) for device in made)
        for device, assignment in zip(made, placed, strict=True):
            device.group, device.assignment = first, assignment
        Device.objects.bulk_update(made, ["group", "assignment"], batch_size=1_000)
    return owner, first, second


class Taken(NamedTuple):
    """Seconds: by the clock, and of a core, ours and the database's, which others on the machine do not lengthen."""

    wall: float
    cpu: float


def timed(act: Callable[[], object]) -> Taken:
    start, spent = time.perf_counter(), on_a_core()
    act()
    return Taken(time.perf_counter() - start, on_a_core() - spent)


def on_a_core() -> float:
    from django.db import connection

    if connection.vendor != "postgresql":
        return time.process_time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        times = psutil.Process(cursor.fetchone()[0]).cpu_times()
    return float(time.process_time() + times.user + times.system)


def compare(count: int) -> Iterator[tuple[str, Taken | None, Taken, Taken | None]]:
    """Name; what previewing and starting took, running, and the bare UPDATE."""
    from django.db.models.functions import Now

    from devices.bulk_actions import eligibility, runner
    from devices.bulk_actions.eligibility import Params
    from devices.models import BulkAction, Device

    owner, first, second = make_fleet(count)
    devices = Device.objects.manageable_by(owner)
    every: tuple[tuple[str, Params, dict[str, Any]], ...] = (
        ("tag", Params(tag="site", value="roof"), {"tags": {"batch": "7"}}),
        ("lock", Params(), {"locked_at": Now()}),
        ("unlock", Params(), {"locked_at": None}),
        ("move", Params(group=second.pk), {"group": first.pk}),
        ("reissue", Params(), {"expires_at": None}),
    )
    for kind, params, bare in every:
        begun: list[BulkAction] = []

        def begin(kind: str = kind, params: Params = params, begun: list[BulkAction] = begun) -> None:
            digest = eligibility.preview(devices, kind, params).digest
            begun.append(
                runner.start(kind=kind, params=params, devices=devices, selection={}, previewed=digest, by=owner)
            )

        starting = timed(begin)
        running = timed(lambda begun=begun: runner.run(action=begun[0]))  # type: ignore[misc]
        begun[0].refresh_from_db()
        if (begun[0].state, begun[0].changed) != ("done", count):
            raise SystemExit(f"{kind}: {begun[0].state}, {begun[0].changed} changed")
        if begun[0].kind == "move":
            back = runner.undo(action=begun[0], by=owner)
            yield "undo move", None, timed(lambda back=back: runner.run(action=back)), None  # type: ignore[misc]
        yield kind, starting, running, timed(lambda bare=bare: devices.update(**bare))  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=100_000)
    options = parser.parse_args()
    slow = []
    with ExitStack() as stack:
        prepare(stack)
        from django.db import connection

        print(f"{options.devices} devices, {connection.vendor}")
        for name, starting, running, bare in compare(options.devices):
            ratio = f"{running.cpu / bare.cpu:5.1f} times the bare UPDATE ({bare.cpu:.1f} s)" if bare else ""
            begun = f"started in {starting.wall:.1f} s" if starting else ""
            print(
                f"{name:10} {begun:16} done in {running.wall:6.1f} s, {running.cpu:5.1f} s of a core {ratio}",
                flush=True,
            )
            slow += [name] if running.wall > BAR_SECONDS else []
        connection.close()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if slow:
        sys.exit(f"slower than {BAR_SECONDS:.0f} s: {', '.join(slow)}")


if __name__ == "__main__":
    main()
