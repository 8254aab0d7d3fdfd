"""Of each kind of action, which devices it changes, and why the others stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices.bulk_actions import eligibility, kinds
from devices.bulk_actions.eligibility import WORDS, Params
from devices.lifecycle import assignments
from devices.models import (
    Attribute,
    BulkAction,
    Credential,
    Device,
    DeviceModel,
    RecipeVersion,
    Tie,
)
from tenants.models import Group, User
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World

Kind = BulkAction.Kind
MANY = {f"t{n}": "" for n in range(50)}
PAST: dict[str, Any] = {"activated_at": None, "expires_at": Now()}


def verdict(world: World, kind: str, params: Params, **fields: Any) -> str:
    devices = Device.objects.filter(pk=world.placed.pk)
    if fields:
        devices.update(**fields)
    return eligibility.annotate_verdicts(devices, kind, params).get().verdict


# Kind, what it is told, the device's row -> what becomes of it.
TABLE: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (Kind.TAG, {"tag": "a", "value": "1"}, {"tags": {}}, "change"),
    (Kind.TAG, {"tag": "a", "value": "1"}, {"tags": {"a": "1"}}, "tagged"),
    (Kind.TAG, {"tag": "a", "value": "1"}, {"tags": {"a": "2"}}, "change"),
    (Kind.TAG, {"tag": "a", "value": "1"}, {"tags": MANY}, "full"),
    (Kind.TAG, {"tag": "t1", "value": "1"}, {"tags": MANY}, "change"),
    (Kind.TAG, {"tag": "t1"}, {"tags": MANY}, "tagged"),
    (Kind.UNTAG, {"tag": "a"}, {"tags": {"a": "2"}}, "change"),
    (Kind.UNTAG, {"tag": "a"}, {"tags": {"b": "2"}}, "untagged"),
    (Kind.LOCK, {}, {}, "change"),
    (Kind.LOCK, {}, {"locked_at": Now()}, "locked"),
    (Kind.UNLOCK, {}, {"locked_at": Now()}, "change"),
    (Kind.UNLOCK, {}, {}, "unlocked"),
    (Kind.REOPEN, {}, PAST, "change"),
    (Kind.REOPEN, {}, {"activated_at": Now(), "expires_at": Now()}, "connected"),
    (Kind.REOPEN, {}, {"activated_at": None, "expires_at": None}, "endless"),
    (Kind.REISSUE, {}, {}, "change"),
    (Kind.REISSUE, {}, {"locked_at": Now()}, "shut"),
    (Kind.REISSUE, {}, PAST, "expired"),
    (Kind.COMMAND, {"versions": [0]}, {}, "unable"),
    (Kind.COMMAND, {"versions": [0]}, {"locked_at": Now()}, "shut"),
    (Kind.COMMAND, {"versions": [0]}, PAST, "expired"),
    (Kind.REVOKE, {}, {}, "bare"),
    (Kind.RETIRE, {}, {}, "change"),
    (Kind.CHANGE, {}, {}, "change"),
    (Kind.RESTORE, {}, {"retired_at": Now()}, "change"),
    (Kind.RESTORE, {}, {"retired_at": Now(), "former_serial": "X"}, "freed"),
    (Kind.RESTORE, {}, {}, "active"),
    (Kind.FREE, {}, {"retired_at": Now()}, "change"),
    (Kind.FREE, {}, {"retired_at": Now(), "former_serial": "X"}, "freed"),
    (Kind.FREE, {}, {}, "active"),
    (Kind.UNTIE, {}, {}, "alone"),
    (Kind.PERSON, {}, {}, "theirs"),
]


@pytest.mark.parametrize(("kind", "params", "fields", "wanted"), TABLE, ids=str)
def test_what_a_device_s_own_state_decides(
    world: World, kind: str, params: dict[str, Any], fields: dict[str, Any], wanted: str
) -> None:
    assert verdict(world, kind, Params(**params), **fields) == wanted


@pytest.mark.parametrize("kind", [kind for kind in Kind.values if kind not in eligibility.OF_RETIRED])
def test_nothing_is_done_to_a_retired_one_but_what_is_for_those(world: World, kind: str) -> None:
    params = Params(group=world.boise.pk, person=world.viewer.pk, speaker=world.foreign.pk, tag="a")
    assert verdict(world, kind, params, retired_at=Now()) == "retired"


def test_where_a_device_is_decides_over_moves(world: World) -> None:
    assert verdict(world, Kind.MOVE, Params(group=world.boise.pk)) == "change"
    assert verdict(world, Kind.MOVE, Params(group=world.anaheim.pk)) == "there"
    assert verdict(world, Kind.RELEASE, Params()) == "change"
    assignments.release(device=world.placed, by=world.owner)
    assert verdict(world, Kind.RELEASE, Params()) == "free"
    assert verdict(world, Kind.PERSON, Params(person=world.viewer.pk)) == "homeless"


def test_what_a_device_is_decides_over_models_and_versions(world: World) -> None:
    other = DeviceModel.objects.create(organisation=world.kanarra, name="KG-9")
    new = RecipeVersion.objects.create(recipe=world.version.recipe, number=2)
    assert verdict(world, Kind.MODEL, Params(model=other.pk)) == "change"
    assert verdict(world, Kind.MODEL, Params(model=world.version.model_id or 0)) == "model"
    assert verdict(world, Kind.RECIPE, Params(version=new.pk)) == "change"
    assert verdict(world, Kind.RECIPE, Params(version=world.version.pk)) == "current"
    assert verdict(world, Kind.RECIPE, Params(version=world.other_version.pk)) == "other"
    assert verdict(world, Kind.COMMAND, Params(versions=[world.version.pk])) == "change"
    RecipeVersion.objects.filter(pk=world.version.pk).update(credential_kind="certificate")
    assert verdict(world, Kind.REISSUE, Params()) == "elsewise"


def test_only_who_has_a_credential_can_lose_it(world: World) -> None:
    made = Credential.objects.create(device=world.placed, access_key="k", secret_hash=b"")
    assert verdict(world, Kind.REVOKE, Params()) == "change"
    Credential.objects.filter(pk=made.pk).update(revoked_at=Now())
    assert verdict(world, Kind.REVOKE, Params()) == "bare"


def test_a_group_that_became_a_parent_or_is_archived_takes_none_back(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(retired_at=Now())
    groups = Group.objects.filter(pk=world.anaheim.pk)
    for fields in ({"numchild": 1}, {"numchild": 0, "archived_at": Now()}):
        groups.update(**fields)
        assert verdict(world, Kind.RESTORE, Params()) == "no-leaf"
    Device.objects.filter(pk=world.placed.pk).update(retired_at=None)
    assert verdict(world, Kind.PERSON, Params(person=world.viewer.pk)) == "archived"


class TestTies:
    @pytest.fixture
    def gateway(self, world: World) -> Device:
        return builders.make_device(world.version, group=world.anaheim, by=world.owner)

    def test_a_gateway_speaks_for_those_beside_it(self, world: World, gateway: Device) -> None:
        beside = Params(speaker=gateway.pk)
        assert verdict(world, Kind.TIE, beside) == "change"
        assert verdict(world, Kind.TIE, Params(speaker=world.placed.pk)) == "itself"
        assert verdict(world, Kind.TIE, Params(speaker=world.foreign.pk)) == "apart"
        assert verdict(world, Kind.TIE, Params(speaker=0)) == "apart"
        assert verdict(world, Kind.TIE, beside, person=world.viewer.pk) == "apart"
        Device.objects.filter(pk=gateway.pk).update(person=world.viewer)
        assert verdict(world, Kind.TIE, beside) == "change"
        Device.objects.filter(pk=gateway.pk).update(retired_at=Now())
        assert verdict(world, Kind.TIE, beside) == "apart"

    def test_what_is_tied_is_not_tied_again(
        self, world: World, gateway: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = Device.objects.get(pk=world.placed.pk)
        gateway.refresh_from_db()
        both = {"assignment": device.assignment, "gateway_assignment": gateway.assignment}
        tie = Tie.objects.create(device=device, gateway=gateway, **both)
        second = builders.make_device(world.version, group=world.anaheim, by=world.owner)
        assert verdict(world, Kind.TIE, Params(speaker=gateway.pk)) == "tied"
        assert verdict(world, Kind.TIE, Params(speaker=second.pk)) == "change"
        for speaker, wanted in ((0, "change"), (gateway.pk, "change"), (second.pk, "alone")):
            assert verdict(world, Kind.UNTIE, Params(speaker=speaker)) == wanted
        monkeypatch.setattr(eligibility, "MOST_GATEWAYS", 1)
        assert verdict(world, Kind.TIE, Params(speaker=second.pk)) == "crowded"
        Tie.objects.filter(pk=tie.pk).update(ended_at=Now())
        assert verdict(world, Kind.TIE, Params(speaker=second.pk)) == "change"

    def test_how_many_more_it_may_speak_for_is_said(
        self, world: World, gateway: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        second = builders.make_device(world.version, group=world.anaheim, by=world.owner)
        both = Device.objects.filter(pk__in=[world.placed.pk, second.pk])
        told = eligibility.preview(both, Kind.TIE, Params(speaker=gateway.pk))
        assert (told.changing, told.effects) == (2, [])
        monkeypatch.setattr(eligibility, "MOST_DEVICES", 1)
        told = eligibility.preview(both, Kind.TIE, Params(speaker=gateway.pk))
        assert told.effects == ["The gateway may speak for 1 more: the others stay as they are."]


@pytest.mark.parametrize(
    ("who", "wanted"),
    [("viewer", "change"), ("admin", "change"), ("owner", "change"), ("sibling", "outsider"), ("stranger", "outsider")],
)
def test_a_device_is_given_to_whoever_reaches_its_group(world: World, who: str, wanted: str) -> None:
    type(world.kanarra).objects.update(personal_devices=True)
    user: User = getattr(world, who)
    assert verdict(world, Kind.PERSON, Params(person=user.pk)) == wanted
    if wanted == "change":
        assert verdict(world, Kind.PERSON, Params(person=user.pk), person=user) == "theirs"
        assert verdict(world, Kind.PERSON, Params()) == "change"


def test_a_preview_counts_by_reason_and_names_groups_that_lose(world: World) -> None:
    for group, number in ((world.anaheim, 2), (world.boise, 1)):
        for _ in range(number):
            builders.make_device(world.version, group=group, by=world.owner)
    Device.objects.filter(pk=world.foreign.pk).update(retired_at=Now())
    mine = Device.objects.filter(organisation=world.kanarra)
    told = eligibility.preview(mine, Kind.RELEASE, Params())
    assert (told.total, told.changing, told.leaving, told.ending) == (6, 4, 4, 0)
    assert told.reasons == {WORDS["retired"]: 1, WORDS["free"]: 1}
    assert told.losing == [("Kaiser Permanente Anaheim", 3), ("Boise", 1)]
    assert eligibility.preview(mine, Kind.LOCK, Params()).losing == []
    assert eligibility.preview(mine.none(), Kind.LOCK, Params()).total == 0


def test_a_preview_is_another_one_as_soon_as_something_else_is_meant(world: World) -> None:
    mine = Device.objects.filter(organisation=world.kanarra)

    def digest(kind: str = Kind.LOCK, devices: Any = mine, **params: Any) -> str:
        return eligibility.preview(devices, kind, Params(**params)).digest

    first = digest()
    assert digest() == digest(devices=mine.order_by("-name")) == first
    others = {digest(Kind.UNLOCK), digest(tag="a"), digest(devices=mine.exclude(pk=world.waiting.pk))}
    Device.objects.filter(pk=world.placed.pk).update(name="Renamed")
    assert digest() == first  # of which it says nothing
    Device.objects.filter(pk=world.placed.pk).update(locked_at=Now())
    others.add(digest())
    assert len(others | {first}) == 5


def test_a_preview_says_which_attributes_come_and_go(world: World) -> None:
    recipe = world.version.recipe
    new = RecipeVersion.objects.create(recipe=recipe, number=3)
    same = RecipeVersion.objects.create(recipe=recipe, number=2)
    for version in (new, same):
        Attribute.objects.create(version=version, name="rpm", label="Engine speed", unit="1/min")
        Attribute.objects.create(version=version, name="level", label="Level")
    Device.objects.filter(pk=world.foreign.pk).update(version=same)
    mine = Device.objects.filter(organisation=world.kanarra)
    assert eligibility.preview(mine, Kind.RECIPE, Params(version=new.pk)).effects == [
        "2 devices have version 1. New: level; gone: engineState, load, registerButton; changed: rpm.",
        "1 device has version 2. The attributes stay the same.",
    ]


def test_each_kind_has_its_words_and_only_owners_are_offered_theirs(world: World) -> None:
    assert set(kinds.ACTS) == set(Kind.values)
    assert set(Kind.values) - set(kinds.OFFERED) == {Kind.CHANGE}
    offered = {act.kind for act in kinds.list_acts(User.objects.get(pk=world.admin.pk))}
    assert {act.kind for act in kinds.list_acts(User.objects.get(pk=world.owner.pk))} - offered == {
        Kind.FREE,
        Kind.REMOVE,
        Kind.RECIPE,
    }
    assert {kind for kind, act in kinds.ACTS.items() if act.reversible} == set(BulkAction.REVERSIBLE)
