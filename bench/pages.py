"""What pages cost with a large fleet, beside the same pages with a small one.

    python -m bench.pages [--devices 100000] [--groups 10000] [--rounds 40] [--only group] [--beside COMMIT]

Two databases on one PostgreSQL: 100 devices in 20 groups, and 100,000 in 10,000 at depth 8. Each is asked by a process
of its own, in turns, as the whole organisation's admin and as a customer's, and cold of nothing: the page itself, from
the view to the last byte. Prints queries and milliseconds (p50, p95) and their ratio; the bar is no more queries, and
a p95 within twice. With `--beside`, home, list, device page and its live part are then asked of both builds
(`bench/pages_beside.py`): the bar is 0.6 times the processor time. `--only none` leaves the first part out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

ROOT = Path(__file__).resolve().parent.parent

from bench.pages_beside import compare
from bench.servers import run_servers
from tests import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from devices.models import Device
    from tenants.models import Group, Organisation

DEPTH, CHILDREN = 8, 4
NEEDING = 20  # devices
MODELS = ("KG-60", "KG-100", "KG-250", "KG-500")


# The fleet ------------------------------------------------------------------------------------


def make(devices: int, groups: int) -> None:
    from django.core.management import call_command

    from tenants.groups.operations import create_organisation
    from tenants.models import Membership, Role, User

    call_command("migrate", verbosity=0)
    organisation = create_organisation(name="Kanarra", slug="kanarra")
    tree = grow(organisation, groups)
    customer = next(group for group in tree if group.depth == 2)
    for email, group in (("owner@kanarra.example", organisation.root), ("admin@customer.example", customer)):
        user = User.objects.create_user(email, "x", organisation=organisation)
        Membership.objects.create(user=user, group=group, role=Role.ADMIN)
    fill(organisation, [group for group in tree if not group.numchild and group.depth > 2], devices)
    settle()


def grow(organisation: Organisation, number: int) -> list[Group]:
    """A tree of so many groups, as deep as `DEPTH`, each inner one with some children."""
    from tenants.models import Group

    root = organisation.root
    made: list[Group] = []
    # Down to the bottom first, so that the depth is there however few groups there are; then broad.
    chain = [root]
    for _ in range(DEPTH - 1):
        chain.append(_hang(chain[-1], made, "Line"))
    queue = [root, *made]
    while len(made) < number:
        parent = queue.pop(0)
        if parent.depth < DEPTH:
            queue.extend(_hang(parent, made, "Site") for _ in range(CHILDREN) if len(made) < number)
    Group.objects.bulk_create(made, batch_size=5000)
    Group.objects.filter(pk=root.pk).update(numchild=root.numchild)
    return list(Group.objects.all())


def _hang(parent: Group, made: list[Group], name: str) -> Group:
    from tenants.models import Group

    parent.numchild += 1
    path = Group._get_path(parent.path, parent.depth + 1, parent.numchild)
    child = Group(name=f"{name} {len(made):05}", path=path, depth=parent.depth + 1)
    made.append(child)
    return child


def fill(organisation: Organisation, leaves: list[Group], number: int) -> None:
    """All but one of a hundred in a group; a quarter online while the run takes, a quarter gone; some with tags."""
    from django.utils.timezone import now

    from devices.identity import serials
    from devices.models import Assignment, Connection, Device, DeviceModel, Recipe, RecipeVersion
    from provisioning.models import Window
    from tenants.models import User

    models = [DeviceModel.objects.create(organisation=organisation, name=name) for name in MODELS]
    version = RecipeVersion.objects.create(recipe=Recipe.objects.create(organisation=organisation, name="Gateway"))
    for start in range(0, number, 5000):
        batch = []
        for index in range(start, min(start + 5000, number)):
            serial = serials.generate()
            tags = {"site": f"S{index % 997}"} | ({"rare": "yes"} if index % 10_000 == 50 else {})
            name = f"Generator {index:06}"
            batch.append(
                Device(
                    organisation=organisation,
                    version=version,
                    serial=serial,
                    serial_key=serials.fold(serial),
                    name=name,
                    model=models[index % len(models)],
                    tags=tags,
                )
            )
        Device.objects.bulk_create(batch)
        placed = [device for number_, device in enumerate(batch) if number_ % 100]
        opened = Assignment.objects.bulk_create(
            Assignment(device=device, group=leaves[device.pk * 7919 % len(leaves)]) for device in placed
        )
        for device, assignment in zip(placed, opened, strict=True):
            device.group, device.assignment = assignment.group, assignment
        Device.objects.bulk_update(placed, ["group", "assignment"], batch_size=1000)
        Connection.objects.bulk_create(
            Connection(device=device, last_seen_at=now() + timedelta(hours=1 if device.pk % 4 == 1 else -1))
            for device in placed
            if device.pk % 2
        )
    need_attention(organisation)
    for device, user in zip(Device.objects.filter(group=None)[:2], User.objects.all(), strict=False):
        later = now() + timedelta(days=1)
        Window.objects.create(device=device, technician=user, deadline=later, pressed_at=now())


def need_attention(organisation: Organisation) -> None:
    """Have a few devices need it, from the first to the last: as many of a small fleet as of a large one."""
    from devices.models import Attention, Device

    devices = Device.objects.filter(organisation=organisation).exclude(group=None)
    placed = list(devices.order_by("pk").values_list("pk", "assignment"))
    Attention.objects.bulk_create(
        Attention(organisation=organisation, device_id=device, assignment_id=assignment, cause="silent")
        for device, assignment in placed[:: len(placed) // NEEDING]
    )


def settle() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


# Asking ---------------------------------------------------------------------------------------


def pages(user: Any) -> dict[str, str]:
    """Name -> address, the same questions for both fleets."""
    from urllib.parse import urlencode

    from devices.inventory.listing import BY_NAME
    from devices.models import Device
    from tenants.models import Group

    visible = Device.objects.visible_to(user).filter(group__depth__gte=3).order_by("name")
    some = visible[visible.count() // 2]
    late = visible[visible.count() * 9 // 10]
    path = some.group.path if some.group else ""
    seen = Group.objects.visible_to(user)
    middle = next(group for group in seen.order_by("depth") if path.startswith(group.path) and group.depth > 2)
    found = {
        "list": "",
        "list of a group": urlencode({"group": middle.pk}),
        "list, a late page": urlencode({"after": BY_NAME.write([late.name, late.pk])}),
        "list, needs attention first": urlencode({"order": "attention"}),
        "list, needs attention first, a late page": urlencode(
            {"order": "attention", "after": BY_NAME.write([1, late.name, late.pk])}
        ),
        "search: a name": urlencode({"q": some.name}),
        "search: part of many names": urlencode({"q": "erator"}),
        "search: a serial": urlencode({"q": some.serial}),
        "search: nothing": urlencode({"q": "no such device"}),
        "search: nothing, two letters": urlencode({"q": "z!"}),
        "status online": urlencode({"status": "online"}),
        "status offline": urlencode({"status": "offline"}),
        "status never": urlencode({"status": "never"}),
        "status expired": urlencode({"status": "expired"}),
        "status locked": urlencode({"status": "locked"}),
        "model": urlencode({"model": some.model_id}),
        "tag": urlencode({"tag": "rare"}),
        "tag with value": urlencode({"tag": "site:S7"}),
        "tag that nobody has": urlencode({"tag": "nobody"}),
        "waiting": urlencode({"waiting": 1}),
    }
    addresses = {name: f"/?{query}" for name, query in found.items()}
    return addresses | {
        "tree": f"/groups/{middle.pk}/tree/",
        "device": some.get_absolute_url(),
        "events": f"/devices/{some.serial}/events/",
        **administration(user, some),
    }


def administration(user: Any, some: Device) -> dict[str, str]:
    from devices.models import Recipe
    from provisioning.models import Window
    from tenants.models import Group, Role

    top = next(group for group in Group.objects.manageable_by(user).order_by("depth"))
    leaf = some.group
    assert leaf
    middle = Group.objects.get(path=leaf.parent_path)
    found = {
        "groups": "/groups/",
        "groups: a search": "/groups/?q=Site+0001",
        "groups: nothing found": "/groups/?q=nowhere",
        "group, the topmost": f"/groups/{top.pk}/",
        "group, children of": f"/groups/{top.pk}/children/",
        "group, in the middle": f"/groups/{middle.pk}/",
        "group, a leaf": f"/groups/{leaf.pk}/",
        "move: where to": f"/groups/{leaf.pk}/move/",
        "move: preview": f"/groups/{leaf.pk}/move/?to={top.pk}",
        "people": "/people/",
        "people: invite": "/people/invite/",
        "log": "/journal/",
        "tokens": "/tokens/",
        "labels": "/labels/",
        "actions": "/actions/",
        "bulk: move, settings": f"/actions/new/?scope=all&kind=move&query=group%3D{leaf.pk}",
        "bulk: lock, preview": f"/actions/new/?scope=all&kind=lock&query=group%3D{leaf.pk}",
        "credentials": f"/devices/{some.serial}/credentials/",
        "register": "/register/",
    }
    if window := Window.objects.visible_to(user).filter(closed_at=None).first():
        found["window: the form"] = f"/register/{window.key}/"
    if user.reach(Role.ADMIN) and user.owns_organisation:
        recipe = Recipe.objects.manageable_by(user).get()
        owners = {"recipes": "/recipes/", "recipe": f"/recipes/{recipe.pk}/", "imports": "/imports/"}
        found |= owners | {"add: one": "/devices/new/", "add: many": "/devices/new/?how=many"}
    return found


def answer() -> None:
    """The child's part: one line of JSON in, name and address; one out, queries and seconds."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from tenants.models import User

    settings.ALLOWED_HOSTS = ["testserver"]
    asked = {}
    for user in User.objects.order_by("pk"):
        client = Client()
        client.force_login(user)
        asked[user.email.split("@")[0]] = (client, pages(user))
    print(json.dumps({who: list(addresses) for who, (_, addresses) in asked.items()}), flush=True)
    for line in sys.stdin:
        who, name, counted = json.loads(line)
        client, addresses = asked[who]
        if counted:
            with CaptureQueriesContext(connection) as queries:
                ask(client, addresses[name])
            print(json.dumps(len(queries)), flush=True)
            continue
        began = time.perf_counter()
        response = ask(client, addresses[name])
        took = time.perf_counter() - began
        assert response.status_code == 200, (who, name, response.status_code)
        print(json.dumps(took), flush=True)


