"""Who places a device does not wait for an import that puts thousands into the same leaf, all or nothing."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.urls import reverse

from devices import imports
from devices.imports import row_source, worker
from devices.models import Device, GroupDeviceCount, Import
from tenants.groups import move_preview
from tenants.models import Group
from tenants.tree import devices_below
from tests.devices.api import Program
from tests.devices.imports.conftest import work
from tests.provisioning.conftest import form_data, pressed_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]
FILE = "Serial\n" + "".join(f"S{n}\n" for n in range(9))


@contextmanager
def held(importing: Import, monkeypatch: pytest.MonkeyPatch, fails: bool = False) -> Iterator[None]:
    """The import's worker, stopped in its transaction after the first rows, until the block ends."""
    written, over = threading.Event(), threading.Event()

    def stand(*_: object) -> None:
        written.set()
        over.wait(30)
        if fails:
            raise ZeroDivisionError

    def run() -> None:
        try:
            imports.work(importing.pk)
        finally:
            connection.close()

    monkeypatch.setattr(worker, "_tell_progress", stand)
    thread = threading.Thread(target=run)
    thread.start()
    assert written.wait(30)
    try:
        yield
    finally:
        over.set()
        thread.join(30)


@pytest.fixture
def filling(check: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Import]:
    def one(group: Group) -> Import:
        monkeypatch.setattr(row_source, "LEAST", 3)
        importing = check(FILE, group=group, all_or_nothing=True)
        assert imports.start(importing=importing, by=world.owner)
        return importing

    return one


def place(world: World, client: Client) -> Any:
    window = pressed_window(world)
    client.force_login(world.technician)
    return client.post(reverse("provisioning:place", kwargs={"key": window.key}), form_data(world))


def call(world: World, path: str, **data: object) -> Any:
    return Program(world.owner).post(f"devices/{world.placed.serial}/{path}/", data)


ACTS: dict[str, Callable[[World, Client], Any]] = {
    "place": place,
    "move there": lambda world, _: Program(world.owner).post(
        f"devices/{world.foreign.serial}/assign/", {"group": world.anaheim.pk}
    ),
    "move away": lambda world, _: call(world, "assign", group=world.boise.pk),
    "release": lambda world, _: call(world, "release"),
}


@pytest.mark.parametrize("act", ACTS)
def test_nobody_waits_for_an_import(
    world: World, client: Client, filling: Callable[..., Import], monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    importing = filling(world.anaheim)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '1s'")
    with held(importing, monkeypatch):
        answer = ACTS[act](world, client)
        assert answer.status_code in {200, 201, 204, 302}, answer.content
        assert count_below(world.anaheim) == count_plainly(world.anaheim)
    assert Import.objects.get(pk=importing.pk).state == Import.State.DONE
    for group in (world.anaheim, world.boise):
        assert count_below(group) == count_plainly(group)


def count_below(group: Group) -> int:
    return devices_below([group]).get(group.path, 0)


def count_plainly(group: Group) -> int:
    return Device.objects.filter(group=group).count()


def test_parts_of_a_count_are_added_up_by_whoever_comes_next(
    world: World, client: Client, filling: Callable[..., Import], monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(filling(world.anaheim), monkeypatch):
        place(world, client)
        assert GroupDeviceCount.objects.filter(group=world.anaheim).count() == 2
    call(world, "release")
    assert list(GroupDeviceCount.objects.filter(group=world.anaheim).values_list("devices", flat=True)) == [10]


def test_a_leaf_whose_parts_come_to_nothing_is_empty(
    world: World, filling: Callable[..., Import], monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = filling(world.anaheim)
    with held(importing, monkeypatch, fails=True):
        call(world, "release")
    assert Import.objects.get(pk=importing.pk).state == Import.State.FAILED
    assert sum(GroupDeviceCount.objects.filter(group=world.anaheim).values_list("devices", flat=True)) == 0
    assert world.anaheim in move_preview.find_parents(world.owner)


def test_two_that_fill_an_empty_leaf_at_once(
    world: World, client: Client, filling: Callable[..., Import], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither has a row to begin with."""
    call(world, "release")
    importing = filling(world.anaheim)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '1s'")
    with held(importing, monkeypatch):
        assert place(world, client).status_code == 302
    assert work(importing).state == Import.State.DONE
    assert count_below(world.anaheim) == 10
