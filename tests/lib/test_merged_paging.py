"""Pages of several tables are what sorting all of their rows at once gives, whichever way one goes through them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from devices.models import Event
from lib import merged_paging
from lib.merged_paging import Key, Source
from tenants.models import AuditEntry, Group
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def make_rows(world: World, random: Random) -> None:
    """Many of one time, as a transaction's are."""
    groups = [world.anaheim, world.boise, world.region]
    for _ in range(30):
        at = BEGAN + timedelta(milliseconds=random.choice([0, 1, 1, 2]))
        group = random.choice(groups)
        Event.objects.create(organisation=world.kanarra, kind=Event.Kind.LOCKED, group=group, at=at)
        if random.random() < 0.5:
            AuditEntry.objects.create(organisation=world.kanarra, what="A matter", group=group, at=at)


def walk(sources: list[Source], size: int, *, backwards: bool) -> list[Key]:
    page = merged_paging.find_page(sources, size)
    found: list[Key] = [row.key for row in page.rows]
    while page.next:
        page = merged_paging.find_page(sources, size, after=merged_paging.parse_key(page.next))
        assert page.rows
        found += [row.key for row in page.rows]
    if not backwards:
        return found
    back = [row.key for row in page.rows]
    while page.previous:
        page = merged_paging.find_page(sources, size, before=merged_paging.parse_key(page.previous))
        assert page.rows
        back = [row.key for row in page.rows] + back
    return back


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_walk_meets_each_row_once_in_order(world: World, seed: int, *, backwards: bool, narrow: bool) -> None:
    random = Random(seed)
    make_rows(world, random)
    since = {"at__lt": BEGAN + timedelta(days=1)}
    tables = Event.objects.filter(**since), AuditEntry.objects.filter(**since)
    groups = Group.objects.filter(pk__in=[world.anaheim.pk, world.region.pk])
    among = ("group", groups) if narrow else None
    sources = [Source(rank, rows, (), among) for rank, rows in enumerate(tables)]
    wanted = [rows.filter(group__in=groups) if narrow else rows for rows in tables]
    keys = [Key(row.at, rank, row.pk) for rank, rows in enumerate(wanted) for row in rows]
    ordered = sorted(keys, key=lambda key: (key.at, -key.rank, key.pk), reverse=True)
    assert walk(sources, random.choice([1, 4, 7, 100]), backwards=backwards) == ordered


@pytest.mark.parametrize("backwards", [False, True])
def test_one_statement_may_write_of_more_parents_than_a_page_has_rows(world: World, *, backwards: bool) -> None:
    groups = [builders.make_group(world.region, f"Site {number}") for number in range(9)]
    for group in Random(1).sample(groups, len(groups)):
        Event.objects.create(organisation=world.kanarra, kind=Event.Kind.LOCKED, group=group, at=BEGAN)
    rows = Event.objects.filter(at=BEGAN)
    sources = [Source(0, rows, (), ("group", Group.objects.filter(pk__in=[group.pk for group in groups])))]
    assert [key.pk for key in walk(sources, 2, backwards=backwards)] == [row.pk for row in rows.order_by("-pk")]


@pytest.mark.parametrize("text", ["x", "WzFd", "W3RydWUsMCwxXQ", merged_paging.ADDRESS.write([2**63 - 1, 0, 1])])
def test_what_is_no_key(text: str) -> None:
    assert merged_paging.parse_key(text) is None
