"""What the journal says of groups and people: who sees what, found by who and what, page by page, and as a file."""

from __future__ import annotations

import asyncio
import csv
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from tenants.audit import log as audit_log
from tenants.groups import operations as groups
from tenants.models import AuditEntry, Role
from tests import builders
from tests.devices.api import Program

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from provisioning.journal.entries import Entry
    from tenants.models import User
    from tests.conftest import World

pytestmark = pytest.mark.django_db
JOURNAL = "/journal/"


def said(client: Client, user: User, **query: str) -> list[str]:
    client.force_login(user)
    return [entry.words for entry in shown(client, **query)]


def shown(client: Client, **query: str) -> list[Entry]:
    entries: list[Entry] = client.get(JOURNAL, query).context["entries"]
    return [entry for entry in entries if entry.kind in AuditEntry.Kind.values]


def exported(user: User, **query: str) -> list[list[str]]:
    async def fetch() -> str:
        client = AsyncClient()
        await client.aforce_login(user)
        answer = await client.get("/journal/export.csv", query)
        assert answer["Content-Disposition"] == 'attachment; filename="journal.csv"'
        assert isinstance(answer, StreamingHttpResponse)
        whole = b"".join([chunk async for chunk in answer.streaming_content])
        return whole.decode("utf-8-sig")

    return list(csv.reader(StringIO(asyncio.run(fetch()))))


@pytest.fixture
def facts(world: World) -> None:
    audit_log.record(group=world.region, by=world.admin, what="A region matter")
    audit_log.record(group=world.tekton, by=world.owner, what="A Tekton matter")
    audit_log.record(group=world.kanarra.root, by=None, what="A matter of all")
    audit_log.record(group=world.other.root, by=world.stranger, what="Canary elsewhere")


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
    ],
)
def test_found_by_who_and_what(client: Client, world: World, query: dict[str, str], found: list[str] | None) -> None:
    words = said(client, world.owner, **query)
    assert words == (said(client, world.owner) if found is None else found)


def test_page_by_page(client: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(120):
        audit_log.record(group=world.region, by=world.admin, what=f"Matter {number}")
    client.force_login(world.admin)
    seen: list[str] = []
    after = ""
    for _ in range(3):
        with django_assert_max_num_queries(11):
            context = client.get(JOURNAL, {"after": after, "q": "Matter"}).context
        seen += [entry.words for entry in context["entries"]]
        after = context["page"].next
    assert seen == [f"Matter {number}" for number in reversed(range(120))]
    assert after == ""


@pytest.mark.django_db(transaction=True)
def test_as_a_file(world: World) -> None:
    for what in ('=HYPERLINK("x")', "+1", "-1", "@a", "\tx", "plain, with a comma"):
        audit_log.record(group=world.region, by=world.admin, what=what)

    rows = exported(world.admin, who="admin@sadler")
    assert rows[0] == ["Time (UTC)", "Kind", "What", "Details", "Serial", "Group", "Who"]
    assert [row[2] for row in rows[1:]] == ["plain, with a comma", "'\tx", "'@a", "'-1", "'+1", '\'=HYPERLINK("x")']
    assert {(row[1], row[6]) for row in rows[1:]} == {("Groups", "admin@sadler.example")}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("freed", ["delete", "move"])
def test_the_next_group_at_a_path_reads_nothing_of_the_former(client: Client, world: World, freed: str) -> None:
    former = builders.make_group(world.tekton, "Canary site")
    groups.rename(group=former, name="Canary renamed", by=world.owner)
    if freed == "delete":
        groups.delete(group=former)
    else:
        groups.move(group=former, to=world.sadler)
    following = builders.make_group(world.tekton, "Following")
    assert following.path == former.path
    newcomer = builders.make_user("admin@following.example", following, Role.ADMIN)
    own = ["Group Following made in Tekton Health"]
    assert said(client, newcomer) == own
    assert [row["what"] for row in Program(newcomer).get("changes/").json()["results"]] == own
    assert [[row[2], row[5]] for row in exported(newcomer)[1:]] == [[*own, "Following"]]


def test_a_moved_group_keeps_its_own_and_tells_whom_it_left(client: Client, world: World) -> None:
    keeper = builders.make_user("admin@anaheim.example", world.anaheim, Role.ADMIN)
    audit_log.record(group=world.anaheim, by=world.admin, what="An old matter")
    groups.move(group=world.region, to=world.tekton)
    assert "An old matter" in said(client, keeper)
    mine = said(client, world.admin)
    assert mine[0] == "Los Angeles moved out of Sadler-Isberg"
    assert not [what for what in mine if "Tekton" in what or "old matter" in what]
    world.sibling.memberships.update(role=Role.ADMIN)
    assert {"An old matter", "Los Angeles moved into Tekton Health"} <= set(said(client, world.sibling))


def test_what_is_said_of_a_deleted_group_goes_to_the_one_above(client: Client, world: World) -> None:
    leaf = builders.make_group(world.region, "Leaf")
    groups.rename(group=leaf, name="Renamed", by=world.admin)
    groups.delete(group=leaf, by=world.admin)
    client.force_login(world.admin)
    rows = shown(client)[:3]
    assert [(row.words, row.group) for row in rows] == [
        ("Group Renamed deleted", "Renamed"),
        ("Leaf renamed to Renamed", "Leaf"),
        ("Group Leaf made in Los Angeles", "Leaf"),
    ]
    assert {row.group_id for row in rows} == {world.region.pk}


@pytest.mark.postgres
def test_words_that_django_asks_for_are_found_by_their_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "entry_search" in AuditEntry.objects.filter(what__icontains="renamed to Sad").order_by().explain()
