"""A token ends with the state of its person in which it was made: whatever signs them out everywhere revokes it."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from lib.refusals import Kind, Refusal
from tenants.groups import operations as groups
from tenants.models import AccountEvent, ApiToken, AuditEntry, Group, Membership, Role, User
from tenants.people import invitations
from tenants.people import operations as people
from tenants.refusals import SIGNED_OUT
from tenants.tokens import operations as tokens
from tests import builders
from tests.builders import PASSWORD
from tests.devices.api import Program

if TYPE_CHECKING:
    from tests.conftest import World

ME = "/api/v1/me/"
NEW = "another horse entirely"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(type(user).objects.get(pk=user.pk))  # as it is by now
    return client


def person(world: World, name: str, **data: object) -> None:
    url = reverse(f"tenants:{name}", kwargs={"pk": world.technician.pk})
    assert signed_in(world.owner).post(url, data).status_code == 302


def change_password(world: World) -> None:
    data = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert signed_in(world.technician).post("/accounts/password/change/", data).status_code == 302


def reset_password(world: World) -> None:
    client = Client()
    client.post("/accounts/password/reset/", {"email": world.technician.email})
    [link] = re.findall(r"(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
    answer = client.post(client.get(link)["Location"], {"password1": NEW, "password2": NEW})
    assert answer.status_code == 302


def sign_out_everywhere(world: World) -> None:
    signed_in(world.technician).post(reverse("tenants:sign-out-everywhere"))


def disable_and_enable(world: World) -> None:
    person(world, "person-active", active="0")
    person(world, "person-active", active="1")


def demote_and_promote(world: World) -> None:
    membership = str(world.technician.memberships.get().pk)
    person(world, "person-role", membership=membership, role=Role.VIEWER.value)
    person(world, "person-role", membership=membership, role=Role.TECHNICIAN.value)


def invite_again(world: World) -> None:
    made = invitations.prepare(email=world.technician.email, group=world.sadler, role=Role.TECHNICIAN, by=world.owner)
    client = signed_in(world.technician)
    client.get(reverse("tenants:invitation", kwargs={"token": made.token}))
    assert client.post(reverse("tenants:accept"))["Location"] == "/"


def remove_and_invite(world: World) -> None:
    person(world, "person-role-remove", membership=str(world.technician.memberships.get().pk))
    invite_again(world)


def expel_and_invite(world: World) -> None:
    person(world, "person-remove")
    invite_again(world)


def leave_and_be_invited(world: World) -> None:
    signed_in(world.technician).post(reverse("tenants:leave"))
    invite_again(world)


ENDS = [
    change_password,
    reset_password,
    sign_out_everywhere,
    disable_and_enable,
    demote_and_promote,
    remove_and_invite,
    expel_and_invite,
    leave_and_be_invited,
]


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_token_for_good(end: object, world: World) -> None:
    made = tokens.create(by=world.technician, name="Script", group=world.sadler, role=Role.TECHNICIAN)
    other = tokens.create(by=world.viewer, name="Other", group=world.sadler, role=Role.VIEWER)
    headers = {"Authorization": f"Bearer {made.secret}"}
    assert Client().get(ME, headers=headers).status_code == 200
    end(world)  # type: ignore[operator]
    assert Client().get(ME, headers=headers).status_code == 401
    assert AuditEntry.objects.filter(
        what__contains="API token Script of", what__endswith="signed out everywhere"
    ).exists()
    other.token.refresh_from_db()
    assert other.token.revoked_at is None


def test_a_new_role_ends_none(world: World) -> None:
    made = tokens.create(by=world.technician, name="Script", group=world.sadler, role=Role.TECHNICIAN)
    invitation = invitations.prepare(email=world.technician.email, group=world.tekton, role=Role.VIEWER, by=world.owner)
    invitations.accept(invitation=invitation.invitation, user=world.technician)
    assert tokens.find_token(made.secret)


def works(secret: str) -> bool:
    return Client().get(ME, headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_a_move_out_of_reach_ends_what_it_took_along_and_moving_back_brings_nothing_back(world: World) -> None:
    Membership.objects.create(user=world.viewer, group=world.anaheim, role=Role.VIEWER)
    world.viewer.memberships.filter(group=world.sadler).update(role=Role.TECHNICIAN)
    person, both = world.technician, User.objects.get(pk=world.viewer.pk)
    for_it, lesser, whole, own, more = (
        tokens.create(by=by, name=name, group=group, role=role).secret
        for by, name, group, role in (
            (person, "For it", world.anaheim, Role.TECHNICIAN),
            (person, "Lesser", world.region, Role.VIEWER),
            (person, "Whole", world.sadler, Role.TECHNICIAN),
            (both, "Own", world.anaheim, Role.VIEWER),
            (both, "More", world.anaheim, Role.TECHNICIAN),
        )
    )
    everything = [for_it, lesser, whole, own, more]
    owner = Program(world.owner)
    above = builders.make_group(world.sadler, "Elsewhere in it")
    assert owner.post(f"groups/{world.region.pk}/move/", {"parent": above.pk}).status_code == 200
    assert [works(secret) for secret in everything] == [True] * 5
    for to in (world.tekton, world.sadler):
        assert owner.post(f"groups/{world.region.pk}/move/", {"parent": to.pk}).status_code == 200
        assert [works(secret) for secret in everything] == [False, False, True, True, False]
    told = AuditEntry.objects.filter(what__endswith="revoked: Los Angeles moved out of reach")
    assert sorted(row.what.split()[2] for row in told) == ["For", "Lesser", "More"]
    assert {row.group for row in told} == {above}  # and nothing to whom it went
    events = AccountEvent.objects.filter(kind=AccountEvent.Kind.TOKENS_REVOKED, unsent=True).order_by("user_id")
    assert [(event.user, event.data["tokens"]) for event in events] == [
        (person, ["For it", "Lesser"]),
        (both, ["More"]),
    ]


def test_tokens_of_a_group_that_is_deleted_end_with_a_word(world: World) -> None:
    leaf = builders.make_group(world.region, "Leaf")
    secret = tokens.create(by=world.technician, name="Script", group=leaf, role=Role.VIEWER).secret
    assert Program(world.admin).delete(f"groups/{leaf.pk}/").status_code == 204
    assert not works(secret)
    told = AuditEntry.objects.get(what="API token Script of technician@sadler.example revoked: Leaf deleted")
    assert (told.group, told.group_name) == (world.region, "Leaf")
    event = AccountEvent.objects.get(kind=AccountEvent.Kind.TOKENS_REVOKED, unsent=True)
    assert (event.user, event.detail) == (world.technician, "Script; Leaf deleted; by admin@sadler.example")
    assert (event.address, event.device) == (None, "")  # of the admin's


@pytest.mark.parametrize("gone", [False, True])
def test_a_token_for_a_group_that_went_meanwhile_is_none(world: World, gone: bool) -> None:
    leaf = builders.make_group(world.region, "Leaf")
    user, seen = User.objects.get(pk=world.technician.pk), Group.objects.get(pk=leaf.pk)
    assert user.may(Role.TECHNICIAN, seen.path)
    if gone:
        groups.delete(group=leaf)
    else:
        groups.move(group=leaf, to=world.tekton)
    with pytest.raises(Refusal, match="no longer there" if gone else "more than you may"):
        tokens.create(by=user, name="Script", group=seen, role=Role.VIEWER)
    assert not ApiToken.objects.exists()


def test_a_token_made_from_an_ended_session_is_none(world: World) -> None:
    ended = type(world.technician).objects.get(pk=world.technician.pk)
    people.end_sessions(user=world.technician, by=world.technician)
    with pytest.raises(Refusal, match="signed out meanwhile"):
        tokens.create(by=ended, name="Script", group=world.sadler, role=Role.VIEWER)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_made_while_signed_out_everywhere(world: World) -> None:
    """Whichever comes first, no token is left over."""

    def make(index: int) -> None:
        try:
            user = type(world.technician).objects.get(pk=world.technician.pk)
            barrier.wait()
            tokens.create(by=user, name=f"Script {index}", group=world.sadler, role=Role.VIEWER)
        except Refusal as refusal:  # whoever comes second
            refused.append(refusal.kind)
        finally:
            connection.close()

    barrier, refused = threading.Barrier(5), list[Kind]()
    threads = [threading.Thread(target=make, args=[index]) for index in range(4)]
    for thread in threads:
        thread.start()
    barrier.wait()
    people.end_sessions(user=world.technician, by=world.technician)
    for thread in threads:
        thread.join()
    assert set(refused) <= {SIGNED_OUT}
    assert len(refused) + ApiToken.objects.exclude(revoked_at=None).count() == len(threads)
