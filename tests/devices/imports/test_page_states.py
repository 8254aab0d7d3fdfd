"""The page of an import from its check to its end: what it says, and what can be done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils.timezone import now

from devices.models import Device, Event, File, Import, Problem
from tests.devices.imports.conftest import work
from tests.devices.imports.pages import address, downloaded, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

GOOD = "Serial,Name\nAB-01,First\nAB-02,Second\n"
MIXED = "Serial,Name\nAB-01,First\n?,Second\nab01,Third\n=cmd(),Fourth\n"


@pytest.fixture
def mine(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def test_all_or_nothing_with_a_problem_can_not_be_started(mine: Client, check: Run) -> None:
    importing = check(MIXED, all_or_nothing=True)
    page = words(mine.get(address(importing)))
    assert "you chose all or nothing" in page
    assert "Make 1 device" not in page
    answer = mine.post(address(importing, "import-start"))
    assert (answer.status_code, "It can't be started" in words(answer)) == (409, True)
    importing.refresh_from_db()
    assert importing.state == Import.State.CHECKED
    assert not Device.objects.filter(source=importing).exists()


def test_problems_name_row_column_and_cause(mine: Client, check: Run) -> None:
    importing = check(MIXED)
    page = words(mine.get(address(importing)))
    assert "Rows that fit 1 Rows that don't 3" in page
    assert "3 Serial “?”" in page
    assert "The same serial as in row 2" in page
    file = downloaded(mine.get(address(importing, "import-problems")))
    assert file.splitlines()[0] == '"Row","Column","Problem"'
    assert [line.split(",")[:2] for line in file.splitlines()[1:]] == [[f'"{row}"', '"Serial"'] for row in "345"]


def test_each_is_said_of_several_alone(mine: Client, check: Run) -> None:
    assert "2 devices from the recipe" in (several := words(mine.get(address(check(GOOD)))))
    assert ", each with an access key" in several
    one = words(mine.get(address(check("Serial\nAB-01\n"))))
    assert ", with an access key and a secret" in one
    assert "each with" not in one


def test_problems_are_paged(mine: Client, check: Run, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    importing = check("Serial\n" + "?\n" * 120)
    seen: list[str] = []
    query = "?"
    while query:
        with django_assert_max_num_queries(12):
            body = mine.get(address(importing) + query).content.decode()
        seen += [part.split("<")[0] for part in body.split('data-label="Row" class="num">')[1:]]
        query = body.split('rel="next" href="')[1].split('"')[0] if 'rel="next"' in body else ""
    assert seen == [str(row) for row in range(2, 122)]
    for odd in ("x", "1-", "-1", "9" * 40, "\x00"):
        assert mine.get(address(importing), {"after": odd}).status_code == 400


def test_two_clicks_start_once_and_the_page_says_how_far_it_is(mine: Client, check: Run) -> None:
    importing = check(GOOD)
    for _ in range(2):
        assert mine.post(address(importing, "import-start"))["Location"] == address(importing)
    assert Event.objects.filter(kind=Event.Kind.IMPORT_STARTED).count() == 1
    waiting = mine.get(address(importing))
    assert "Waiting for a worker" in words(waiting)
    assert "No worker has taken this up yet" not in words(waiting)
    assert 'http-equiv="refresh"' in waiting.content.decode()
    Import.objects.filter(pk=importing.pk).update(held_until=now() + timedelta(seconds=19))
    assert "No worker has taken this up yet" in words(mine.get(address(importing)))
    work(importing)
    page = words(mine.get(address(importing)))
    assert "2 devices added" in page
    assert "Download once" in page
    assert 'http-equiv="refresh"' not in mine.get(address(importing)).content.decode()
    report = downloaded(mine.get(address(importing, "import-report")))
    assert report.splitlines()[0] == '"Serial","Name","Placed in","Row in the file","Device ID","Error"'
    assert downloaded(mine.get(address(importing, "import-report"))) == report
    ids = Device.objects.filter(source=importing).values_list("device_id", flat=True)
    assert all(each in report for each in ids)


def test_running_shows_rows_and_time_left(mine: Client, check: Run) -> None:
    importing = check(GOOD)
    started = now() - timedelta(seconds=100)
    running = {
        "state": "running",
        "total": 98_225,
        "done": 50_000,
        "started_at": started,
        "held_until": now() + timedelta(seconds=30),
    }
    Import.objects.filter(pk=importing.pk).update(**running)
    fragment = mine.get(address(importing), headers={"HX-Request": "true"})
    page = words(fragment)
    assert fragment.content.decode().startswith('<div id="import"')
    assert "50,000 of 98,225" in page
    assert "Time left 2 min" in page
    assert "Cancel the rest" in page


def test_cancelling_twice_cancels_once(mine: Client, check: Run) -> None:
    importing = check(GOOD)
    for _ in range(2):
        assert mine.post(address(importing, "import-cancel"))["Location"] == address(importing)
    assert Event.objects.filter(kind=Event.Kind.IMPORT_ENDED).count() == 1
    assert "Cancelled Nothing was made" in words(mine.get(address(importing)))
    mine.post(address(importing, "import-start"))
    assert not Device.objects.filter(source=importing).exists()


def test_what_was_made_before_the_cancel_is_said(mine: Client, run: Run) -> None:
    importing = run(GOOD)
    Import.objects.filter(pk=importing.pk).update(state="cancelled", made=1)
    page = words(mine.get(address(importing)))
    assert "1 device had been made until then, and stays" in page
    assert "Download once" in page


def test_why_it_failed_is_said(mine: Client, check: Run, world: World) -> None:
    importing = check(GOOD)
    Import.objects.filter(pk=importing.pk).update(state="failed", cause="Row 2 is odd.")
    page = mine.get(address(importing))
    assert "Row 2 is odd. Nothing was made." in words(page)
    assert "Change columns" in words(page)
    File.objects.all().delete()
    assert "Change columns" not in words(mine.get(address(importing)))


def test_another_admin_of_the_organisation_sees_it_without_its_secrets(
    client: Client, run: Run, second: object
) -> None:
    importing = run(GOOD)
    client.force_login(second)  # type: ignore[arg-type]
    page = words(client.get(address(importing)))
    assert "2 devices added" in page
    assert "Only owner@kanarra.example can take it" in page
    assert "Download once" not in page


def test_without_rows_there_is_no_problem_table(mine: Client, check: Run) -> None:
    importing = check(GOOD)
    assert not Problem.objects.exists()
    assert "All problems" not in words(mine.get(address(importing)))


def test_addresses_that_are_posted_to_lead_back(mine: Client, upload: Callable[..., Import]) -> None:
    importing = upload(GOOD)
    for name in ("match", "start", "cancel", "result"):
        assert mine.get(address(importing, f"import-{name}"))["Location"] == address(importing)
