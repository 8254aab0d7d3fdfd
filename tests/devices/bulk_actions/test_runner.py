"""What each action does to the devices, once, and how it is taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from devices.bulk_actions import runner
from devices.bulk_actions.eligibility import Params
from devices.bulk_actions.kinds import OFFERED
from devices.credentials import deliveries
from devices.credentials import operations as credentials
from devices.lifecycle import assignments
from devices.models import (
    Assignment,
    BulkAction,
    Credential,
    Delivery,
    Device,
    DeviceModel,
    Event,
    RecipeVersion,
    Tie,
    Touched,
)
from devices.recipes.command_lines import clean_lines
from devices.refusals import NOT_UNDOABLE, SELECTION_CHANGED
from devices.ties import operations as ties
from lib import key_wrapping
from tenants.groups import operations as groups
from tenants.models import Membership, Organisation, Role
from tests import builders
from tests.devices.doing import act, ran, started, undone
from tests.refused import refused

if TYPE_CHECKING:
    from tenants.models import User
    from tests.conftest import World

Kind = BulkAction.Kind

Gateways = dict[int | None, Device]
"""By the group in which they are."""


def only(*devices: Device) -> Any:
    return Device.objects.filter(pk__in=[device.pk for device in devices])


def kinds(device: Device) -> list[str]:
    return [event.kind for event in Event.objects.filter(device=device).order_by("pk")]


def fresh(device: Device) -> Device:
    return Device.objects.with_status().select_related("group", "assignment").get(pk=device.pk)


def verdicts_of(action: BulkAction) -> dict[int, str]:
    return dict(Touched.objects.filter(action=action).values_list("device_id", "verdict"))


@pytest.fixture
def second(world: World) -> DeviceModel:
    return DeviceModel.objects.create(organisation=world.kanarra, name="KG-500")


@pytest.fixture
def later(world: World) -> RecipeVersion:
    """A version after that of the devices."""
    return RecipeVersion.objects.create(recipe=world.version.recipe, number=2)


@pytest.fixture
def person(world: World) -> User:
    """Somebody with a role everywhere, who may be given devices."""
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    return builders.make_user("viewer@kanarra.example", world.kanarra.root, Role.VIEWER)


@pytest.fixture
def gateways(world: World) -> Gateways:
    """Made from a recipe of their own, which gets no later version."""
    version = builders.make_recipe(world.kanarra, "Speaker")
    return {
        group.pk: builders.make_device(version, group=group, by=world.owner, name="Speaker")
        for group in (world.anaheim, world.boise)
    }


def through(gateway: Device) -> dict[str, Any]:
    return {"gateway": gateway.serial, "speaker": gateway.pk}


def gateways_of(device: Device) -> list[int]:
    return list(Tie.objects.standing().filter(device=device).order_by("gateway").values_list("gateway_id", flat=True))


@pytest.fixture(params=OFFERED)
def any_kind(
    request: pytest.FixtureRequest,
    world: World,
    second: DeviceModel,
    later: RecipeVersion,
    gateways: Gateways,
    person: User,
) -> tuple[str, dict[str, Any]]:
    if request.param == Kind.COMMAND:
        RecipeVersion.objects.filter(pk=world.version.pk).update(commands=clean_lines([{"name": "start"}]))
    params: dict[str, dict[str, Any]] = {
        Kind.MOVE: {"group": world.boise.pk},
        Kind.TAG: {"tag": "site", "value": "roof"},
        Kind.UNTAG: {"tag": "batch"},
        Kind.MODEL: {"model": second.pk},
        Kind.RECIPE: {"version": later.pk},
        Kind.COMMAND: {"command": "start", "versions": [world.version.pk]},
        Kind.TIE: through(gateways[world.anaheim.pk]),
        Kind.PERSON: {"person": person.pk},
    }
    return request.param, params.get(request.param, {})


def ready(kind: str, device: Device, world: World, gateways: Gateways) -> None:
    """As it must be for the action to change it."""
    if kind == Kind.UNLOCK:
        Device.objects.filter(pk=device.pk).update(locked_at=now())
    elif kind == Kind.UNTAG:
        Device.objects.filter(pk=device.pk).update(tags={"batch": "7", "kept": "yes"})
    elif kind == Kind.REOPEN:
        Device.objects.filter(pk=device.pk).update(expires_at=now() - timedelta(hours=1))
    elif kind in {Kind.RESTORE, Kind.FREE}:
        Device.objects.filter(pk=device.pk).update(retired_at=now())
    elif kind == Kind.REMOVE:
        Device.objects.filter(pk=device.pk).update(group=None, assignment=None)
        Assignment.objects.filter(device=device).delete()
    elif kind == Kind.REVOKE:
        credentials.issue_credential(device=device, by=None)
    elif kind == Kind.UNTIE:
        placed = fresh(device)
        ties.tie(device=placed, gateway=gateways[placed.group_id], by=world.owner)


def test_every_action_changes_a_device_once_and_says_so(
    world: World, any_kind: tuple[str, dict[str, Any]], gateways: Gateways
) -> None:
    kind, params = any_kind
    if kind == Kind.REMOVE:
        return  # nothing is left that it could say of the device: tests/devices/lifecycle/test_removal.py
    ready(kind, world.placed, world, gateways)
    before = len(kinds(world.placed))
    action = act(kind, world.owner, only(world.placed), **params)
    assert (action.state, action.total, action.done, action.changed) == (BulkAction.State.DONE, 1, 1, 1)
    said = kinds(world.placed)[before:]
    assert (
        said
        == {
            Kind.MOVE: ["moved"],
            Kind.RELEASE: ["released"],
            Kind.TAG: ["changed"],
            Kind.UNTAG: ["changed"],
            Kind.MODEL: ["changed"],
            Kind.LOCK: ["locked"],
            Kind.UNLOCK: ["unlocked"],
            Kind.COMMAND: ["command-sent"],
            Kind.REOPEN: ["opened-again"],
            Kind.REVOKE: ["credential-revoked"],
            Kind.REISSUE: ["credential-rotated"],
            Kind.RETIRE: ["retired"],
            Kind.RESTORE: ["brought-back"],
            Kind.FREE: ["serial-freed"],
            Kind.RECIPE: ["changed"],
            Kind.TIE: ["tied"],
            Kind.UNTIE: ["untied"],
            Kind.PERSON: ["assigned"],
        }[Kind(kind)]
    )
    ran(action)
    assert kinds(world.placed)[before:] == said
    again = act(kind, world.owner, only(world.placed), **params)
    repeats = kind in {Kind.REOPEN, Kind.REISSUE, Kind.COMMAND}
    assert again.changed == repeats
    ended = Event.objects.filter(device=None, kind__startswith="action-").order_by("pk")
    assert [event.kind for event in ended] == ["action-started", "action-ended"] * 2


def test_a_move_hands_over_and_leaves_what_the_tenant_wrote(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(description="Behind the boiler", tags={"floor": "2"})
    former = fresh(world.placed).assignment
    act(Kind.MOVE, world.owner, only(world.placed, world.waiting), group=world.boise.pk)
    moved, provisioned = fresh(world.placed), fresh(world.waiting)
    assert (moved.group, provisioned.group) == (world.boise, world.boise)
    assert (moved.name, moved.description, moved.tags) == (moved.serial, "", {})
    assert provisioned.name == "Waiting gateway"
    assert former is not None
    former.refresh_from_db()
    assert former.closed_at is not None
    assert not Device.objects.visible_to(world.viewer).exists()
    theirs = Event.objects.of(moved)
    assert [event.kind for event in theirs] == ["moved"]
    assert kinds(world.waiting)[-1] == "provisioned"


def test_a_move_keeps_names_when_told_to(world: World) -> None:
    act(Kind.MOVE, world.owner, only(world.placed), group=world.boise.pk, keep=True)
    assert fresh(world.placed).name == "Anaheim One"


def test_tags_are_added_and_removed_beside_others(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(tags={"floor": "2", "odd": 'it\'s "so" \\ 100 %'})
    act(Kind.TAG, world.owner, only(world.placed), tag="site", value="roof 'x' %s")
    assert fresh(world.placed).tags == {"floor": "2", "odd": 'it\'s "so" \\ 100 %', "site": "roof 'x' %s"}
    act(Kind.UNTAG, world.owner, only(world.placed), tag="floor")
    assert fresh(world.placed).tags == {"odd": 'it\'s "so" \\ 100 %', "site": "roof 'x' %s"}


def test_only_devices_that_never_connected_open_again(world: World) -> None:
    gone = now() - timedelta(hours=1)
    Device.objects.filter(pk=world.placed.pk).update(expires_at=gone)
    Device.objects.filter(pk=world.foreign.pk).update(expires_at=gone, activated_at=gone)
    action = act(Kind.REOPEN, world.owner)
    said = verdicts_of(action)
    assert [said[each.pk] for each in (world.placed, world.foreign, world.waiting)] == [
        "change", "connected", "endless",
    ]  # fmt: skip
    until = fresh(world.placed).expires_at
    assert until is not None
    assert abs(until - now() - timedelta(hours=48)) < timedelta(minutes=1)


@pytest.mark.parametrize("at_once", [False, True])
def test_reissued_credentials_replace_the_old_ones(world: World, at_once: bool) -> None:
    credentials.issue_credential(device=world.placed, by=None)
    action = act(Kind.REISSUE, world.owner, only(world.placed), at_once=at_once)
    assert action.delivery is not None
    old, new = Credential.objects.filter(device=world.placed).order_by("pk")
    assert (old.revoked_at is not None, old.superseded_by) == ((True, None) if at_once else (False, new))
    key = deliveries.take_key(delivery=action.delivery, by=world.owner, what="test")
    access = key_wrapping.Deriver(key).derive_access(world.placed.pk)
    assert credentials.authenticate_device(access_key=access.key, access_secret=access.secret) == world.placed


def test_credentials_are_not_reissued_where_that_makes_no_sense(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(locked_at=now())
    Device.objects.filter(pk=world.waiting.pk).update(expires_at=now() - timedelta(hours=1))
    other = RecipeVersion.objects.create(recipe=world.version.recipe, number=2, credential_kind="certificate")
    Device.objects.filter(pk=world.foreign.pk).update(version=other)
    action = act(Kind.REISSUE, world.owner)
    assert sorted(verdicts_of(action).values()) == ["elsewise", "expired", "shut"]
    assert not Credential.objects.exists()


def test_a_device_that_has_enough_credentials_gets_no_other(world: World) -> None:
    for _ in range(credentials.MAX_LIVE):
        credentials.issue_credential(device=world.placed, by=None)
    action = act(Kind.REISSUE, world.owner, only(world.placed, world.foreign))
    assert (action.changed, verdicts_of(action)) == (1, {world.placed.pk: "enough", world.foreign.pk: "change"})
    assert Credential.objects.of(world.placed).count() == credentials.MAX_LIVE
    assert "credential-rotated" not in kinds(world.placed)


def test_without_its_key_a_reissue_fails_with_a_word(world: World) -> None:
    action = started(Kind.REISSUE, world.owner)
    Delivery.objects.update(sealed=None)
    assert (ran(action).state, bool(action.cause)) == (BulkAction.State.FAILED, True)
    assert not Credential.objects.exists()


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


def test_what_was_not_previewed_is_not_done(world: World) -> None:
    with refused(SELECTION_CHANGED, NOT_UNDOABLE):
        runner.start(
            kind=Kind.LOCK, params=Params(), devices=only(world.placed), selection={}, previewed="x", by=world.owner
        )
    assert not BulkAction.objects.exists()
    assert not Touched.objects.exists()


def test_nothing_chosen_is_nothing_to_do(world: World) -> None:
    for nothing in (Device.objects.none(), Device.objects.filter(name="nobody's")):
        with refused(SELECTION_CHANGED, NOT_UNDOABLE):
            started(Kind.LOCK, world.owner, nothing)


def test_a_device_that_left_meanwhile_is_left_alone(world: World) -> None:
    action = started(Kind.LOCK, world.admin)
    assignments.assign(device=fresh(world.placed), group=world.boise, name="N", model=None, by=world.owner)
    assert verdicts_of(ran(action)) == {world.placed.pk: "not-yours"}
    assert fresh(world.placed).locked_at is None


def test_an_admin_who_is_none_any_more_changes_nothing(world: World) -> None:
    action = started(Kind.LOCK, world.admin)
    Membership.objects.filter(user=world.admin).update(role=Role.VIEWER)
    assert (ran(action).changed, action.state) == (0, BulkAction.State.DONE)
    gone = started(Kind.LOCK, world.owner)
    BulkAction.objects.filter(pk=gone.pk).update(by=None)
    assert ran(gone).state == BulkAction.State.FAILED


@pytest.mark.parametrize("spoil", ["parent", "foreign"])
def test_a_target_that_can_take_none_stops_it(world: World, spoil: str) -> None:
    empty = builders.make_group(world.tekton, "Nampa")
    action = started(Kind.MOVE, world.owner, only(world.placed), group=empty.pk)
    if spoil == "parent":
        groups.create(parent=empty, name="Below")
    else:
        BulkAction.objects.filter(pk=action.pk).update(params=Params(group=world.other_site.pk).as_json())
    assert (ran(action).state, fresh(world.placed).group) == (BulkAction.State.FAILED, world.anaheim)
    assert "group" in action.cause


@pytest.mark.usefixtures("fleet")
def test_the_number_of_statements_does_not_grow_with_the_devices(
    world: World, any_kind: tuple[str, dict[str, Any]], gateways: Gateways
) -> None:
    kind, params = any_kind
    gateway = gateways[world.boise.pk]
    there = Device.objects.filter(group=world.boise).exclude(pk=gateway.pk)
    keys = list(there.order_by("pk").values_list("pk", flat=True))
    for device in Device.objects.filter(pk__in=keys):
        ready(kind, device, world, gateways)
    if kind == Kind.MOVE:
        params = {"group": world.anaheim.pk}
    elif kind == Kind.TIE:
        params = through(gateway)

    def statements(chosen: list[int]) -> int:
        action = started(kind, world.owner, Device.objects.filter(pk__in=chosen), **params)
        with CaptureQueriesContext(connection) as asked:
            ran(action)
        assert action.changed == len(chosen)
        return len(asked)

    few, more = statements(keys[:1]), statements(keys[1:])
    at_most = 40 + count_tables_of_devices() if kind == Kind.REMOVE else 60
    assert more <= few <= at_most


def count_tables_of_devices() -> int:
    """Of each, a removal asks what is there of the devices, or deletes it."""
    fields = Device._meta.get_fields(include_hidden=True)
    return len({field.related_model for field in fields if field.auto_created and not field.concrete})


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
