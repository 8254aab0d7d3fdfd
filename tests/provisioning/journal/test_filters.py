"""Each filter of the journal finds, of all that its reader may read, what it says: no more, no less, whoever reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from devices import events
from devices.credentials import operations as credentials
from devices.lifecycle import assignments
from devices.models import Event
from lib import merged_paging
from provisioning.journal import kinds, sources
from provisioning.journal.entries import Entry, build_entries
from provisioning.journal.sources import Filters, list_sources
from provisioning.windows import operations as windows
from tenants.audit import log as audit_log
from tenants.models import AuditEntry, Group, Role, User
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World

Kind, About = Event.Kind, AuditEntry.Kind
READERS = ("owner", "admin", "tekton_admin", "site_admin", "stranger")
MOST = 500
LEFT = {
    "owner": ("Moved to another group", "Boise"),
    "admin": ("Moved out of the group", "Kaiser Permanente Anaheim"),
}


@pytest.fixture
def readers(world: World) -> dict[str, User]:
    """Admins, and a long history: of each about every kind, by several people, of several groups."""
    people = {
        "owner": world.owner,
        "admin": world.admin,
        "tekton_admin": builders.make_user("admin@tekton.example", world.tekton, Role.ADMIN),
        "site_admin": builders.make_user("site@sadler.example", world.anaheim, Role.ADMIN),
        "stranger": world.stranger,
    }
    for device, by in ((world.placed, world.technician), (world.foreign, world.sibling), (world.alien, world.stranger)):
        for kind in (Kind.LOCKED, Kind.UNLOCKED, Kind.CONNECTED, Kind.DISCONNECTED, Kind.PRESSED):
            events.record(kind, device=device, by=by if kind == Kind.LOCKED else None)
        credentials.issue_credential(device=device, by=by)
    for by in people.values():
        organisation = by.organisation_id
        events.record(Kind.LABELS_PRINTED, organisation=organisation, by=by, count=1, of="a device")
    groups = (world.kanarra.root, world.sadler, world.anaheim, world.tekton, world.other_site)
    for n, about in enumerate(About):
        for group in groups:
            who: User | None = (world.owner, world.admin, None)[n % 3] if group != world.other_site else world.stranger
            audit_log.record(about, group=group, by=who, what=f"{about.label} of {group} was changed")
    window = windows.open_window(device=world.waiting, by=world.technician)
    windows.cancel_window(window=window, by=world.technician)
    moved = builders.make_device(world.version, group=world.anaheim, by=world.admin, name="Moved one")
    assignments.assign(device=moved, group=world.boise, name="Theirs", model=None, by=world.owner)
    Event.objects.filter(kind=Kind.UNLOCKED).update(at=Now() - timedelta(days=3))
    AuditEntry.objects.filter(kind=About.GROUP).update(at=Now() - timedelta(days=3))
    return people


def read(reader: User, **filters: Any) -> list[Entry]:
    """By a page that holds everything."""
    fresh = User.objects.get(pk=reader.pk)
    rows = merged_paging.find_page(list_sources(fresh, Filters(**filters)), MOST).rows
    return build_entries(fresh, rows)


def read_all(reader: User) -> list[Entry]:
    """All that there is, connections too, in the order of the journal."""
    connections = read(reader, kind="connections")
    return sorted([*read(reader), *connections], key=lambda each: each.at, reverse=True)


def same(found: list[Entry], expected: list[Entry]) -> bool:
    """Whether they are the same, those of one moment in any order."""
    return sorted(map(repr, found)) == sorted(map(repr, expected))


@pytest.mark.parametrize("who", READERS)
def test_a_kind_and_a_category_are_those_entries_of_all(readers: dict[str, User], who: str) -> None:
    reader = readers[who]
    everything = read_all(reader)
    assert {each.kind for each in everything} & {*kinds.CONNECTIONS}
    assert not {each.kind for each in read(reader)} & {*kinds.CONNECTIONS}
    codes = {each.kind for each in everything} | set(kinds.CATEGORIES)
    for code in sorted(codes):
        chosen = kinds.choose(code)
        expected = [each for each in everything if each.kind in (*chosen.events, *chosen.entries)]
        assert same(read(reader, kind=code), expected), code


@pytest.mark.parametrize("who", READERS)
def test_words_find_kinds_of_events_and_entries_by_what_they_say(readers: dict[str, User], who: str) -> None:
    reader = readers[who]
    for words in ("LOCKED", "group", "sadler", "nothing like it", "e"):
        text = words.casefold()
        expected = [
            each
            for each in read(reader)
            if text in (each.words if each.kind in About.values else kinds.LABELS[each.kind]).casefold()
        ]
        assert same(read(reader, words=words), expected), words
    assert {each.kind for each in read(reader, words="disconnect")} == {Kind.DISCONNECTED}


@pytest.mark.parametrize("who", READERS)
def test_a_person_is_found_by_what_they_did_as_far_as_one_knows_them(readers: dict[str, User], who: str) -> None:
    reader = readers[who]
    everything = read(reader)
    for person in ("technician@", "owner@kanarra", "admin", "@tekton", "nobody"):
        expected = [each for each in everything if each.who and person in each.who and not each.outsider]
        assert same(read(reader, person=person), expected), person
        narrowed = [each for each in expected if each.kind in kinds.choose("changes").events]
        assert same(read(reader, person=person, kind="changes"), narrowed), person


@pytest.mark.parametrize("who", ["owner", "admin"])
def test_a_group_is_all_that_happened_below_it(world: World, readers: dict[str, User], who: str) -> None:
    reader = readers[who]
    everything = read(reader)
    for group in (world.sadler, world.region, world.anaheim):
        below = set(Group.objects.filter(path__startswith=group.path).values_list("pk", flat=True))
        found = read(reader, group=Group.objects.get(pk=group.pk))
        (left,) = (each for each in found if each.kind == Kind.MOVED)  # to where the owner is told, and nobody else
        assert (left.words, left.group) == LEFT[who]
        own = [each for each in everything if each.group_id in below and each != left]
        assert same([each for each in found if each != left], own)
        for kind in ("locked", "groups", "windows", "placements"):
            chosen = kinds.choose(kind)
            narrowed = [each for each in found if each.kind in (*chosen.events, *chosen.entries)]
            assert same(read(reader, group=Group.objects.get(pk=group.pk), kind=kind), narrowed), kind


@pytest.mark.parametrize("who", ["owner", "admin", "site_admin"])
def test_a_device_is_all_that_happened_to_it_connections_too(world: World, readers: dict[str, User], who: str) -> None:
    reader = readers[who]
    expected = [each for each in read_all(reader) if each.device == world.placed.serial]
    assert same(read(reader, device=world.placed.serial), expected)
    assert {each.kind for each in expected} > {*kinds.CONNECTIONS}
    locked = [each for each in expected if each.kind == Kind.LOCKED]
    assert same(read(reader, device=world.placed.serial, kind="locked"), locked)
    assert len(locked) == 1
    assert read(reader, device=world.alien.serial) == []


@pytest.mark.parametrize("who", READERS)
def test_a_period_has_its_first_moment_and_not_its_last(readers: dict[str, User], who: str) -> None:
    reader = readers[who]
    everything = read(reader)
    middle = timezone.now() - timedelta(days=1)
    assert same(read(reader, since=middle), [each for each in everything if each.at >= middle])
    assert same(read(reader, until=middle), [each for each in everything if each.at < middle])
    at = timezone.now().replace(microsecond=0) - timedelta(hours=5)
    Event.objects.filter(kind=Kind.LOCKED).update(at=at)
    locked = [each for each in read(reader) if each.kind == Kind.LOCKED]
    assert len({each.at for each in locked}) == 1
    second = timedelta(seconds=1)
    assert same(read(reader, since=middle, until=at + second), locked)
    assert same(read(reader, since=at, until=at + second), locked)
    assert read(reader, since=middle, until=at) == []
    assert read(reader, since=datetime(2999, 1, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize("who", ["owner", "admin"])
def test_several_filters_find_what_each_of_them_does(world: World, readers: dict[str, User], who: str) -> None:
    reader, serial = readers[who], world.placed.serial
    of_person = read(reader, person="technician@")
    of_device = [each for each in read(reader, device=serial) if each.kind not in kinds.CONNECTIONS]
    of_group = read(reader, group=Group.objects.get(pk=world.anaheim.pk))
    found = read(reader, device=serial, person="technician@")
    assert same(found, [each for each in of_device if each in of_person])
    assert {each.kind for each in found} == {Kind.LOCKED, Kind.CREDENTIAL_ISSUED}
    locked = [each for each in found if each.kind == Kind.LOCKED]
    assert same(read(reader, device=serial, person="technician@", kind="locked"), locked)
    assert same(read(reader, device=serial, person="technician@", words="LOCK"), locked)
    group = Group.objects.get(pk=world.anaheim.pk)
    assert same(read(reader, group=group, person="technician@"), [each for each in of_group if each in of_person])
    assert same(read(reader, group=group, device=serial, kind="locked"), locked)
    assert same(read(reader, group=group, person="technician@", words="lock"), locked)
    assert read(reader, device=serial, words="group") == [
        each for each in of_device if "group" in kinds.LABELS[each.kind].casefold()
    ]


def test_words_and_a_kind_of_entries_are_both_asked_for(readers: dict[str, User]) -> None:
    for who in ("owner", "admin"):
        people = read(readers[who], kind="people")
        assert {each.kind for each in people} == {About.PERSON, About.INVITATION}
        anaheim = [each for each in people if "anaheim" in each.words.casefold()]
        assert len(anaheim) == 2
        assert same(read(readers[who], kind="people", words="ANAHEIM"), anaheim)
        mine = [each for each in anaheim if each.who and "owner@" in each.who and not each.outsider]
        assert same(read(readers[who], kind="people", words="ANAHEIM", person="owner@"), mine)


def test_what_is_looked_for_kind_by_kind_is_the_same_where_it_is_not(
    readers: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {(who, code): read(reader, kind=code) for who, reader in readers.items() for code in ("changes", "people")}
    monkeypatch.setattr(sources, "SPLIT", 0)
    for (who, code), entries in found.items():
        assert same(read(readers[who], kind=code), entries)


@pytest.mark.parametrize("who", READERS)
def test_page_by_page_it_is_the_same_as_at_once(readers: dict[str, User], who: str) -> None:
    reader = User.objects.get(pk=readers[who].pk)
    for filters in (Filters(), Filters(kind="changes"), Filters(words="e"), Filters(person="a")):
        whole = merged_paging.find_page(list_sources(reader, filters), MOST).rows
        after, pages = None, []
        while rows := merged_paging.find_page(list_sources(reader, filters), 7, after=after).rows:
            assert len(rows) <= 7
            pages += rows
            after = rows[-1].key
        assert [row.key for row in pages] == [row.key for row in whole]


def test_no_reader_is_told_of_what_is_not_theirs(world: World, readers: dict[str, User]) -> None:
    told = {who: {each.device for each in read_all(reader)} - {""} for who, reader in readers.items()}
    assert world.foreign.serial not in told["admin"] | told["site_admin"] | told["stranger"]
    assert world.placed.serial not in told["tekton_admin"] | told["stranger"]
    assert told["stranger"] == {world.alien.serial}
    assert world.waiting.serial in told["owner"] - told["admin"]
    names = {each.group for each in read_all(readers["site_admin"])} - {""}
    assert names == {"Kaiser Permanente Anaheim"}
    outside = {each.who for each in read_all(readers["site_admin"]) if each.outsider}
    assert outside <= {"somebody outside your groups"}
