"""What each action does to the devices, once."""

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
from devices.models import BulkAction, Credential, Delivery, Device, DeviceModel, Event, RecipeVersion, Touched
from devices.recipes.command_lines import clean_lines
from devices.refusals import NOT_UNDOABLE, SELECTION_CHANGED
from lib import key_wrapping
from tenants.groups import operations as groups
from tenants.models import Membership, Role
from tests import builders
from tests.devices.bulk_actions.devices import fresh, kinds, only, ready, through, verdicts_of
from tests.devices.doing import act, ran, started
from tests.refused import refused

if TYPE_CHECKING:
    from tenants.models import User
    from tests.conftest import World
    from tests.devices.bulk_actions.devices import Gateways

Kind = BulkAction.Kind


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
