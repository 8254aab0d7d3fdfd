"""The secrets leave once, to whoever had them made."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.utils.timezone import now

from devices import imports
from devices.credentials import operations as credentials
from devices.models import Delivery, Device, Event, Import
from tests.devices.imports.conftest import work
from tests.devices.imports.pages import address, downloaded, words

if TYPE_CHECKING:
    from django.test import Client

    from tenants.models import User
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

FILE = "Serial,Name\nAB-01,First\nAB-02,'=1+1\n"


@pytest.fixture
def mine(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def take(client: Client, importing: Import) -> Any:
    return client.post(address(importing, "import-result"))


def kinds() -> list[str]:
    taking = (Event.Kind.RESULT_TAKEN, Event.Kind.RESULT_REFUSED)
    return list(Event.objects.filter(kind__in=taking).order_by("pk").values_list("kind", flat=True))


def test_once(mine: Client, run: Run) -> None:
    importing = run(FILE)
    text = downloaded(take(mine, importing))
    rows = list(csv.DictReader(StringIO(text)))
    assert [row["Serial"] for row in rows] == ["AB-01", "AB-02"]
    assert rows[1]["Name"] == "'=1+1"
    for row in rows:
        given = {"access_key": row["Access key"], "access_secret": row["Access secret"]}
        device = credentials.authenticate_device(**given)
        assert device is not None
        assert device.device_id == row["Device ID"]
    again = take(mine, importing)
    assert again.status_code == 410
    assert "reissue the credentials of these devices" in words(again)
    assert kinds() == ["result-taken", "result-refused"]
    page = mine.get(address(importing))
    assert "Taken just now by owner@kanarra.example" in words(page)
    assert all(row["Access secret"] not in page.content.decode() for row in rows)


def test_not_for_another_admin(client: Client, run: Run, second: User, world: World) -> None:
    importing = run(FILE)
    for person, status in ((second, 404), (world.stranger, 404), (world.admin, 404)):
        client.force_login(person)
        assert take(client, importing).status_code == status
    client.force_login(world.owner)
    assert take(client, importing).status_code == 200


def test_not_after_its_time(mine: Client, run: Run) -> None:
    importing = run(FILE)
    Delivery.objects.update(expires_at=now() - timedelta(seconds=1))
    assert "Nobody took it in time" in words(mine.get(address(importing)))
    answer = take(mine, importing)
    assert answer.status_code == 410
    assert "The time in which these secrets could be taken is over" in words(answer)
    assert kinds() == ["result-refused"]


def test_not_before_the_end(mine: Client, check: Run, world: World) -> None:
    importing = check(FILE)
    assert take(mine, importing).status_code == 404
    imports.start(importing=importing, by=world.owner)
    early = take(mine, importing)
    assert (early.status_code, "The result is not ready" in words(early)) == (409, True)
    assert kinds() == []
    work(importing)
    assert take(mine, importing).status_code == 200


def test_another_site_secret(mine: Client, run: Run, settings: Any) -> None:
    importing = run(FILE)
    settings.SECRET_KEY = "another"
    settings.SECRET_KEY_FALLBACKS = []
    mine.force_login(importing.by)  # type: ignore[arg-type]
    assert take(mine, importing).status_code == 410


@pytest.mark.parametrize("kind", ["activation"])
def test_a_recipe_without_keys_has_no_result(mine: Client, world: World, run: Run, kind: str) -> None:
    world.version.credential_kind = kind
    world.version.save()
    importing = run(FILE)
    assert Device.objects.filter(source=importing).count() == 2
    assert "Result with secrets" not in words(mine.get(address(importing)))
    assert take(mine, importing).status_code == 404


def test_an_import_without_devices_has_none(mine: Client, check: Run) -> None:
    importing = check("Serial\n?\n")
    assert take(mine, importing).status_code == 404


def test_missing_is_as_foreign(mine: Client, world: World) -> None:
    foreign = Import.objects.create(
        organisation=world.other, version=world.other_version, by=world.stranger, state="done"
    )
    absent = Import(organisation=world.other)
    for name in ("import-result", "import-start", "import-cancel", "import-match"):
        answers = [mine.post(address(each, name)) for each in (foreign, absent)]
        assert answers[0].status_code == answers[1].status_code == 404
        assert answers[0].content == answers[1].content
    foreign.refresh_from_db()
    assert foreign.state == "done"
