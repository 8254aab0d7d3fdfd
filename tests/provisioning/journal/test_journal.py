"""What happened to devices, windows and files: who reads it, in which words, and found by what."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from devices import events
from devices.credentials import operations as credentials
from devices.lifecycle import assignments
from devices.models import Event
from provisioning.journal import kinds
from provisioning.journal.window_words import format_duration
from provisioning.models import Window
from provisioning.windows import operations as windows
from tenants.audit import actors
from tenants.models import AuditEntry, Role, User
from tests import builders
from tests.devices.api import Program, body
from tests.provisioning.conftest import ask_for, end_in, pressed_window

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

Kind = Event.Kind
Row = tuple[str, str, str, str]


def read(user: User, **query: Any) -> list[Any]:
    client = Client()
    client.force_login(user)
    answer = client.get("/journal/", query)
    assert answer.status_code == 200
    return list(answer.context["entries"])


def told(user: User, **query: Any) -> list[Row]:
    return [(entry.kind, entry.device, entry.group, entry.who or "") for entry in read(user, **query)]


@pytest.fixture
def tekton_admin(world: World) -> User:
    return builders.make_user("admin@tekton.example", world.tekton, Role.ADMIN)


def register(world: World) -> Window:
    window = pressed_window(world)
    assert world.version.model
    given: dict[str, Any] = {"name": "KP002", "group": world.anaheim, "model": world.version.model}
    windows.finish_window(window=window, by=world.technician, **given)
    Window.objects.filter(pk=window.pk).update(opened_at=window.opened_at - timedelta(seconds=130))
    return window


def test_every_kind_has_a_place_in_it() -> None:
    categories = [category.kinds for category in kinds.CATEGORIES.values()]
    placed = [kind for category in categories for kind in (*category.events, *category.entries)]
    assert sorted(placed) == sorted([*Event.Kind.values, *AuditEntry.Kind.values])
    assert len(kinds.CODES) == len(set(kinds.CODES))


@pytest.mark.parametrize(
    ("wrong", "proven", "told"),
    [
        (0, False, "no right code came in time, after 5 min"),
        (1, False, "no right code came in time, after 5 min; 1 wrong code"),
        (3, True, "presence proven, but not finished in time, after 5 min; 3 wrong codes"),
    ],
)
def test_a_window_that_asked_for_a_code_tells_of_wrong_ones(world: World, wrong: int, proven: bool, told: str) -> None:
    ask_for(world, "claim-code")
    window = windows.open_window(device=world.waiting, by=world.technician)
    begun = Now() - timedelta(seconds=301)
    proof = {"pressed_at": Now()} if proven else {}
    Window.objects.filter(pk=window.pk).update(opened_at=begun, deadline=begun + timedelta(minutes=5), **proof)
    Window.objects.filter(pk=window.pk).update(wrong_codes=wrong)
    assert read(world.owner, kind="window-opened")[0].details == told


def test_a_window_is_told_with_its_outcome_and_time(world: World) -> None:
    register(world)
    opened, placed = (read(world.owner, kind=kind)[0] for kind in ("window-opened", "provisioned"))
    assert opened.details == placed.details == "registered in 2 min 10 s"
    (own,) = (entry for entry in read(world.admin, kind="provisioned") if entry.device == world.waiting.serial)
    assert (own.details, own.who, own.group) == (
        placed.details,
        str(world.technician),
        "Kaiser Permanente Anaheim",
    )
    assert not read(
        world.admin, kind="windows"
    )  # nobody but the organisation's admins knows what is not in a group yet


def test_whom_a_device_left_is_told_so_and_not_where_it_went(world: World, tekton_admin: User) -> None:
    serial, group = world.placed.serial, world.anaheim.name
    assignments.assign(device=world.placed, group=world.boise, name="Theirs", model=None, by=world.owner)
    (left, *_) = read(world.admin, kind="moved")
    assert (left.words, left.details, left.device, left.group) == ("Moved out of the group", "", serial, group)
    assert left.page == ""
    assert (left.who, left.outsider) == (actors.OUTSIDE, True)
    (came, *_) = read(tekton_admin, device=serial)
    assert (came.kind, came.group, came.details) == ("moved", "Boise", "")
    (both, *_) = read(world.owner, kind="moved")
    assert (both.group, both.details, both.who) == ("Boise", f"from {group}", str(world.owner))
    page = Client()
    page.force_login(world.admin)
    text = page.get("/journal/").content.decode() + body(page.get("/journal/export.csv"))
    assert serial in text
    assert not [secret for secret in ("Boise", "Tekton", "Theirs", world.owner.email) if secret in text]


def test_a_tenant_reads_nothing_of_what_was_before_or_elsewhere(world: World, tekton_admin: User) -> None:
    events.record(Kind.LOCKED, device=world.placed, by=world.admin)
    assignments.assign(device=world.placed, group=world.boise, name="Theirs", model=None, by=world.owner)
    assert "locked" in [row[0] for row in told(world.admin)]
    assert {row[2] for row in told(tekton_admin) if row[1]} == {"Boise"}
    assert {row["group_name"] for row in Program(tekton_admin).get("journal/").json()["results"]} <= {
        *("Boise", "Tekton Health"),
    }
    stranger = [row for row in told(world.stranger) if row[1]]
    assert {row[1] for row in stranger} == {world.alien.serial}


def test_ones_own_acts_that_are_of_no_group_are_told(world: World, tekton_admin: User) -> None:
    for user in (world.admin, world.owner, tekton_admin):
        events.record(Kind.LABELS_PRINTED, organisation=world.kanarra.pk, by=user, count=1, of="a device")
    assert [(entry.who, entry.details) for entry in read(world.admin, kind="files")] == [
        (str(world.admin), "1 label: a device")
    ]
    assert len(read(world.owner, kind="labels-printed")) == 3


def test_what_others_of_the_organisation_are_called_is_no_secret_to_find_out(world: World) -> None:
    events.record(Kind.LOCKED, device=world.placed, by=world.owner)
    events.record(Kind.UNLOCKED, device=world.placed, by=world.technician)
    assert [row[0] for row in told(world.admin, who="technician@sadler")] == ["unlocked"]
    assert told(world.admin, who="owner@kanarra") == []
    assert [row["kind"] for row in Program(world.admin).get("journal/", who="owner").json()["results"]] == []
    assert Program(world.admin).get("changes/", who="owner@kanarra").json()["results"] == []
    assert "locked" in [row[0] for row in told(world.owner, who="owner@kanarra")]


@pytest.mark.parametrize("who", ["owner", "admin"])
def test_filters_find_what_they_say(world: World, who: str) -> None:
    reader: User = getattr(world, who)
    credentials.issue_credential(device=world.placed, by=world.admin)
    events.record(Kind.LOCKED, device=world.placed, by=world.technician)
    events.record(Kind.CONNECTED, device=world.placed)
    serial, everything = world.placed.serial, told(reader)
    assert "connected" not in [row[0] for row in everything]
    assert [row[0] for row in told(reader, kind="connections")] == ["connected"]
    assert [row[0] for row in told(reader, kind="locked")] == ["locked"]
    assert [row[0] for row in told(reader, q="LOCK")] == ["locked"]
    assert [row[0] for row in told(reader, kind="changes", who="technician@sadler")] == ["locked"]
    assert [row[0] for row in told(reader, device=serial.lower())][:2] == ["connected", "locked"]
    assert told(reader, device="NOSUCHSERIAL") == told(reader, device=world.alien.serial) == []
    below = told(reader, group=world.region.pk)
    assert {row[1] for row in below} == {serial, ""}
    assert {row[2] for row in below} == {world.region.name, world.anaheim.name}
    day = timezone.localdate()
    assert told(reader, since=day, until=day) == everything
    assert told(reader, until=day - timedelta(days=1)) == told(reader, since=day + timedelta(days=1)) == []


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "nothing"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"since": "x"},
        {"since": "2026-11-02", "until": "2026-11-01"},
    ],
)
def test_what_is_not_understood_finds_nothing_and_says_so(client: Client, world: World, query: dict[str, str]) -> None:
    client.force_login(world.owner)
    page = client.get("/journal/", query)
    assert (page.status_code, page.context["entries"]) == (200, [])
    assert page.context["form"].errors
    assert "correct the filter first" in page.content.decode()
    assert client.get("/journal/export.csv", query).headers["Content-Type"].startswith("text/html")


def test_groups_that_are_not_ones_own_are_as_missing(client: Client, world: World) -> None:
    client.force_login(world.admin)
    assert Program(world.admin).get("journal/", group=world.boise.pk).status_code == 404
    missing, foreign = (client.get("/journal/", {"group": pk}) for pk in (10**6, world.boise.pk))
    assert missing.context["entries"] == foreign.context["entries"] == []
    assert missing.context["form"].errors == foreign.context["form"].errors


@pytest.mark.django_db
def test_its_old_addresses_lead_to_it(client: Client) -> None:
    assert client.get("/log/?who=owner")["Location"] == "/journal/?who=owner"
    assert client.get("/log/export.csv")["Location"] == "/journal/export.csv"


def test_a_page_costs_the_same_however_much_there_is(
    client: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    register(world)
    for number in range(60):
        events.record(Kind.LOCKED if number % 2 else Kind.UNLOCKED, device=world.placed, by=world.owner)
    for user, most in ((world.owner, 12), (world.admin, 15)):
        client.force_login(user)
        with django_assert_max_num_queries(most):
            assert len(client.get("/journal/").context["entries"]) == 50


def test_as_a_file(world: World) -> None:
    register(world)
    client = Client()
    client.force_login(world.owner)
    rows = list(csv.DictReader(StringIO(body(client.get("/journal/export.csv", {"kind": "windows"})))))
    assert {row["Kind"] for row in rows} == {"Windows and presses"}
    assert [(row["What"], row["Details"], row["Serial"]) for row in rows] == [
        ("Button pressed", "", world.waiting.serial),
        ("Window opened", "registered in 2 min 10 s", world.waiting.serial),
    ]


def test_what_happened_to_a_removed_device_stays(world: World) -> None:
    program = Program(world.owner)
    new = {"recipe": world.version.recipe_id}
    new["serial"] = serial = program.post("devices/", new).json()["serial"]
    assert program.post(f"devices/{serial}/credentials/").status_code == 201
    before = told(world.owner, device=serial.lower())
    assert [row[0] for row in before] == ["credential-issued", "registered"]
    assert program.delete(f"devices/{serial}/").status_code == 204
    removed = ("device-removed", serial, "", str(world.owner))
    assert told(world.owner, device=serial.lower()) == [removed, *before]
    assert told(world.owner)[:3] == [removed, *before]
    assert program.post("devices/", new).status_code == 201
    entries = read(world.owner, device=serial)
    assert [(entry.kind, entry.page) for entry in entries[:2]] == [("registered", serial), ("device-removed", "")]
    assert told(world.stranger, device=serial) == told(world.admin, device=serial) == []


# The day ----------------------------------------------------------------------------------------


def test_a_day_at_a_glance(client: Client, world: World, tekton_admin: User) -> None:
    register(world)
    more = [builders.make_device(world.version) for _ in range(3)]
    missed = windows.open_window(device=more[0], by=world.technician)
    end_in(missed, seconds=-1)
    windows.cancel_window(window=windows.open_window(device=more[1], by=world.technician), by=world.technician)
    windows.open_window(device=more[2], by=world.technician)
    client.force_login(world.owner)
    day = client.get("/journal/day/").context["day"]
    assert (day.done, day.minutes, day.open, day.failed) == (1, 2.2, 1, 2)
    assert [tuple(row) for row in day.technicians] == [(str(world.technician), 1, 2.2)]
    assert {(row.code, row.number) for row in day.failures} == {("not-pressed", 1), ("cancelled", 1)}
    shown = Program(world.admin).get("journal/day/").json()
    assert (shown["done"], shown["failures"], shown["open"]) == (1, [], 0)
    assert Program(tekton_admin).get("journal/day/").json()["done"] == 0
    assert Program(world.stranger).get("journal/day/").json()["done"] == 0
    assert client.get("/journal/day/", {"day": "2020-01-01"}).context["day"].done == 0


def test_technicians_of_one_name_are_two(world: World) -> None:
    other = builders.make_user("other@sadler.example", world.sadler, Role.TECHNICIAN)
    User.objects.filter(pk__in=[world.technician.pk, other.pk]).update(name="Robin")
    Window.objects.filter(pk=register(world).pk).update(technician=other)
    world.waiting = builders.make_device(world.version)
    register(world)
    for reader in (world.owner, world.admin):
        shown = Program(reader).get("journal/day/").json()
        assert [(row["name"], row["done"]) for row in shown["technicians"]] == [("Robin", 1), ("Robin", 1)]


@pytest.mark.parametrize("day", ["x", "0001-01-01", "9999-12-31", "2026-02-30"])
def test_a_day_that_is_none_is_refused(client: Client, world: World, day: str) -> None:
    client.force_login(world.owner)
    assert client.get("/journal/day/", {"day": day}).status_code == 400
    assert Program(world.owner).get("journal/day/", day=day).status_code == 400


# A device's life --------------------------------------------------------------------------------


def test_a_devices_whole_life_is_its_managers(client: Client, world: World, tekton_admin: User) -> None:
    serial = world.placed.serial
    assignments.assign(device=world.placed, group=world.boise, name="Theirs", model=None, by=world.owner)
    lives = {}
    for user in (world.owner, tekton_admin, world.sibling):
        client.force_login(user)
        told = client.get(f"/devices/{serial}/events/").context["told"]
        lives[user.email] = [(row.words, row.group, row.who) for row in told]
        assert len(Program(user).get(f"devices/{serial}/events/").json()["results"]) == len(told)
    owner = str(world.owner)
    assert lives["owner@kanarra.example"] == [
        ("Moved to another group", "Boise", owner),
        ("Placed in a group", "Kaiser Permanente Anaheim", owner),
        ("Added", "", owner),
    ]
    assert lives["admin@tekton.example"] == [("Moved to another group", "Boise", actors.OUTSIDE)]
    assert lives["technician@tekton.example"] == [("Moved to another group", "", actors.OUTSIDE)]
    client.force_login(world.admin)
    assert client.get(f"/devices/{serial}/events/").status_code == 404


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (8, "8 s"), (59.6, "1 min"), (75, "1 min 15 s"), (300, "5 min")]
)
def test_how_long_it_took_in_words(seconds: float, words: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == words
