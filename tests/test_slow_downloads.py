"""A file that is taken slowly ends where its reader's rights do: judged again at each step, not by its beginning."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from devices import imports
from devices.imports.row_source import Batch
from devices.lifecycle import assignments
from devices.models import Device, Import
from tenants.models import Role
from tenants.people import operations as people
from tests import builders
from tests.devices.doing import act
from tests.devices.imports.conftest import work
from tests.telemetry.reports import ms, now, save, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.models import User
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("telemetry.history.export", "devices.bulk_actions.credentials_file", "devices.imports.results"):
        monkeypatch.setattr(f"{module}.CHUNK", 1)
    monkeypatch.setattr("devices.imports.row_source.batch_rows", lambda rows, total=0: (Batch([row]) for row in rows))


def told(reader: User, method: str, path: str, meanwhile: Callable[[], object]) -> list[str]:
    """The lines that come when something happens after the heading and the first row."""

    async def read() -> bytes:
        client = AsyncClient()
        await client.aforce_login(reader)
        answer = await getattr(client, method)(path)
        assert answer.status_code == 200
        parts: Any = aiter(answer.streaming_content)
        text = await anext(parts) + await anext(parts)
        await sync_to_async(meanwhile)()
        return bytes(text + b"".join([part async for part in parts]))

    return asyncio.run(read()).decode().splitlines()


def demoted(user: User) -> Callable[[], object]:
    return lambda: people.remove(membership=user.memberships.get(), by=user)


@pytest.mark.parametrize("left", ["role", "device"])
def test_what_was_reported(world: World, left: str) -> None:
    for seconds in (1, 2, 3):
        save(timed(world.placed, now() + timedelta(seconds=seconds), rpm=seconds))

    def handed_over() -> None:
        placed = Device.objects.get(pk=world.placed.pk)
        assignments.assign(device=placed, group=world.boise, name="Canary", model=None, by=world.owner)

    span = f"from={ms(now() - timedelta(hours=1))}&to={ms(now() + timedelta(hours=1))}"
    path = f"/devices/{world.placed.serial}/export.csv?{span}"
    lines = told(world.viewer, "get", path, demoted(world.viewer) if left == "role" else handed_over)
    assert len(lines) == 1  # the header was on its way


def test_reissued_secrets(world: World) -> None:
    builders.make_device(world.version, group=world.anaheim, by=world.owner)
    action = act("reissue", world.admin, Device.objects.filter(group=world.anaheim))
    lines = told(world.admin, "post", f"/actions/{action.key}/result/", demoted(world.admin))
    assert len(lines) == 2


def test_an_imports_secrets(world: World) -> None:
    second = builders.make_user("second@kanarra.example", world.kanarra.root, Role.ADMIN)
    importing = imports.count(by=second, version=world.version, total=3, group=None, name_pattern="")
    work(importing)
    assert Import.objects.get(pk=importing.pk).made == 3
    lines = told(second, "post", f"/imports/{importing.key}/result/", demoted(second))
    assert len(lines) == 2
