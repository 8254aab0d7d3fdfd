"""From a file to devices with credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection

from devices import imports
from devices.credentials import listing as credential_listing
from devices.credentials import operations as credentials
from devices.models import Device, Event, Import
from lib.db import search_index
from tests.devices.imports.conftest import result, table, work

if TYPE_CHECKING:
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

FILE = """Serial,Name,Description,Group,Model,Site,Tags
AB-01,First,On the roof,,KG-250,,
ab02,,,Tekton Health / Boise,,,a=1
"""


def test_rows_become_devices_with_credentials(run: Run, world: World) -> None:
    importing = run(FILE)
    assert (importing.state, importing.cause, importing.made, importing.refused) == (Import.State.DONE, "", 2, 0)
    first, second = Device.objects.filter(source=importing).order_by("row")
    assert (first.serial, first.serial_key, first.name, first.row) == ("AB01", "AB01", "First", 2)
    assert (first.description, first.model, first.group) == ("On the roof", world.version.model, None)
    assert (second.serial, second.name, second.group, second.tags) == ("AB02", "AB02", world.boise, {"a": "1"})
    assert second.assignment is not None
    assert second.assignment.device == second
    rows = result(importing)
    for row, device in zip(rows, (first, second), strict=True):
        assert row["Device ID"] == device.device_id
        found = credentials.authenticate_device(access_key=row["Access key"], access_secret=row["Access secret"])
        assert found == device
    assert rows[0]["Description"] == "On the roof"
    kinds = {device: list(device.events.order_by("id").values_list("kind", flat=True)) for device in (first, second)}
    assert kinds == {first: [Event.Kind.REGISTERED], second: [Event.Kind.REGISTERED, Event.Kind.PROVISIONED]}
    assert first.events.get().data == {"access_key": rows[0]["Access key"]}
    (entry,) = credential_listing.list_entries(first, world.owner)
    assert (entry.credential.access_key, entry.by) == (rows[0]["Access key"], str(world.owner))
    report = table(imports.write_report_csv(importing))
    assert [row["Device ID"] for row in report] == [first.device_id, second.device_id]
    assert "Access secret" not in report[0]


def test_serials_are_made_for_so_many_devices(world: World) -> None:
    importing = imports.count(
        by=world.owner, version=world.version, total=1200, group=world.anaheim, name_pattern="Gateway {n}"
    )
    assert importing.state == Import.State.WAITING
    importing = work(importing)
    assert (importing.state, importing.cause, importing.made) == (Import.State.DONE, "", 1200)
    made = Device.objects.filter(source=importing, group=world.anaheim).order_by("row")
    assert made.count() == 1200
    assert made[1199].name == "Gateway 1200"
    rows = result(importing)
    assert len({row["Access secret"] for row in rows}) == 1200
    assert rows[7]["Serial"] == made[7].serial


def test_what_fails_after_the_end_changes_nothing_of_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The devices are there: sorting in is for searches, and others do it as well."""

    def fail(_: object) -> int:
        raise RuntimeError("no right to")

    monkeypatch.setattr(search_index, "sort_in", fail)
    importing = run(FILE)
    assert (importing.state, importing.cause, importing.made) == (Import.State.DONE, "", 2)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_a_search_has_to_find_is_sorted_in_when_the_import_ends(run: Run, world: World, at_once: bool) -> None:
    """Not by whoever adds the next device, or by each search until then."""
    assert search_index.sort_in(Device)  # of the world's own, added one by one
    importing = run(FILE, all_or_nothing=at_once)
    assert importing.made == 2
    assert search_index.sort_in(Device) == 0
    assert Device.objects.filter(name__icontains="irs", source=importing).count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SHOW gin_pending_list_limit")
        assert cursor.fetchone()[0] != search_index.GATHERED
