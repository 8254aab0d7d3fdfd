"""What of each action is taken back, and what is left as it is since."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from devices.bulk_actions import runner
from devices.bulk_actions.kinds import OFFERED
from devices.lifecycle import assignments
from devices.models import Assignment, BulkAction, Device, DeviceModel, RecipeVersion
from devices.refusals import NOT_UNDOABLE, SELECTION_CHANGED
from devices.ties import operations as ties
from tenants.groups import operations as groups
from tests import builders
from tests.devices.bulk_actions.devices import fresh, gateways_of, only, ready, through, verdicts_of
from tests.devices.doing import act, ran, undone
from tests.refused import refused

if TYPE_CHECKING:
    from tenants.models import User
    from tests.conftest import World
    from tests.devices.bulk_actions.devices import Gateways

Kind = BulkAction.Kind


@pytest.mark.parametrize("kind", sorted(OFFERED.keys() & set(BulkAction.REVERSIBLE)))
def test_undoing_brings_back_what_nobody_changed_since(
    world: World, kind: str, second: DeviceModel, gateways: Gateways, person: User
) -> None:
    kept = builders.make_device(world.version, group=world.anaheim, by=world.owner, name="Anaheim Two")
    gateway = gateways[world.anaheim.pk]
    later = RecipeVersion.objects.create(recipe=world.version.recipe, number=2)
    params: dict[str, Any] = {
        Kind.MOVE: {"group": world.boise.pk},
        Kind.TAG: {"tag": "batch", "value": "8"},
        Kind.UNTAG: {"tag": "batch"},
        Kind.MODEL: {"model": second.pk},
        Kind.RECIPE: {"version": later.pk},
        Kind.TIE: through(gateway),
        Kind.PERSON: {"person": person.pk},
    }.get(Kind(kind), {})
    for each in (world.placed, kept):
        Device.objects.filter(pk=each.pk).update(description="Here", tags={"batch": "7", "x": "y"})
        if kind in {Kind.UNLOCK, Kind.RESTORE, Kind.UNTIE}:
            ready(kind, each, world, gateways)
    before, tied = fresh(world.placed), gateways_of(world.placed)
    action = act(kind, world.owner, only(world.placed, kept), **params)
    meddle(kind, fresh(kept), world, gateways)
    meddled, tied_since = fresh(kept), gateways_of(kept)
    back = undone(action, world.owner)
    said = {
        Kind.TAG: "Add a tag: batch: 8",
        Kind.UNTAG: "Remove a tag: batch",
        Kind.TIE: f"Tie to a gateway: {gateway.serial}",
    }.get(Kind(kind), Kind(kind).label)
    assert (str(action), str(back)) == (said, f"Undo: {said}")
    after = fresh(world.placed)
    facts = ("group", "assignment", "name", "description", "tags", "model_id", "person_id")
    assert [getattr(after, fact) for fact in facts] == [getattr(before, fact) for fact in facts]
    assert (after.locked_at is None) == (before.locked_at is None)
    assert (after.retired_at is None, after.version) == (before.retired_at is None, before.version)
    assert (gateways_of(world.placed), gateways_of(kept)) == (tied, tied_since)
    assert verdicts_of(back) == {world.placed.pk: "change", kept.pk: "since"}
    assert [getattr(fresh(kept), fact) for fact in facts] == [getattr(meddled, fact) for fact in facts]
    assert (
        not Assignment.objects.filter(device=world.placed, closed_at=None)
        .exclude(pk=before.assignment_id or 0)
        .exists()
    )


def meddle(kind: str, device: Device, world: World, gateways: Gateways) -> None:
    """Somebody changes it after the action."""
    rows = Device.objects.filter(pk=device.pk)
    if kind == Kind.RELEASE:
        assignments.assign(device=device, group=world.boise, name="N", model=None, by=world.owner)
        assignments.release(device=device, by=world.owner)
    elif kind == Kind.MOVE:
        assignments.assign(device=device, group=world.boise, name="N", model=None, by=world.owner)
    elif kind in {Kind.TAG, Kind.UNTAG}:
        rows.update(tags={"batch": "9"})
    elif kind == Kind.MODEL:
        rows.update(model=None)
    elif kind == Kind.LOCK:
        rows.update(locked_at=now())
    elif kind in {Kind.RETIRE, Kind.RESTORE}:
        rows.update(retired_at=now())
    elif kind == Kind.TIE:
        ties.untie(device=device, gateway=gateways[device.group_id], by=world.owner)
    elif kind == Kind.UNTIE:
        ties.tie(device=device, gateway=gateways[device.group_id], by=world.owner)
    elif kind == Kind.PERSON:
        assignments.assign_devices([device], group=world.anaheim.pk, person=None, by=world.owner)
    elif kind == Kind.RECIPE:
        rows.update(version=RecipeVersion.objects.create(recipe=world.version.recipe, number=3))
    else:
        rows.update(locked_at=now())


def test_undoing_a_first_placement_frees_the_device(world: World) -> None:
    back = undone(act(Kind.MOVE, world.owner, only(world.waiting), group=world.boise.pk), world.owner)
    assert (back.changed, fresh(world.waiting).group, fresh(world.waiting).name) == (1, None, "Waiting gateway")


def test_the_admin_of_a_group_takes_a_release_back(world: World) -> None:
    action = act(Kind.RELEASE, world.admin)
    assert fresh(world.placed).group is None
    assert undone(action, world.admin).changed == 1
    assert fresh(world.placed).group == world.anaheim


def test_nothing_is_undone_into_a_group_that_became_a_parent(world: World) -> None:
    action = act(Kind.MOVE, world.owner, only(world.placed), group=world.boise.pk)
    groups.create(parent=world.anaheim, name="Roof")
    assert list(verdicts_of(undone(action, world.owner)).values()) == ["no-leaf"]
    assert fresh(world.placed).group == world.boise


def test_an_action_is_undone_once_and_not_for_ever(world: World) -> None:
    action = act(Kind.LOCK, world.owner, only(world.placed))
    undone(action, world.owner)
    with refused(SELECTION_CHANGED, NOT_UNDOABLE):
        runner.undo(action=action, by=world.owner)
    late = act(Kind.LOCK, world.owner, only(world.placed))
    BulkAction.objects.filter(pk=late.pk).update(finished_at=now() - timedelta(hours=25))
    with refused(SELECTION_CHANGED, NOT_UNDOABLE):
        runner.undo(action=late, by=world.owner)
    with refused(SELECTION_CHANGED, NOT_UNDOABLE):
        runner.undo(action=act(Kind.REISSUE, world.owner, only(world.foreign)), by=world.owner)


@pytest.mark.postgres
def test_undoing_many_tells_the_planner_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics from before the action say that it has no rows: each device would be sought among all of them."""
    monkeypatch.setattr(runner, "BATCH", 1)
    done = act(Kind.TAG, world.owner, only(world.placed, world.foreign), tag="site", value="roof")
    back = runner.undo(action=done, by=world.owner)
    with CaptureQueriesContext(connection) as asked:
        assert ran(back).changed == 2
    statements = [query["sql"] for query in asked.captured_queries]
    first = next(place for place, sql in enumerate(statements) if sql.startswith('UPDATE "devices_device"'))
    assert "ANALYZE devices_touched" in statements[:first]
