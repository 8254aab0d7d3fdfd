"""An import as a job: both modes, races, cancelling, and workers that die."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from devices import imports, tasks
from devices.imports import row_source, worker
from devices.imports import writer as making
from devices.jobs import leases
from devices.lifecycle import registration
from devices.models import Assignment, Credential, Delivery, Device, Event, Import
from lib import live
from lib.db import copy
from tenants.groups import operations as groups
from tenants.models import Membership, Role
from tenants.refusals import GROUP_IN_USE
from tests import builders
from tests.devices.imports.conftest import problems, result, work
from tests.refused import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

State = Import.State
FILE = "Serial\n" + "".join(f"S{n}\n" for n in range(10))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three rows."""
    monkeypatch.setattr(row_source, "LEAST", 3)


@pytest.fixture
def started(check: Run, world: World) -> Callable[..., Import]:
    def one(text: str = FILE, **options: Any) -> Import:
        importing = check(text, **options)
        assert imports.start(importing=importing, by=world.owner)
        return importing

    return one


def made(importing: Import) -> list[str]:
    return list(Device.objects.filter(source=importing).order_by("row").values_list("serial", flat=True))


def nothing_is_left(importing: Import) -> None:
    assert not made(importing)
    assert not Credential.objects.exists()
    assert not Delivery.objects.exists()
    assert Assignment.objects.count() == 3  # the world's own


def test_all_or_nothing_does_not_start_with_problems(check: Run, world: World) -> None:
    importing = check("Serial\nS1\n?\n", all_or_nothing=True)
    assert not imports.start(importing=importing, by=world.owner)
    assert not imports.start(importing=check("Serial\n?\n"), by=world.owner)


@pytest.mark.parametrize("whole", [True, False])
def test_a_serial_that_was_taken_since_the_check(
    started: Callable[..., Import], world: World, small: None, whole: bool
) -> None:
    importing = started(all_or_nothing=whole)
    registration.register_device(version=world.version, by=None, serial="S7")
    importing = work(importing)
    assert [row for row, _, _ in problems(importing)] == [9]
    if whole:
        assert importing.state == State.FAILED
        assert "Row 9" in importing.cause
        nothing_is_left(importing)
    else:
        assert (importing.state, importing.made, importing.refused) == (State.DONE, 9, 1)


@pytest.mark.parametrize("whole", [True, False])
def test_a_group_that_became_a_parent_since_the_check(
    started: Callable[..., Import], world: World, whole: bool
) -> None:
    leaf = builders.make_group(world.tekton, "New")
    importing = started("Serial,Group\nS1,New\nS2,\n", all_or_nothing=whole)
    groups.create(parent=leaf, name="Below")
    importing = work(importing)
    assert importing.state == (State.FAILED if whole else State.DONE)
    assert made(importing) == ([] if whole else ["S2"])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("fatal", [DatabaseError("disk full"), KeyError("bug")])
def test_a_failure_leaves_nothing_half_done(
    started: Callable[..., Import], small: None, monkeypatch: pytest.MonkeyPatch, whole: bool, fatal: Exception
) -> None:
    """After credentials were made and before the commit: none of them lives."""
    importing = started(all_or_nothing=whole)
    write = copy.write
    written: list[str] = []

    def failing(model: Any, *rest: Any) -> None:
        write(model, *rest)
        written.append(model.__name__)
        if written.count("Event") == 2:
            raise fatal

    monkeypatch.setattr(copy, "write", failing)
    importing = work(importing)
    assert importing.state == State.FAILED
    assert "log" in importing.cause
    assert made(importing) == ([] if whole else ["S0", "S1", "S2"])
    assert Credential.objects.count() == Device.objects.filter(source=importing).count() == importing.made
    if not whole:
        assert len([row for row in result(importing) if row["Access secret"]]) == 3


