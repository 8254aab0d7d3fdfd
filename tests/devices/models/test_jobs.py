"""Jobs and what they hand over: whose they are, which can be undone, how they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models.functions import Now

from devices.models import BulkAction, Delivery, Import, LabelPrintJob
from tenants.models import Role
from tests import builders
from tests.devices.models.cast import ago, fresh, who

if TYPE_CHECKING:
    from tests.conftest import World
State = BulkAction.State
Kind = BulkAction.Kind


def test_jobs_are_the_owners_and_of_actions_those_of_ones_own(world: World) -> None:
    Import.objects.create(organisation=world.kanarra, by=world.owner, version=world.version)
    assert who(world, Import.objects.manageable_by) == {"owner"}
    action = BulkAction.objects.create(organisation=world.kanarra, by=world.admin, kind=Kind.TAG)
    assert who(world, BulkAction.objects.manageable_by) == {"owner", "admin"}
    BulkAction.objects.update(by=world.owner)
    assert who(world, BulkAction.objects.manageable_by) == {"owner"}
    BulkAction.objects.update(by=world.technician)  # who was an admin when it began
    assert who(world, BulkAction.objects.manageable_by) == {"owner"}
    assert not BulkAction.objects.manageable_by(AnonymousUser()).exists()
    assert not Import.objects.manageable_by(AnonymousUser()).exists()
    assert action.get_absolute_url() == f"/actions/{action.key}/"


def test_sheets_and_secrets_are_of_whoever_had_them_made(world: World) -> None:
    LabelPrintJob.objects.create(organisation=world.kanarra, by=world.viewer, devices=[1])
    Delivery.objects.create(organisation=world.kanarra, by=world.viewer, sealed=b"x", expires_at=Now())
    for scope in (LabelPrintJob.objects.of, Delivery.objects.of):
        assert who(world, scope) == {"viewer"}
        assert not scope(AnonymousUser()).exists()
        world.viewer.is_active = False
        assert not scope(world.viewer).exists()
        world.viewer.is_active = True


@pytest.mark.parametrize(
    ("sealed", "until", "may"),
    [(b"x", ago(hours=-1), True), (b"x", ago(seconds=1), False), (None, ago(hours=-1), False)],
)
def test_secrets_are_taken_once_and_in_time(world: World, sealed: bytes | None, until: Any, may: bool) -> None:
    Delivery.objects.create(organisation=world.kanarra, by=world.owner, sealed=sealed, expires_at=until)
    assert Delivery.objects.takeable().exists() is may


DONE: dict[str, Any] = {"kind": Kind.MOVE, "state": State.DONE, "changed": 1, "finished_at": ago(hours=23)}


@pytest.mark.parametrize(
    ("other", "may"),
    [
        ({}, True),
        ({"state": State.CANCELLED}, True),
        ({"state": State.FAILED}, True),
        ({"state": State.RUNNING}, False),
        ({"state": State.WAITING}, False),
        ({"finished_at": ago(hours=24, seconds=1)}, False),
        ({"finished_at": None}, False),
        ({"changed": 0}, False),
        *(({"kind": kind}, kind in BulkAction.REVERSIBLE) for kind in Kind.values),
    ],
    ids=str,
)
def test_which_actions_have_a_way_back(world: World, other: dict[str, Any], may: bool) -> None:
    BulkAction.objects.create(organisation=world.kanarra, by=world.owner, **DONE | other)
    assert BulkAction.objects.undoable().exists() is may


def test_an_action_is_undone_once_and_its_undoing_not_at_all(world: World) -> None:
    first = BulkAction.objects.create(organisation=world.kanarra, by=world.owner, **DONE)
    second = BulkAction.objects.create(organisation=world.kanarra, by=world.owner, undo_of=first, **DONE)
    assert not BulkAction.objects.undoable().exists()
    second.delete()
    assert BulkAction.objects.undoable().get() == first


@pytest.mark.parametrize(
    ("kind", "params", "words"),
    [
        (Kind.LOCK, {}, "Lock"),
        (Kind.COMMAND, {"command": "start"}, "Send a command: start"),
        (Kind.TIE, {"gateway": "GW1"}, "Tie to a gateway: GW1"),
        (Kind.TAG, {"tag": "site", "value": "roof"}, "Add a tag: site: roof"),
        (Kind.TAG, {"tag": "site"}, "Add a tag: site: "),
        (Kind.UNTAG, {"tag": "site", "value": "roof"}, "Remove a tag: site"),
    ],
)
def test_an_action_says_what_it_does(kind: str, params: dict[str, str], words: str) -> None:
    assert str(BulkAction(kind=kind, params=params)) == words
    assert str(BulkAction(kind=kind, params=params, undo_of_id=1)) == f"Undo: {words}"
    assert BulkAction(kind=kind, done=7, changed=5).unchanged_count == 2


def test_an_import_is_called_by_its_file_or_its_number_and_knows_its_sheets() -> None:
    assert str(Import(total=7)) == "7 devices"
    assert Import(sheets=[{"name": "Devices", "rows": 3}, "Old"]).sheet_names == ["Devices", "Old"]
    assert Import().sheet_names == []


@pytest.mark.parametrize("state", Import.State.values)
def test_an_import_waits_for_people_or_for_a_worker(state: str) -> None:
    assert Import(state=state).is_working is (state in {"checking", "waiting", "running"})


def test_a_role_taken_away_takes_what_it_showed(world: World) -> None:
    admin = builders.make_user("second@sadler.example", world.sadler, Role.ADMIN)
    BulkAction.objects.create(organisation=world.kanarra, by=admin, kind=Kind.TAG)
    assert BulkAction.objects.manageable_by(fresh(admin)).exists()
    admin.memberships.update(role=Role.VIEWER)
    assert not BulkAction.objects.manageable_by(fresh(admin)).exists()
