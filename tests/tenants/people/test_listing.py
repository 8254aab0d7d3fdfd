"""Who is listed for whom: people found by name, address and group, and who reaches a group by which role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from allauth.mfa.models import Authenticator

from tenants.models import Group, Membership, Role, User
from tenants.people import listing, reach
from tenants.people.forms import InviteForm, JoinForm, RoleForm
from tests import builders
from tests.builders import PASSWORD
from tests.tenants.people.test_invitations import invite

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tests.conftest import World


def give(world: World, who: str, group: Group, role: Role) -> User:
    name, _, place = who.partition("@")
    return builders.make_user(f"{name}@{place or 'kanarra'}.example", group, role)


def emails(rows: Sequence[Membership]) -> list[str]:
    return [row.user.email.removesuffix(".example") for row in rows]


def test_people_are_found_by_part_of_name_or_address_and_by_group(world: World) -> None:
    User.objects.filter(pk=world.viewer.pk).update(name="Robin Oak")
    give(world, "deep@sadler", world.anaheim, Role.VIEWER)

    def find(reader: User, text: str = "", group: Group | None = None) -> set[str]:
        return {user.email.removesuffix(".example") for user in listing.search_people(reader, text=text, group=group)}

    assert find(world.admin, "OAK") == {"viewer@sadler"}
    assert find(world.admin, "@sadler") == {"admin@sadler", "technician@sadler", "viewer@sadler", "deep@sadler"}
    assert find(world.admin, group=world.region) == {"deep@sadler"}
    assert find(world.admin, "viewer", world.region) == set()
    assert find(world.admin, "tekton") == find(world.admin, group=world.tekton) == set()
    assert find(world.owner, group=world.tekton) == {"technician@tekton"}
    assert find(world.viewer) == set()


def test_a_person_is_shown_with_their_second_factor_and_the_roles_that_one_manages(world: World) -> None:
    Membership.objects.create(user=world.viewer, group=world.boise, role=Role.ADMIN)
    Membership.objects.create(user=world.viewer, group=world.anaheim, role=Role.TECHNICIAN)
    Authenticator.objects.create(user=world.viewer, type=Authenticator.Type.TOTP, data={})
    Authenticator.objects.create(user=world.technician, type=Authenticator.Type.RECOVERY_CODES, data={})

    def show(reader: User, who: User) -> tuple[bool, list[str]]:
        found = listing.add_details(reader, User.objects.manageable_by(reader)).get(pk=who.pk)
        return found.second_factor, [row.group.name for row in found.memberships.all()]  # type: ignore[attr-defined]

    assert show(world.admin, world.viewer) == (True, ["Sadler-Isberg", "Kaiser Permanente Anaheim"])
    assert show(world.owner, world.viewer) == (True, ["Sadler-Isberg", "Kaiser Permanente Anaheim", "Boise"])
    assert show(world.admin, world.technician) == (False, ["Sadler-Isberg"])


def test_who_reaches_a_group_has_a_role_in_it_or_above(world: World) -> None:
    give(world, "b@site", world.anaheim, Role.VIEWER)
    give(world, "a@site", world.anaheim, Role.VIEWER)
    give(world, "c@site", world.anaheim, Role.ADMIN)
    give(world, "region@sadler", world.region, Role.TECHNICIAN)
    members = listing.list_members(world.admin, Group.objects.get(pk=world.anaheim.pk))
    assert emails(members.own) == ["c@site", "a@site", "b@site"]
    assert emails(members.inherited) == ["admin@sadler", "region@sadler", "technician@sadler", "viewer@sadler"]
    assert (members.more, members.hidden) == (False, 1)
    of_owner = listing.list_members(world.owner, Group.objects.get(pk=world.anaheim.pk))
    assert emails(of_owner.inherited)[:2] == ["admin@sadler", "owner@kanarra"]
    assert of_owner.hidden == 0


def test_who_is_above_what_one_manages_is_counted_once_and_not_while_disabled(world: World) -> None:
    both = give(world, "both@kanarra", world.kanarra.root, Role.VIEWER)
    Membership.objects.create(user=both, group=world.sadler, role=Role.VIEWER)
    site_admin = give(world, "site@sadler", world.anaheim, Role.ADMIN)
    anaheim = Group.objects.get(pk=world.anaheim.pk)
    assert listing.list_members(site_admin, anaheim).hidden == 5  # of Sadler three, of Kanarra two
    User.objects.filter(pk__in=[both.pk, world.viewer.pk]).update(is_active=False)
    assert listing.list_members(site_admin, anaheim).hidden == 3


def test_of_many_members_some_are_listed_and_that_there_are_more_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SIZE", 2)
    for number in range(2):
        give(world, f"n{number}@site", world.anaheim, Role.VIEWER)
    anaheim = Group.objects.get(pk=world.anaheim.pk)
    assert (len(listing.list_members(world.owner, anaheim).own), listing.list_members(world.owner, anaheim).more) == (
        2,
        False,
    )
    give(world, "n2@site", world.anaheim, Role.VIEWER)
    members = listing.list_members(world.owner, anaheim)
    assert (emails(members.own), members.more, len(members.inherited)) == (["n0@site", "n1@site"], True, 2)


def test_whom_one_may_name_of_those_above_groups(world: World) -> None:
    region = give(world, "region@sadler", world.region, Role.ADMIN)
    own = {world.admin.pk, world.technician.pk, world.viewer.pk}
    assert listing.find_known_ids(world.admin, world.anaheim) == {*own, region.pk}
    assert listing.find_known_ids(region, world.anaheim, world.sadler) == {region.pk}
    assert listing.find_known_ids(world.owner, world.boise) == {world.owner.pk, world.sibling.pk}
    assert listing.find_known_ids(world.viewer, world.anaheim) == set()


# Forms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "role"), [("10", Role.VIEWER), ("20", Role.TECHNICIAN), ("30", Role.ADMIN)])
def test_there_are_three_roles_to_choose(sent: str, role: Role) -> None:
    form = RoleForm({"role": sent}, stored={"role": Role.VIEWER})
    assert form.is_valid()
    assert form.cleaned_data["role"] is role


@pytest.mark.parametrize("sent", ["", "0", "15", "40", "admin", "10 ", "\uff11\uff10"])
def test_another_role_is_none(sent: str) -> None:
    form = RoleForm({"role": sent}, stored={"role": Role.VIEWER})
    assert form.errors["role"] == ["Choose one of the three roles."]


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("", "Whom do you invite?"),
        ("nobody", "This is no e-mail address."),
        ("a@b", "This is no e-mail address."),
        ("a" * 250 + "@b.example", "254"),
        ("VIEWER@sadler.example", "Is viewer of this group already."),
    ],
)
def test_whom_one_can_not_invite(world: World, email: str, said: str) -> None:
    form = InviteForm({"email": email, "role": "10"}, user=world.admin, group=world.sadler)
    assert said in form.errors["email"][0]


@pytest.mark.parametrize("email", ["technician@tekton.example", "owner@kanarra.example", "else@example.org"])
def test_that_somebody_is_elsewhere_is_no_secret_to_find_out(world: World, email: str) -> None:
    form = InviteForm({"email": f" {email.upper()} ", "role": "10"}, user=world.admin, group=world.sadler)
    assert form.is_valid(), form.errors
    assert form.cleaned_data == {"email": email, "role": Role.VIEWER}


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        (PASSWORD, True),
        (f" {PASSWORD} ", True),
        ("short", False),
        ("new@sadler.example", False),
        ("password password", False),
        ("123456789012", False),
        ("x" * 1001, False),
    ],
)
def test_a_password_is_long_and_not_what_everybody_guesses(world: World, password: str, *, fits: bool) -> None:
    form = JoinForm({"name": "New", "password": password}, invitation=invite(world))
    assert form.is_valid() is fits, form.errors
    if fits:
        assert form.cleaned_data["password"] == password
    else:
        assert list(form.errors) == ["password"]


# What ends with a right --------------------------------------------------------------------------


def test_rooms_above_foresee_and_settle_what_ends_with_a_right(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[tuple[object, ...]] = []

    def settle(*, by: User | None, user: User | None = None, path: str = "") -> None:
        settled.append((by, user, path))

    def count_loss(_: User, cases: Sequence[Collection[str]]) -> list[int]:
        return [len(case) for case in cases]

    foresight = reach.Foresight(after_move=lambda group, to: len(group.name) + len(to.name), after_loss=count_loss)
    monkeypatch.setattr(reach, "handed_in", [settle, settle])
    monkeypatch.setattr(reach, "foresights", [foresight, foresight])
    reach.settle_lost(by=world.owner, user=world.viewer)
    reach.settle_lost(by=None, path="0001")
    assert settled == [*[(world.owner, world.viewer, "")] * 2, *[(None, None, "0001")] * 2]
    assert reach.foresee_loss(world.viewer, [[], ["0001"], ["0001", "0002"]]) == [0, 2, 4]
    assert reach.foresee_move(world.boise, world.tekton) == 2 * (len("Boise") + len("Tekton Health"))
