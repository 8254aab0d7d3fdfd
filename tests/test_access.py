"""The access table: every route x the cast -> status. A route that is missing from it fails.

Planted names of other tenants ("Canary …") never appear in a body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.access import CAST, Row, placed, table
from tests.access.main import window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import World

TABLE = table()


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from routes(pattern.url_patterns, inner)
        elif pattern.name:
            yield f"{prefix}{pattern.name}"


def named(row: str) -> str:
    """The route's name, without the method."""
    return row.partition(" ")[0]


def json_for(name: str, row: Row) -> dict[str, str]:
    return {"content_type": "application/json"} if row.method != "get" and ":api-" in name else {}


def test_every_route_stands_in_the_table() -> None:
    assert set(routes(get_resolver().url_patterns)) == {named(name) for name in TABLE}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_route(name: str, world: World, request: pytest.FixtureRequest) -> None:
    """Each meets the world as it was made: what the one before did is taken back. Where the other database had them
    all, this one has those whose answers differ in what is asked of it: of the whole organisation, and of a part."""
    row, persons = TABLE[name], ("owner", "technician") if request.config.option.again else CAST
    how = json_for(name, row)
    got = []
    for person in persons:
        client, atom = Client(), transaction.atomic()
        # As those of Django's own tests, within which durable ones may begin.
        atom._from_testcase = True  # type: ignore[attr-defined]
        with atom:
            if person != "anonymous":
                client.force_login(getattr(world, person))
            url = reverse(named(name), kwargs=row.kwargs(world))
            answer = getattr(client, row.method)(url, row.data(world), **how)
            got.append(answer.status_code)
            if not answer.streaming and person in {"anonymous", "viewer", "technician", "admin"}:
                assert b"Canary" not in answer.content.replace(b"Atlantic/Canary", b""), person  # a time zone
            transaction.set_rollback(True)
    due = dict(zip(CAST, row.statuses, strict=True))
    assert dict(zip(persons, got, strict=True)) == {person: due[person] for person in persons}


READS = sorted(
    name for name, row in TABLE.items() if row.method == "get" and row.statuses[CAST.index("technician")] == 200
)
ABSENT = {"serial": "KPNOSUCHDEVICE", "key": "00000000-0000-4000-8000-000000000000", "pk": 999_999}


@pytest.mark.parametrize("name", READS)
def test_no_get_changes_a_row(name: str, client: Client, world: World) -> None:
    client.force_login(world.technician)
    url = reverse(named(name), kwargs=TABLE[name].kwargs(world))
    with CaptureQueriesContext(connection) as asked:
        client.get(url, TABLE[name].data(world))
    changes = [query["sql"] for query in asked if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    # Where one is signed in shows the session that asks, too.
    kept = ("django_session", "usersessions_usersession")
    assert [change for change in changes if not any(table in change for table in kept)] == []


@pytest.mark.parametrize("name", sorted(name for name, row in TABLE.items() if row.kwargs in {placed, window}))
def test_missing_and_forbidden_are_the_same_bytes(name: str, client: Client, world: World) -> None:
    row = TABLE[name]
    forbidden = row.kwargs(world)
    absent = {key: ABSENT[key] for key in forbidden}
    how = json_for(name, row)
    client.force_login(world.stranger)

    def answer(kwargs: dict[str, object]) -> tuple[int, bytes, dict[str, str]]:
        given = getattr(client, row.method)(reverse(named(name), kwargs=kwargs), row.data(world), **how)
        headers = {name: value for name, value in given.headers.items() if name != "RateLimit"}  # it counts down
        return given.status_code, given.content, headers

    assert answer(forbidden) == answer(absent)
    assert answer(absent)[0] == 404


@pytest.mark.parametrize("name", sorted(name for name, row in TABLE.items() if row.kwargs is placed))
@pytest.mark.parametrize("serial", ["a\x00b", "\x00", "x" * 3000, "\u202e", "%", "..%2f"])
def test_no_serial_breaks_a_page(name: str, serial: str, client: Client, world: World) -> None:
    client.force_login(world.technician)
    answer = getattr(client, TABLE[name].method)(reverse(named(name), kwargs={"serial": serial}))
    assert answer.status_code == 404


@pytest.mark.parametrize("name", READS)
def test_what_is_made_for_a_session_stays_in_no_cache(name: str, client: Client, world: World) -> None:
    client.force_login(world.technician)
    answer = client.get(reverse(named(name), kwargs=TABLE[name].kwargs(world)), TABLE[name].data(world))
    public = name in {"manifest", "service-worker", "offline", "tenants:theme", "tenants:logo", "devices:label-svg"}
    public |= name.startswith("api-schema")
    assert public or "no-store" in answer["Cache-Control"]
