"""What a person may reach by their roles, and what their session and clock hang on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from lib.zones import PersonClock
from tenants.models import Membership, Organisation, Role, User
from tenants.models.people import find_person
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World

ROOT, TENANT, SITE, OTHER = "0001", "00010002", "000100020005", "00010003"
VIEWER, TECHNICIAN, ADMIN = Role.VIEWER, Role.TECHNICIAN, Role.ADMIN
Grants = list[tuple[int, str]]


def make_person(*grants: tuple[int, str], **fields: object) -> User:
    user = User(email="robin@example.org", **fields)
    user.grants = list(grants)
    return user


@pytest.mark.parametrize(
    ("grants", "role", "reached"),
    [
        ([], VIEWER, []),
        ([(VIEWER, TENANT)], VIEWER, [TENANT]),
        ([(VIEWER, TENANT)], TECHNICIAN, []),
        ([(TECHNICIAN, TENANT)], TECHNICIAN, [TENANT]),
        ([(ADMIN, TENANT)], TECHNICIAN, [TENANT]),
        ([(ADMIN, TENANT), (VIEWER, OTHER)], VIEWER, [TENANT, OTHER]),
        ([(ADMIN, TENANT), (VIEWER, OTHER)], ADMIN, [TENANT]),
    ],
)
def test_a_role_includes_those_below_it(grants: Grants, role: Role, reached: list[str]) -> None:
    assert make_person(*grants).reach(role) == reached


@pytest.mark.parametrize(
    ("role", "path", "may"),
    [
        (TECHNICIAN, TENANT, True),
        (TECHNICIAN, SITE, True),
        (VIEWER, SITE, True),
        (ADMIN, TENANT, False),
        (VIEWER, ROOT, False),
        (VIEWER, OTHER, False),
        (VIEWER, "0002", False),
        (VIEWER, "", False),
    ],
)
def test_a_role_holds_below_its_group_and_neither_above_nor_beside_it(role: Role, path: str, *, may: bool) -> None:
    assert make_person((TECHNICIAN, TENANT)).may(role, path) is may


@pytest.mark.parametrize(
    ("grants", "owns"),
    [
        ([(ADMIN, ROOT)], True),
        ([(TECHNICIAN, ROOT)], False),
        ([(ADMIN, TENANT)], False),
        ([(VIEWER, ROOT), (ADMIN, TENANT)], False),
        ([(ADMIN, TENANT), (ADMIN, ROOT)], True),
        ([], False),
    ],
)
def test_only_an_admin_of_the_root_owns_the_organisation(grants: Grants, *, owns: bool) -> None:
    assert make_person(*grants).owns_organisation is owns


@pytest.mark.parametrize(
    ("grants", "tenant"),
    [
        ([], ""),
        ([(VIEWER, SITE)], TENANT),
        ([(VIEWER, OTHER), (ADMIN, SITE)], TENANT),
        ([(VIEWER, ROOT)], ROOT),
        ([(VIEWER, SITE), (VIEWER, ROOT)], ROOT),
    ],
)
def test_a_persons_tenant_is_the_first_group_below_the_root_that_they_reach(grants: Grants, tenant: str) -> None:
    assert make_person(*grants).tenant == tenant


@pytest.mark.parametrize(
    ("own", "organisations", "clock"),
    [
        (("", ""), ("America/Denver", "12"), ("America/Denver", "12")),
        (("Asia/Tokyo", ""), ("America/Denver", "12"), ("Asia/Tokyo", "12")),
        (("", "24"), ("America/Denver", "12"), ("America/Denver", "24")),
        (("", ""), None, ("UTC", "24")),
        (("Asia/Tokyo", "12"), None, ("Asia/Tokyo", "12")),
    ],
)
def test_a_clock_is_the_organisations_where_a_person_chose_none(
    own: tuple[str, str], organisations: tuple[str, str] | None, clock: tuple[str, str]
) -> None:
    user = User(time_zone=own[0], clock=own[1])
    if organisations:
        user.organisation = Organisation(time_zone=organisations[0], clock=organisations[1])
    assert user.find_clock() == PersonClock(*clock)


def test_a_person_is_called_by_name_else_by_address() -> None:
    assert str(User(email="robin@example.org")) == "robin@example.org"
    assert str(User(email="robin@example.org", name="Robin")) == "Robin"


def test_a_session_ends_by_a_new_password_or_a_higher_epoch() -> None:
    hashes = {
        User(password=password, epoch=epoch).get_session_auth_hash()
        for password, epoch in (("a", 0), ("b", 0), ("a", 1), ("1:a", 1), ("a", 11))
    }
    assert len(hashes) == 5
    assert User(password="a", epoch=1).get_session_auth_hash() in hashes


@pytest.mark.django_db
def test_an_address_is_one_however_it_is_written() -> None:
    made = User.objects.create_user("  Robin@Example.ORG ", builders.PASSWORD)
    assert made.email == "robin@example.org"
    assert User.objects.get_by_natural_key(" ROBIN@example.org") == made
    assert made.check_password(builders.PASSWORD)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("robin@EXAMPLE.org", builders.PASSWORD)


def require_factor(world: World, *, of: str = "kanarra") -> None:
    Organisation.objects.filter(pk=getattr(world, of).pk).update(require_two_factor=True)


def add_factor(user: User, kind: str = Authenticator.Type.TOTP) -> None:
    Authenticator.objects.create(user=user, type=kind, data={})


@pytest.mark.parametrize(
    ("required", "factor", "active", "reaches"),
    [
        (False, "", True, True),
        (True, "", True, False),
        (True, "totp", True, True),
        (True, "recovery_codes", True, False),
        (False, "totp", False, False),
        (True, "totp", False, False),
    ],
    ids=["plain", "lacks it", "has it", "has codes alone", "disabled", "disabled, has it"],
)
def test_who_reaches_nothing_is_told_alike_however_they_were_found(
    world: World, *, required: bool, factor: str, active: bool, reaches: bool
) -> None:
    if required:
        require_factor(world)
    if factor:
        add_factor(world.technician, factor)
    User.objects.filter(pk=world.technician.pk).update(is_active=active)
    expected = [(Role.TECHNICIAN, world.sadler.path)] if reaches else []
    plain = User.objects.get(pk=world.technician.pk)
    related = User.objects.with_organisation().get(pk=world.technician.pk)
    found = find_person(world.technician.pk)
    assert found is not None
    assert [plain.grants, related.grants, found.grants] == [expected] * 3
    assert plain.lacks_second_factor is (required and active and not reaches)


def test_what_another_organisation_asks_for_is_not_asked_of_others(world: World) -> None:
    require_factor(world, of="other")
    assert User.objects.get(pk=world.viewer.pk).reach() == [world.sadler.path]
    assert User.objects.get(pk=world.stranger.pk).reach() == []


def test_of_a_person_all_roles_are_found_at_once(world: World) -> None:
    Membership.objects.create(user=world.viewer, group=world.boise, role=Role.ADMIN)
    found = find_person(world.viewer.pk)
    assert found is not None
    assert sorted(found.grants) == sorted([(Role.VIEWER, world.sadler.path), (Role.ADMIN, world.boise.path)])
    assert sorted(User.objects.get(pk=world.viewer.pk).grants) == sorted(found.grants)
    assert found.organisation == world.kanarra


def test_who_has_no_role_or_is_nobody_is_found_so(world: World) -> None:
    free = User.objects.create_user("free@example.org", builders.PASSWORD)
    found = find_person(free.pk)
    assert found is not None
    assert (found.grants, found.organisation, found.lacks_second_factor) == ([], None, False)
    assert find_person(0) is None


def test_nobody_has_a_role_in_another_organisation_than_their_own(world: World) -> None:
    free = User.objects.create_user("free@example.org", builders.PASSWORD)
    for user, group in ((world.viewer, world.other_site), (world.stranger, world.sadler), (free, world.sadler)):
        with pytest.raises(ValidationError, match="another organisation"):
            Membership.objects.create(user=user, group=group, role=Role.VIEWER)
    assert str(world.viewer.memberships.get()) == "viewer@sadler.example: viewer of Sadler-Isberg"


@pytest.mark.parametrize("role", [0, 15, 40])
def test_there_are_three_roles(world: World, role: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=world.viewer, group=world.boise, role=role)