@pytest.mark.parametrize("whole", [True, False])
def test_a_worker_that_dies_is_followed_by_one_that_makes_the_same(
    started: Callable[..., Import], small: None, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    class Killed(BaseException):
        pass

    importing = started(all_or_nothing=whole)
    make, seen = making.RowWriter.make, list[str]()

    def dying(self: making.RowWriter, batch: Any, refused: Any) -> Any:
        answer = make(self, batch, refused)
        found = Credential.objects.filter(device__source=importing).values_list("access_key", flat=True)
        seen.extend(key for key in found if key not in seen)
        if len(seen) == 6:
            raise Killed
        return answer

    monkeypatch.setattr(making.RowWriter, "make", dying)
    with pytest.raises(Killed):
        imports.work(importing.pk)
    monkeypatch.undo()
    imports.work(importing.pk)  # the dead one's lease still holds
    importing.refresh_from_db()
    assert importing.state == State.RUNNING
    assert leases.offer_abandoned(Import) == []
    Import.objects.update(held_until=Now() - timedelta(minutes=5))
    assert leases.offer_abandoned(Import) == [importing.pk]
    assert leases.offer_abandoned(Import) == []
    importing = work(importing)
    assert (importing.state, importing.made) == (State.DONE, 10)
    assert made(importing) == [f"S{n}" for n in range(10)]
    keys = set(Credential.objects.filter(device__source=importing).values_list("access_key", flat=True))
    assert len(keys) == 10
    assert keys.issuperset(seen)
    assert [bool(row["Access secret"]) for row in result(importing)] == [True] * 10


def test_a_worker_that_was_thought_dead_changes_nothing(
    started: Callable[..., Import], small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = started(all_or_nothing=True)
    make = making.RowWriter.make

    def overtaken(self: making.RowWriter, batch: Any, refused: Any) -> Any:
        Import.objects.filter(pk=importing.pk).update(worker=uuid.uuid4())
        return make(self, batch, refused)

    monkeypatch.setattr(making.RowWriter, "make", overtaken)
    imports.work(importing.pk)
    importing.refresh_from_db()
    assert (importing.state, made(importing)) == (State.RUNNING, [])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whole", [True, False])
def test_cancelled_within_a_batch(
    started: Callable[..., Import], world: World, small: None, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    importing = started(all_or_nothing=whole)
    announced = []

    def cancel() -> None:
        assert imports.cancel(importing=Import.objects.get(pk=importing.pk), by=world.owner)
        connection.close()

    def announce(topics: list[str]) -> None:
        announced.append(topics)
        if len(announced) == 2:
            person = threading.Thread(target=cancel)
            person.start()
            person.join()

    monkeypatch.setattr(live, "announce", announce)
    imports.work(importing.pk)
    importing.refresh_from_db()
    assert importing.state == State.CANCELLED
    assert made(importing) == ([] if whole else [f"S{n}" for n in range(6)])
    assert importing.made == len(made(importing))
    event = Event.objects.get(kind=Event.Kind.IMPORT_ENDED)
    assert event.data["state"] == "cancelled"
    assert not imports.cancel(importing=importing, by=world.owner)
    assert not imports.start(importing=importing, by=world.owner)


def test_cancelled_while_nobody_works_on_it(started: Callable[..., Import], check: Run, world: World) -> None:
    for importing in (started(), check("Serial\nX1\n")):
        assert imports.cancel(importing=importing, by=world.owner)
        assert work(importing).state == State.CANCELLED
        nothing_is_left(importing)


def test_started_once(check: Run, world: World) -> None:
    importing = check(FILE)
    assert imports.start(importing=importing, by=world.owner)
    assert not imports.start(importing=importing, by=world.owner)
    assert Delivery.objects.count() == 1
    work(importing)
    work(importing)
    assert Device.objects.filter(source=importing).count() == 10
    assert list(Event.objects.filter(device=None).order_by("id").values_list("kind", flat=True)) == [
        Event.Kind.IMPORT_STARTED,
        Event.Kind.IMPORT_ENDED,
    ]


def test_a_key_that_is_gone_ends_it(started: Callable[..., Import], settings: Settings) -> None:
    importing = started()
    settings.SECRET_KEY = "another" * 10
    importing = work(importing)
    assert (importing.state, "SECRET_KEY" in importing.cause) == (State.FAILED, True)


def test_progress(check: Run, world: World, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    importing = check(FILE, all_or_nothing=True)
    assert leases.progress(importing)[:3] == (State.CHECKED, 10, 10)
    imports.start(importing=importing, by=world.owner)
    assert leases.progress(importing)[:3] == (State.WAITING, 0, 10)
    seen = []
    monkeypatch.setattr(live, "announce", lambda topics: seen.append(leases.progress(importing)))
    imports.work(importing.pk)
    assert [(each.rows, each.percent) for each in seen[:4]] == [(3, 30), (6, 60), (9, 90), (10, 99)]
    assert leases.progress(importing).percent == 100
    assert seen[0].rate > 0


def test_beat_offers_what_nobody_could_be_asked_for(started: Callable[..., Import]) -> None:
    importing = started()
    tasks.resume_jobs()
    Import.objects.update(held_until=None)
    tasks.resume_jobs()
    tasks.work_on_import(importing.pk)
    importing.refresh_from_db()
    assert importing.state == State.DONE


def test_how_many_can_be_made(world: World) -> None:
    def count(**options: Any) -> None:
        defaults: dict[str, Any] = {"version": world.version, "total": 5, "group": None, "name_pattern": ""}
        imports.count(by=world.owner, **defaults | options)

    for options in ({"total": 0}, {"total": 10**9}, {"group": world.other_site}, {"name_pattern": "{x}"}):
        with pytest.raises(ValidationError):
            count(**options)
    for identity in ({"kind": "opaque"}, {"kind": "base10", "length": 1}):
        world.version.identity = identity
        with pytest.raises(ValidationError):
            count()
    assert not Import.objects.exists()


def test_made_serials_avoid_those_that_are_taken(world: World) -> None:
    world.version.identity = {"kind": "base10", "length": 4}
    world.version.save()
    for _ in range(2):
        importing = imports.count(by=world.owner, version=world.version, total=200, group=None, name_pattern="")
        assert work(importing).made == 200


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whole", [True, False])
def test_two_files_at_once_make_no_serial_twice(
    check: Run, world: World, small: None, monkeypatch: pytest.MonkeyPatch, settings: Settings, whole: bool
) -> None:
    settings.JOBS_PER_ORGANISATION = 2  # else the second waits for its turn, and there is no race
    monkeypatch.setattr(worker, "TURN_SECONDS", 0.02)
    rows = [f"S{n},{'Boise' if n % 2 else 'Kaiser Permanente Anaheim'}\n" for n in range(60)]
    both = [check("Serial,Group\n" + "".join(order), all_or_nothing=whole) for order in (rows, rows[::-1])]
    for importing in both:
        assert imports.start(importing=importing, by=world.owner)

    def run(importing: Import) -> None:
        try:
            imports.work(importing.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[importing]) for importing in both]
    for thread in threads:
        thread.start()
    single = [registration.register_device(version=world.version, by=None, serial=f"T{n}") for n in range(20)]
    for thread in threads:
        thread.join(60)
    assert len(single) == 20
    ended = [Import.objects.get(pk=importing.pk) for importing in both]
    assert sum(importing.made for importing in ended) == 60
    assert Device.objects.filter(serial__startswith="S").exclude(source=None).count() == 60
    if whole:
        assert sorted(importing.state for importing in ended) == [State.DONE, State.FAILED]
    else:
        assert {importing.state for importing in ended} == {State.DONE}
        assert sum(importing.refused for importing in ended) == 60


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_worker_at_a_time(started: Callable[..., Import]) -> None:
    importing = started()
    with leases.claim(Import, importing.pk) as first:  # type: ignore[union-attr]
        assert first is not None
        assert leases.claim(Import, importing.pk) is None
        first.release()
        second = leases.claim(Import, importing.pk)
        assert second is not None
        with pytest.raises(leases.Lost):
            first.update(done=1)
        with pytest.raises(leases.Lost):
            first.end(state=State.DONE)


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_a_worker_does_nothing_for_somebody_who_may_not_import_any_more(
    world: World, started: Callable[..., Import], small: None, monkeypatch: pytest.MonkeyPatch, all_or_nothing: bool
) -> None:
    """Who was removed before it began, or while it ran: what batches made until then stays."""
    importing = started(all_or_nothing=all_or_nothing)
    make, calls = making.RowWriter.make, []

    def removed_meanwhile(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            Membership.objects.filter(user=world.owner).update(role=Role.TECHNICIAN)
        return make(*args)

    monkeypatch.setattr(making.RowWriter, "make", removed_meanwhile)
    work(importing)
    importing.refresh_from_db()
    assert (importing.state, len(made(importing))) == (State.FAILED, 0 if all_or_nothing else 6)
    assert "no longer an admin" in importing.cause
    Membership.objects.filter(user=world.owner).update(role=Role.ADMIN)
    importing = started("Serial\nT1\n")
    Membership.objects.filter(user=world.owner).delete()
    assert (work(importing).state, made(importing)) == (State.FAILED, [])


def test_a_group_that_an_import_is_to_fill_stays(world: World, started: Callable[..., Import]) -> None:
    group = builders.make_group(world.sadler, "Hall")
    importing = started(group=group)
    with refused(GROUP_IN_USE, match="being imported into it"):
        groups.delete(group=group)
    imports.cancel(importing=importing, by=world.owner)
    groups.delete(group=group)
