"""What a window is at any moment: by the database's clock, whatever any worker did or did not do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from provisioning.models import Window
from tenants.models import ApiToken, Membership, Role, User
from tenants.tokens import operations as tokens
from tests.provisioning.conftest import end_in

if TYPE_CHECKING:
    from tests.conftest import World

State = Window.State
SECOND = timedelta(seconds=1)


def make_window(world: World, *, ends: timedelta = 300 * SECOND, **fields: Any) -> Window:
    made = {"device": world.waiting, "technician": world.technician, "deadline": Now() + ends, **fields}
    return Window.objects.create(**made)


def read(window: Window) -> tuple[str, bool]:
    """Its state, and whether it is open."""
    found = Window.objects.with_state().get(pk=window.pk)
    return found.state, Window.objects.open().filter(pk=window.pk).exists()


@pytest.mark.parametrize(
    ("outcome", "pressed", "ends", "state", "is_open"),
    [
        ("", False, 1, "waiting", True),
        ("", True, 1, "pressed", True),
        ("", False, -1, "expired", False),
        ("", True, -1, "expired", False),
        ("completed", True, 1, "completed", False),
        ("completed", True, -1, "completed", False),
        ("cancelled", False, 1, "cancelled", False),
        ("cancelled", True, -1, "cancelled", False),
        ("superseded", True, -1, "superseded", False),
        ("expired", True, 1, "expired", False),
    ],
)
def test_its_state_is_its_outcome_else_what_the_clock_says(
    world: World, outcome: str, *, pressed: bool, ends: int, state: str, is_open: bool
) -> None:
    fields: dict[str, Any] = {"outcome": outcome, "closed_at": Now()} if outcome else {}
    window = make_window(world, ends=60 * ends * SECOND, pressed_at=Now() if pressed else None, **fields)
    assert read(window) == (state, is_open)


def test_of_one_device_one_window_is_open_and_any_number_are_over(world: World) -> None:
    make_window(world, outcome=State.CANCELLED, closed_at=Now())
    make_window(world, outcome=State.SUPERSEDED, closed_at=Now())
    make_window(world)
    make_window(world, device=world.placed)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_window(world)


@pytest.mark.parametrize("fields", [{"outcome": State.COMPLETED}, {"closed_at": Now()}], ids=["outcome", "closed"])
def test_what_is_closed_has_an_outcome_and_what_is_open_none(world: World, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_window(world, **fields)


def test_it_is_closed_once_and_by_whoever_comes_first(world: World) -> None:
    window = make_window(world)
    assert window.close(State.COMPLETED, only_if=Q(technician=world.technician))
    assert not window.close(State.CANCELLED, only_if=Q())
    assert read(window) == ("completed", False)


@pytest.mark.parametrize(
    ("only_if", "ends"), [(Q(technician__email="else@example.org"), 60), (Q(pressed_at__isnull=False), 60), (Q(), -60)]
)
def test_it_is_not_closed_where_something_is_not_so_or_its_time_is_over(world: World, only_if: Q, ends: int) -> None:
    window = make_window(world, ends=ends * SECOND)
    assert not window.close(State.COMPLETED, only_if=only_if)
    window.refresh_from_db()
    assert (window.closed_at, window.outcome) == (None, "")


def test_the_last_moment_is_the_one_before_its_deadline(world: World) -> None:
    window = make_window(world)
    end_in(window, seconds=30)
    assert read(window) == ("waiting", True)
    Window.objects.filter(pk=window.pk).update(deadline=Now())
    assert read(window) == ("expired", False)
    assert not window.close(State.COMPLETED, only_if=Q())


def test_it_is_its_technicians_while_they_may_still_register_there(world: World) -> None:
    window = make_window(world)
    people = (world.technician, world.viewer, world.admin, world.owner, world.sibling, world.stranger)
    assert [list(Window.objects.visible_to(person)) for person in people] == [[window], [], [], [], [], []]
    assert not Window.objects.visible_to(AnonymousUser()).exists()
    Membership.objects.filter(user=world.technician).update(role=Role.VIEWER)
    assert not Window.objects.visible_to(User.objects.get(pk=world.technician.pk)).exists()
    Membership.objects.filter(user=world.technician).update(role=Role.ADMIN)
    assert Window.objects.visible_to(User.objects.get(pk=world.technician.pk)).get() == window


def test_it_is_not_shown_to_whom_another_organisation_took_in(world: World) -> None:
    make_window(world)
    Membership.objects.filter(user=world.technician).delete()
    User.objects.filter(pk=world.technician.pk).update(organisation=world.other)
    moved = User.objects.get(pk=world.technician.pk)
    Membership.objects.create(user=moved, group=world.other_site, role=Role.ADMIN)
    assert not Window.objects.visible_to(moved).exists()


def test_a_token_that_may_less_than_its_person_meets_no_other_window_of_theirs(world: World) -> None:
    made = [
        tokens.create(by=world.technician, name=name, group=world.region, role=Role.TECHNICIAN).token
        for name in ("One", "Two")
    ]
    opened: dict[ApiToken | None, Window] = {
        None: make_window(world),
        made[0]: make_window(world, device=world.placed, token=made[0]),
        made[1]: make_window(world, device=world.foreign, token=made[1]),
    }
    assert set(Window.objects.visible_to(world.technician)) == set(opened.values())
    for token in made:
        assert Window.objects.visible_to(world.technician, token).get() == opened[token]
    made[0].delete()
    assert set(Window.objects.visible_to(world.technician)) == set(opened.values())


def test_its_live_topic_is_its_own(world: World) -> None:
    one, other = make_window(world), make_window(world, device=world.placed)
    assert one.topic == f"window:{one.key}" != other.topic
