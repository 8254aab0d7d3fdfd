"""How a door, a key of one, and what waits or registers there stand: by the database's clock, in every way the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from provisioning.models import (
    Door,
    DoorKey,
    ProvisioningOperation,
    RegistrationToken,
)
from provisioning.models.door import State, is_open, read_state
from tenants.models import Group, User
from tests.provisioning.doors.makers import make_approval_door

if TYPE_CHECKING:
    from tests.conftest import World

SOON, OVER = Now() + timedelta(minutes=1), Now()
STANDS: dict[str, tuple[dict[str, Any], State]] = {
    "as it was made": ({}, State.OPEN),
    "in time": ({"expires_at": SOON}, State.OPEN),
    "its time is over": ({"expires_at": OVER}, State.EXPIRED),
    "with room": ({"cap": 2, "made": 1}, State.OPEN),
    "full": ({"cap": 2, "made": 2}, State.FULL),
    "over full, its cap was lowered": ({"cap": 1, "made": 2}, State.FULL),
    "for nobody": ({"cap": 0}, State.FULL),
    "without a cap": ({"made": 9_999}, State.OPEN),
    "ended": ({"ended_at": OVER}, State.ENDED),
    "ended, full and over": ({"ended_at": OVER, "cap": 0, "expires_at": OVER}, State.ENDED),
    "full and over": ({"cap": 0, "expires_at": OVER}, State.EXPIRED),
}


@pytest.fixture
def door(world: World) -> Door:
    return make_approval_door(world.version)[0]


@pytest.mark.parametrize("model", [Door, DoorKey])
@pytest.mark.parametrize(("fields", "state"), STANDS.values(), ids=STANDS)
def test_what_it_is_called_is_what_it_lets_in(
    door: Door, model: type[Door | DoorKey], fields: dict[str, Any], state: State
) -> None:
    rows: Any = model.objects.all()
    rows.update(**fields)
    found = rows.with_state().get()
    assert State(found.state) == read_state(found) == read_state(model.objects.get()) == state
    assert rows.filter(is_open()).exists() is (state == State.OPEN)


def test_a_key_is_read_with_how_its_door_stands(door: Door) -> None:
    Door.objects.update(ended_at=OVER)
    DoorKey.objects.update(cap=0)
    key = DoorKey.objects.at_door().get()
    assert (key.state, key.get_door().state) == (State.FULL, State.ENDED)
    assert read_state(key.get_door()) == State.ENDED


def test_how_it_stood_is_kept_until_it_is_asked_again(door: Door) -> None:
    found = Door.objects.with_state().get()
    Door.objects.update(ended_at=OVER)
    assert (read_state(found), read_state(found, again=True)) == (State.OPEN, State.ENDED)
    DoorKey.objects.all().delete()
    Door.objects.all().delete()
    assert (read_state(found), read_state(found, again=True)) == (State.OPEN, State.ENDED)


def test_doors_are_the_organisations_own_admins(world: World, door: Door) -> None:
    for who in ("viewer", "technician", "admin", "sibling", "stranger"):
        assert not Door.objects.manageable_by(getattr(world, who)).exists()
    assert not Door.objects.manageable_by(AnonymousUser()).exists()
    assert Door.objects.manageable_by(world.owner).get() == door


def test_two_doors_of_an_organisation_have_two_names(world: World, door: Door) -> None:
    make_approval_door(world.other_version, name=door.name)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_approval_door(world.version, name=door.name)


@pytest.mark.parametrize(("group", "unfit"), [("", False), ("anaheim", False), ("region", True), ("archived", True)])
def test_a_door_says_that_its_group_takes_nothing(world: World, door: Door, group: str, *, unfit: bool) -> None:
    if group == "archived":
        Group.objects.filter(pk=world.anaheim.pk).update(archived_at=OVER)
        group = "anaheim"
    Door.objects.update(group=getattr(world, group) if group else None)
    assert Door.objects.select_related("group").get().is_group_unfit is unfit


# What waits there --------------------------------------------------------------------------------


def make_operation(door: Door, code: str = "ABCD2345", **fields: Any) -> ProvisioningOperation:
    made = {"organisation": door.organisation, "token": door.keys.get(), "expires_at": SOON, **fields}
    return ProvisioningOperation.objects.create(door=door, code=code, **made)


@pytest.mark.parametrize(
    ("fields", "state", "waits"),
    [
        ({}, "pending", True),
        ({"expires_at": OVER}, "expired", False),
        ({"outcome": "approved"}, "approved", False),
        ({"outcome": "approved", "expires_at": OVER}, "expired", False),
        ({"outcome": "approved", "registered_at": OVER}, "registered", False),
        ({"outcome": "approved", "registered_at": OVER, "expires_at": OVER}, "registered", False),
        ({"outcome": "cancelled"}, "cancelled", False),
        ({"outcome": "cancelled", "expires_at": OVER, "registered_at": OVER}, "cancelled", False),
    ],
)
def test_what_waits_is_what_nobody_decided_while_its_time_lasts(
    door: Door, fields: dict[str, Any], state: str, *, waits: bool
) -> None:
    make_operation(door, **fields)
    assert ProvisioningOperation.objects.with_state().get().state == state
    assert ProvisioningOperation.objects.pending().exists() is waits


def test_what_waits_is_told_to_all_who_register_and_what_was_decided_to_who_did(world: World, door: Door) -> None:
    waits = make_operation(door)
    decided = make_operation(door, "WXYZ6789", outcome="approved", by=world.technician)
    seen = {
        who: set(ProvisioningOperation.objects.visible_to(getattr(world, who)))
        for who in ("viewer", "technician", "admin", "sibling", "owner", "stranger")
    }
    assert seen == {
        "viewer": set(),
        "technician": {waits, decided},
        "admin": {waits},
        "sibling": {waits},
        "owner": {waits, decided},
        "stranger": set(),
    }
    assert not ProvisioningOperation.objects.visible_to(AnonymousUser()).exists()


def test_it_is_decided_once_and_in_time(world: World, door: Door) -> None:
    of, undecided = ProvisioningOperation.State, Q(outcome="")
    operation, late = make_operation(door), make_operation(door, "WXYZ6789", expires_at=OVER)
    assert not late.close(of.APPROVED, only_if=undecided, by=world.owner)
    assert not operation.close(of.APPROVED, only_if=Q(code="another"), by=world.owner)
    assert operation.close(of.APPROVED, only_if=undecided, by=world.owner, name="Pump")
    assert not operation.close(of.CANCELLED, only_if=undecided, by=world.sibling)
    operation.refresh_from_db()
    assert (operation.outcome, operation.by, operation.name) == ("approved", world.owner, "Pump")
    assert operation.decided_at is not None
    late.refresh_from_db()
    assert (late.outcome, late.by, late.decided_at) == ("", None, None)


def test_codes_that_wait_are_told_apart_and_used_again_afterwards(door: Door) -> None:
    make_operation(door, outcome="cancelled")
    assert str(make_operation(door)) == "ABCD-2345"
    with pytest.raises(IntegrityError), transaction.atomic():
        make_operation(door)


@pytest.mark.parametrize(
    ("fields", "stands", "over"),
    [
        ({}, True, False),
        ({"expires_at": SOON}, True, False),
        ({"expires_at": OVER}, False, True),
        ({"ended_at": OVER}, False, False),
        ({"ended_at": OVER, "expires_at": OVER}, False, True),
    ],
)
def test_a_registration_token_stands_until_it_is_ended_or_over(
    door: Door, fields: dict[str, Any], *, stands: bool, over: bool
) -> None:
    RegistrationToken.objects.create(operation=make_operation(door), token_hash=b"1" * 32, **fields)
    assert RegistrationToken.objects.standing().exists() is stands
    assert RegistrationToken.objects.with_state().get().over is over


def test_who_decided_may_leave_and_what_they_decided_stays(world: World, door: Door) -> None:
    free = User.objects.create(email="gone@example.org", organisation=world.kanarra)
    operation = make_operation(door, outcome="approved", by=free)
    free.delete()
    operation.refresh_from_db()
    assert (operation.outcome, operation.by) == ("approved", None)
