"""The log: who sees what, found by who and what, page by page, and as a file."""

from __future__ import annotations

import asyncio
import csv
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from tenants import changes

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tenants.models import User
    from tests.conftest import World

pytestmark = pytest.mark.django_db
LOG = "/log/"


def said(client: Client, user: User, **query: str) -> list[str]:
    client.force_login(user)
    return [row.what for row in client.get(LOG, query).context["rows"]]


@pytest.fixture
def facts(world: World) -> None:
    changes.record(path=world.region.path, by=world.admin, what="A region matter")
    changes.record(path=world.tekton.path, by=world.owner, what="A Tekton matter")
    changes.record(path=world.kanarra.root.path, by=None, what="A matter of all")
    changes.record(path=world.other.root.path, by=world.stranger, what="Canary elsewhere")


@pytest.mark.usefixtures("facts")
def test_each_admin_sees_what_they_manage(client: Client, world: World) -> None:
    mine = said(client, world.admin)
    assert mine[0] == "A region matter"
    assert not {"A Tekton matter", "A matter of all", "Canary elsewhere"} & set(mine)
    assert said(client, world.owner)[:3] == ["A matter of all", "A Tekton matter", "A region matter"]
    assert "Canary elsewhere" not in said(client, world.owner)
    assert said(client, world.stranger)[0] == "Canary elsewhere"


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"who": "ADMIN@sadler"}, ["A region matter"]),
        ({"q": "tekton MATTER"}, ["A Tekton matter"]),
        ({"who": "owner", "q": "region"}, []),
        ({"q": "\0"}, None),
        ({"before": "x"}, None),
        ({"before": "9" * 30}, None),
    ],
)
def test_found_by_who_and_what(client: Client, world: World, query: dict[str, str], found: list[str] | None) -> None:
    shown = said(client, world.owner, **query)
    assert shown == (said(client, world.owner) if found is None else found)


def test_page_by_page(client: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(120):
        changes.record(path=world.region.path, by=world.admin, what=f"Matter {number}")
    client.force_login(world.admin)
    seen: list[str] = []
    before = ""
    for _ in range(3):
        with django_assert_max_num_queries(8):
            context = client.get(LOG, {"before": before, "q": "Matter"}).context
        seen += [row.what for row in context["rows"]]
        before = str(context["following"])
    assert seen == [f"Matter {number}" for number in reversed(range(120))]
    assert before == "None"


@pytest.mark.django_db(transaction=True)
def test_as_a_file(world: World) -> None:
    for what in ('=HYPERLINK("x")', "+1", "-1", "@a", "\tx", "plain, with a comma"):
        changes.record(path=world.region.path, by=world.admin, what=what)

    async def fetch() -> str:
        client = AsyncClient()
        await client.aforce_login(world.admin)
        answer = await client.get("/log/export.csv", {"who": "admin@sadler"})
        assert answer["Content-Disposition"] == 'attachment; filename="log.csv"'
        assert isinstance(answer, StreamingHttpResponse)
        return "".join([chunk.decode() async for chunk in answer.streaming_content])

    rows = list(csv.reader(StringIO(asyncio.run(fetch()))))
    assert rows[0] == ["Time (UTC)", "Who", "What"]
    assert [row[2] for row in rows[1:]] == ["plain, with a comma", "'\tx", "'@a", "'-1", "'+1", '\'=HYPERLINK("x")']
    assert {row[1] for row in rows[1:]} == {"admin@sadler.example"}
