"""Where a group lies is kept by the group alone: a path is given out again, and would then let somebody else in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.db import connection, transaction
from django.test import AsyncClient
from django.urls import reverse

from devices.models import RecipeVersion
from tenants.audit import log as audit_log
from tenants.groups import operations as groups
from tenants.models import Group, Role
from tests import builders
from tests.devices.api import Program
from tests.devices.labels.test_printing import FULL
from tests.provisioning.conftest import pressed_window

if TYPE_CHECKING:
    from django.db.models import Field
    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.django_db
OURS = ("tenants", "devices", "telemetry", "provisioning")


def fields() -> list[Field]:  # type: ignore[type-arg]
    return [field for room in OURS for model in apps.get_app_config(room).get_models() for field in model._meta.fields]


def test_no_model_but_group_has_a_path() -> None:
    named = {f"{field.model.__name__}.{field.name}" for field in fields() if "path" in field.name}
    assert named == {"Group.path"}


def test_what_people_do_writes_no_path(client: Client, world: World) -> None:
    """Every table is read whole: log, events, jobs, saved answers, sessions."""
    do_much(client, world)
    paths = [path for path in Group.objects.values_list("path", flat=True) if len(path) >= 3 * Group.steplen]
    assert len(paths) > 3
    assert [where for where, text in texts() if any(path in text for path in paths)] == []


def do_much(client: Client, world: World) -> None:
    admin, owner = Program(world.admin), Program(world.owner)
    wing = told(admin.post("groups/", {"name": "Wing", "parent": world.region.pk}, key="one"))["id"]
    for act in ("archive", "restore"):
        told(admin.post(f"groups/{wing}/{act}/"))
    Program(world.admin, Group.objects.get(pk=wing)).get("me/")
    told(admin.post("invitations/", {"email": "new@sadler.example", "group": wing, "role": "admin"}))
    told(admin.post(f"groups/{wing}/move/", {"parent": world.sadler.pk}))
    client.force_login(world.admin)
    client.get(reverse("devices:list"), {"group": wing})
    assert client.post("/labels/print/", FULL | {"group": world.anaheim.pk}).status_code == 200
    moved = {"kind": "move", "params": {"group": wing}, "serials": [world.placed.serial]}
    told(admin.post("actions/", moved))
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={})
    told(owner.post("imports/count/", {"recipe": world.version.recipe_id, "total": 2, "group": world.boise.pk}))
    pressed_window(world)
    told(owner.post(f"groups/{world.sadler.pk}/move/", {"parent": world.tekton.pk}))


def told(answer: Any) -> Any:
    assert answer.status_code in {200, 201}, answer.content
    return answer.json()


def texts() -> list[tuple[str, str]]:
    """(table, row) of everything but the tree itself."""
    found = []
    with connection.cursor() as cursor:
        for table in sorted(set(connection.introspection.table_names()) - {Group._meta.db_table}):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [(table, repr(row)) for row in cursor.fetchall()]
    return found


def test_an_id_is_never_given_out_twice(world: World) -> None:
    last = builders.make_group(world.region, "Last")
    with transaction.atomic():
        groups.delete(group=last)
    following = builders.make_group(world.region, "Next")
    assert following.path == last.path
    assert following.pk > last.pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["log", "registry"])
def test_a_download_goes_on_with_what_its_reader_may_have_then(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Its reader's group goes elsewhere while the file is sent, and another group comes to lie where it lay."""
    monkeypatch.setattr("provisioning.journal.export.CHUNK", 1)
    monkeypatch.setattr("devices.inventory.export.CHUNK", 1)
    site = builders.make_group(world.tekton, "Nampa")
    reader = builders.make_user("admin@nampa.example", site, Role.ADMIN)
    for number in range(2):
        builders.make_device(world.version, group=site, by=world.owner, name=f"Nampa {number}")
        audit_log.record(group=site, by=world.owner, what=f"Nampa matter {number}")

    def elsewhere() -> None:
        groups.move(group=site, to=world.sadler)
        canary = builders.make_group(world.tekton, "Canary")
        assert canary.path == site.path
        builders.make_device(world.version, group=canary, by=world.owner, name="Canary device")
        connection.close()  # this thread's

    async def read() -> str:
        client = AsyncClient()
        await client.aforce_login(reader)
        log = what == "log"
        answer = await (client.get("/journal/export.csv") if log else client.post("/api/v1/devices/export.csv"))
        parts: Any = aiter(answer.streaming_content)  # type: ignore[attr-defined]
        text = await anext(parts) + await anext(parts)
        await sync_to_async(elsewhere)()
        return bytes(text + b"".join([part async for part in parts])).decode()

    told = asyncio.run(read())
    assert "Nampa" in told
    assert "Canary" not in told
    assert told.count("Nampa matter") in {0, 2}