def ask(client: Client, address: str) -> Any:
    """Actions are asked for by POST, and change nothing before they are run."""
    path, _, query = address.partition("?")
    return client.post(path, dict(parse_qsl(query))) if path == "/actions/new/" else client.get(address)


class Fleet:
    """A process that asks one database."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "bench.pages", "--answer"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.names: dict[str, list[str]] = self._hear()

    def ask(self, who: str, name: str, *, counted: bool = False) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([who, name, counted]) + "\n")
        self.process.stdin.flush()
        heard: float = self._hear()
        return heard

    def _hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("A fleet's process has ended.")
        return json.loads(line)


def run(rounds: int, only: str, small: Fleet, large: Fleet) -> Iterator[tuple[str, list[str]]]:
    for who, names in small.names.items():
        for name in filter(re.compile(only).search, names):
            queries = [fleet.ask(who, name, counted=True) for fleet in (small, large)]
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds):
                for fleet, taken in zip((small, large), times, strict=True):
                    taken.append(fleet.ask(who, name) * 1000)
            middles = [statistics.median(taken) for taken in times]
            worst = [sorted(taken)[int(len(taken) * 0.95)] for taken in times]
            figures = [f"{queries[0]:.0f}", f"{queries[1]:.0f}", *(f"{value:.1f}" for value in (*middles, *worst))]
            fine = queries[1] <= queries[0] and worst[1] <= 2 * worst[0]
            yield f"{who}: {name}", [*figures, f"{worst[1] / worst[0]:.2f}", "" if fine else "MISSED"]


def prepared(server: parts.PostgreSQL, name: str, devices: int, groups: int, folder: Path) -> dict[str, str]:
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = server.url.rsplit("/", 1)[0] + f"/{name}"
    environment = os.environ | {"DEMO": "1", "DATABASE_URL": url, "VAR_DIR": str(folder)}
    command = [sys.executable, "-m", "bench.pages", "--make", str(devices), str(groups)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return environment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", default="", help="pages whose names match this regular expression")
    parser.add_argument("--beside", default="", metavar="COMMIT", help="another build, to compare with")
    parser.add_argument("--beside-rounds", type=int, default=9)
    parser.add_argument("--make", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make or given.answer:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        import django

        django.setup()
        make(*given.make) if given.make else answer()
        return
    if given.only != "none":
        with run_servers() as (server, folder):
            report(server, folder, given)
    if given.beside:
        fleets = [(100, 20), (given.devices, given.groups)]
        raise SystemExit(0 if compare(given.beside, fleets, given.beside_rounds) else 1)


def report(server: parts.PostgreSQL, folder: Path, given: argparse.Namespace) -> None:
    began = time.monotonic()
    small = Fleet(prepared(server, "small", 100, 20, folder))
    large = Fleet(prepared(server, "large", given.devices, given.groups, folder))
    print(f"fleets made in {time.monotonic() - began:.0f} s; 100 devices beside {given.devices:,}\n")
    print(f"{'page':38} {'queries':>9} {'p50 ms':>15} {'p95 ms':>15} {'ratio':>6}")
    try:
        for name, (few, many, p50, great50, p95, great95, ratio, word) in run(given.rounds, given.only, small, large):
            print(f"{name:38} {few:>4} {many:>4} {p50:>7} {great50:>7} {p95:>7} {great95:>7} {ratio:>6} {word}")
    finally:
        for fleet in (small, large):
            fleet.process.kill()
            fleet.process.wait()


if __name__ == "__main__":
    main()
