"""What ends an invitation: its time, whoever sent it, and what they or the invited lost since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import Client

from tenants.groups import operations as groups
from tenants.models import AuditEntry, Group, Invitation, Membership, Role, User
from tenants.people import invitations
from tenants.people import operations as people
from tests.builders import PASSWORD
from tests.tenants.people.test_invitations import ACCEPT, EMAIL, GONE, JOIN, invite, link, open_link

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_tries_yet() -> None:
    cache.clear()


def withdrawn(world: World, invitation: Invitation) -> None:
    invitations.withdraw(invitation=invitation, by=world.admin)


def expired(world: World, invitation: Invitation) -> None:
    Invitation.objects.update(expires_at=Now())


def sent_again(world: World, invitation: Invitation) -> None:
    invite(world)


def inviter_lost_it(world: World, invitation: Invitation) -> None:
    people.remove(membership=world.admin.memberships.get(), by=world.owner)


def inviter_left(world: World, invitation: Invitation) -> None:
    people.expel(user=world.admin, by=world.owner)


def inviter_disabled(world: World, invitation: Invitation) -> None:
    people.set_active(user=world.admin, active=False, by=world.owner)


@pytest.mark.parametrize("end", [withdrawn, expired, sent_again, inviter_lost_it, inviter_left, inviter_disabled])
def test_what_is_no_longer_valid_looks_like_what_never_was(client: Client, world: World, end: Any) -> None:
    invitation, path = invite(world), link()
    open_link(client)
    end(world, invitation)
    never = Client().get("/invitations/never-was/")
    again = Client().get(path)
    assert (again.status_code, again.content) == (never.status_code, never.content) == (404, never.content)
    assert client.get(JOIN).status_code == 404
    assert client.post(ACCEPT, {"name": "New", "password": PASSWORD}).status_code == 404
    assert not User.objects.filter(email=EMAIL).exists()


def lowered(world: World) -> None:
    Membership.objects.filter(user=world.technician).update(role=Role.ADMIN)
    membership = Membership.objects.get(user=world.technician)
    people.change_role(membership=membership, role=Role.TECHNICIAN, by=world.owner)


def removed(world: World) -> None:
    people.remove(membership=Membership.objects.get(user=world.technician), by=world.owner)


def disabled(world: World) -> None:
    people.set_active(user=world.technician, active=False, by=world.owner)
    people.set_active(user=User.objects.get(pk=world.technician.pk), active=True, by=world.owner)


def expelled(world: World) -> None:
    people.expel(user=world.technician, by=world.owner)


@pytest.mark.parametrize("lose", [lowered, removed, disabled, expelled])
def test_who_loses_a_role_is_not_let_in_again_by_an_old_link(world: World, lose: Callable[[World], None]) -> None:
    """Nor does what they sent work again, once they are made admin anew."""
    Membership.objects.filter(user=world.technician).update(role=Role.ADMIN)
    invite(world, world.technician.email, world.region, Role.ADMIN)
    own = invitations.prepare(email=EMAIL, group=world.region, role=Role.ADMIN, by=world.technician)
    others = invitations.prepare(email="else@sadler.example", group=world.region, role=Role.VIEWER, by=world.admin)
    path = link()
    lose(world)
    User.objects.filter(pk=world.technician.pk).update(organisation=world.kanarra)
    Membership.objects.update_or_create(user=world.technician, group=world.sadler, defaults={"role": Role.ADMIN})
    client = Client()
    client.force_login(User.objects.get(pk=world.technician.pk))
    assert GONE in open_link(client, path).content.decode()
    assert invitations.find_invitation(own.invitation.token_hash) is None
    assert invitations.find_invitation(others.invitation.token_hash)
    told = AuditEntry.objects.visible_to(world.admin).filter(what__contains="withdrawn")
    assert sorted(row.what.split()[2] for row in told) == sorted([EMAIL, world.technician.email])


def test_an_invitation_to_less_than_what_is_left_stays(world: World) -> None:
    waiting = invite(world, world.technician.email, world.region, Role.TECHNICIAN)
    lowered(world)
    assert invitations.find_invitation(waiting.token_hash)


def test_a_move_out_of_the_senders_reach_ends_what_they_sent(world: World) -> None:
    """Also if the group is moved back; what others sent stays."""
    own = invitations.prepare(email=EMAIL, group=world.region, role=Role.VIEWER, by=world.admin)
    others = invitations.prepare(email="else@sadler.example", group=world.region, role=Role.VIEWER, by=world.owner)
    for to in (world.tekton, world.sadler):
        groups.move(group=Group.objects.get(pk=world.region.pk), to=Group.objects.get(pk=to.pk), by=world.owner)
    assert invitations.find_invitation(own.invitation.token_hash) is None
    assert invitations.find_invitation(others.invitation.token_hash)
