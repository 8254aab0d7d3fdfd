"""Pages of several tables are what sorting all of their rows at once gives, whichever way one goes through them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from devices.models import Event
from lib import merged_paging
from lib.merged_paging import Key, Source
from tenants.models import AuditEntry, Group
from tests import builders

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from pytest_django import DjangoAssertNumQueries

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


def around_of(rows: QuerySet[Any], around: QuerySet[Any], groups: QuerySet[Group]) -> list[Source]:
    return [Source(0, rows, (), ("group", groups), around)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("look", [1, 3, 8, 1000])
def test_however_many_are_looked_through_first_the_rows_are_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, look: int, seed: int, *, backwards: bool
) -> None:
    monkeypatch.setattr(merged_paging, "LOOK", look)
    make_rows(world, Random(seed))
    rows = Event.objects.filter(at__lt=BEGAN + timedelta(days=1))
    groups = Group.objects.filter(pk__in=[world.anaheim.pk, world.region.pk])
    wanted = rows.filter(group__in=groups).order_by("-at", "-pk")
    found = walk(around_of(rows, rows, groups), 1 + 2 * seed, backwards=backwards)
    assert [key.pk for key in found] == [row.pk for row in wanted]


@pytest.mark.parametrize(("look", "asked"), [(1000, 2), (5, 5)])
def test_groups_are_asked_one_by_one_only_where_the_nearest_of_all_do_not_do(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
    look: int,
    asked: int,
) -> None:
    monkeypatch.setattr(merged_paging, "LOOK", look)
    at = [BEGAN + timedelta(seconds=second) for second in range(9)]
    for second, moment in enumerate(at):
        group = world.boise if second else world.anaheim
        Event.objects.create(organisation=world.kanarra, kind=Event.Kind.LOCKED, group=group, at=moment)
    rows = Event.objects.filter(at__range=(at[0], at[-1]))
    sources = around_of(rows, rows, Group.objects.filter(pk=world.anaheim.pk))
    with django_assert_num_queries(asked):
        assert [row.key.at for row in merged_paging.find_page(sources, 2).rows] == at[:1]
    with django_assert_num_queries(1):
        sources = around_of(rows, rows, Group.objects.filter(pk=world.boise.pk))
        assert [row.key.at for row in merged_paging.find_page(sources, 2).rows] == [at[8], at[7]]


@pytest.mark.parametrize("text", ["x", "WzFd", "W3RydWUsMCwxXQ", merged_paging.ADDRESS.write([2**63 - 1, 0, 1])])
def test_what_is_no_key(text: str) -> None:
    assert merged_paging.parse_key(text) is None
