"""Rows of the journal in words: who did it, which import it was, and nothing of what its reader may not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices import events
from devices.models import Event, Import
from lib import merged_paging
from provisioning.journal.entries import Entry, build_entries
from provisioning.journal.sources import Filters, list_sources
from tenants.audit import actors
from tenants.audit import log as audit_log
from tenants.models import AuditEntry, User

if TYPE_CHECKING:
    from tests.conftest import World

Kind = Event.Kind


def read(reader: User, kind: str) -> list[Entry]:
    fresh = User.objects.get(pk=reader.pk)
    rows = merged_paging.find_page(list_sources(fresh, Filters(kind=kind)), 50).rows
    return build_entries(fresh, rows)


def test_what_nobody_did_was_done_by_nobody_or_by_the_site(world: World) -> None:
    events.record(Kind.LOCKED, device=world.placed)
    audit_log.record(AuditEntry.Kind.SETTING, group=world.sadler, by=None, what="Settings changed")
    (locked,), (setting,) = read(world.admin, "locked"), read(world.admin, "setting")
    assert (locked.who, locked.outsider, locked.words) == (None, False, "Locked")
    assert (setting.who, setting.outsider, setting.words) == ("the site", False, "Settings changed")


def test_who_did_it_is_named_by_name_else_by_address_to_who_knows_them(world: World) -> None:
    events.record(Kind.LOCKED, device=world.placed, by=world.technician)
    events.record(Kind.UNLOCKED, device=world.placed, by=world.owner)
    audit_log.record(AuditEntry.Kind.SETTING, group=world.sadler, by=world.owner, what="Settings changed")
    assert read(world.admin, "locked")[0].who == "technician@sadler.example"
    User.objects.filter(pk=world.technician.pk).update(name="Robin")
    assert read(world.admin, "locked")[0].who == "Robin"
    for kind in ("unlocked", "setting"):
        (entry,) = read(world.admin, kind)
        assert (entry.who, entry.outsider) == (actors.OUTSIDE, True)
        assert read(world.owner, kind)[0].who == "owner@kanarra.example"


@pytest.fixture
def job(world: World) -> Import:
    return Import.objects.create(organisation=world.kanarra, version=world.version, by=world.owner, total=7)


@pytest.mark.parametrize(
    ("kind", "more", "details"),
    [
        (Kind.IMPORT_STARTED, {}, "7 devices"),
        (Kind.IMPORT_ENDED, {"state": "done", "made": 6, "refused": 1}, "7 devices: done: 6 added, 1 refused"),
    ],
)
def test_an_import_is_called_by_its_name(
    world: World, job: Import, kind: Event.Kind, more: dict[str, Any], details: str
) -> None:
    told: dict[str, Any] = {"import": str(job.key), **more}
    events.record(kind, organisation=world.kanarra.pk, by=world.owner, **told)
    assert [entry.details for entry in read(world.owner, kind.value)] == [details]


@pytest.mark.parametrize(
    ("of", "is_named"),
    [("import {}", True), ("import {} ", False), ("re-import {}", False), ("import 7", False), ("a label", False)],
)
def test_whose_result_was_taken_is_named(world: World, job: Import, of: str, *, is_named: bool) -> None:
    events.record(Kind.RESULT_TAKEN, organisation=world.kanarra.pk, by=world.owner, of=of.format(job.key))
    (entry,) = read(world.owner, "result-taken")
    assert entry.details.startswith("7 devices") is is_named


def test_an_import_of_another_organisation_is_not_named(world: World, job: Import) -> None:
    told: dict[str, Any] = {"import": str(job.key)}
    events.record(Kind.IMPORT_STARTED, organisation=world.other.pk, by=world.stranger, **told)
    assert [entry.details for entry in read(world.stranger, "import-started")] == [""]
