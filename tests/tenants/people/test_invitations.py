"""From the invitation to the account: one link, once, for one address, and kept nowhere."""

from __future__ import annotations

import logging
import re
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from lib.refusals import Refusal
from tenants.groups import operations as groups
from tenants.models import AuditEntry, Group, Invitation, Membership, Role, User
from tenants.people import invitations
from tenants.refusals import INVITATIONS_TOO_MANY
from tests.builders import PASSWORD, make_group, make_user
from tests.devices.api import Program
from tests.refused import refused

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db

EMAIL = "new@sadler.example"
SITE = "https://site.example"
JOIN, ACCEPT = "/invitations/", "/invitations/accept/"
GONE = "This invitation is no longer valid"


@pytest.fixture(autouse=True)
def _no_tries_yet() -> None:
    cache.clear()


def invite(world: World, email: str = EMAIL, group: Group | None = None, role: Role = Role.TECHNICIAN) -> Invitation:
    return invitations.invite(email=email, group=group or world.region, role=role, by=world.admin, site=SITE)


def link() -> str:
    """Of the newest mail, as a path."""
    found = re.search(rf"{SITE}(/invitations/\S+/)|http://testserver(/invitations/\S+/)", str(mail.outbox[-1].body))
    assert found
    return found[1] or found[2]


def token() -> str:
    return link().split("/")[2]


def open_link(client: Client, path: str | None = None) -> Any:
    return client.get(path or link(), follow=True)


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def send(client: Client, world: World, group: Group | None = None, **data: Any) -> Any:
    client.force_login(world.admin)
    given = {"email": EMAIL, "role": "20", **data}
    return client.post(reverse("tenants:invite-send", kwargs={"pk": (group or world.region).pk}), given)


def test_somebody_new(client: Client, world: World) -> None:
    assert send(client, world, email=" New@Sadler.example ").status_code == 302
    message = mail.outbox[-1]
    assert message.to == [EMAIL]
    assert message.subject == "Join Kanarra on Handover"
    assert "admin@sadler.example invites you to Kanarra, as technician of Los Angeles" in str(message.body)
    assert isinstance(message, EmailMultiAlternatives)
    assert link() in str(message.alternatives[0][0])
    assert EMAIL in client.get(reverse("tenants:people")).content.decode()

    guest = Client()
    page = open_link(guest)
    assert page.request["PATH_INFO"] == JOIN
    assert "Join Kanarra" in page.content.decode()
    assert not User.objects.filter(email=EMAIL).exists()
    answer = guest.post(ACCEPT, {"name": " New  Person ", "password": PASSWORD})
    assert answer["Location"] == "/"
    assert signed_in(guest)
    user = User.objects.get(email=EMAIL)
    assert (user.name, user.organisation) == ("New Person", world.kanarra)
    assert [path[: len(world.region.path)] for path in user.reach(Role.TECHNICIAN)] == [world.region.path]
    assert user.reach(Role.ADMIN) == []
    assert user.check_password(PASSWORD)
    assert AuditEntry.objects.filter(group=world.region).count() == 3  # made, invited, accepted


def test_the_link_works_once(client: Client, world: World) -> None:
    invite(world)
    open_link(client)
    late = Client()
    open_link(late)
    client.post(ACCEPT, {"name": "New", "password": PASSWORD})
    for answer in (late.post(ACCEPT, {"name": "Other", "password": PASSWORD}), open_link(late), late.get(JOIN)):
        assert answer.status_code == 404
        assert GONE in answer.content.decode()
    assert User.objects.get(email=EMAIL).name == "New"


def test_looking_accepts_nothing(client: Client, world: World) -> None:
    invite(world)
    for _ in range(3):
        open_link(client)
        client.head(link())
    assert client.get(ACCEPT)["Location"] == JOIN
    assert Invitation.objects.valid().count() == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "", "password": PASSWORD}, "name"),
        ({"name": "New", "password": ""}, "password"),
        ({"name": "New", "password": "password"}, "password"),
        ({"name": "New", "password": EMAIL}, "password"),
        ({"name": "x" * 121, "password": PASSWORD}, "name"),
        ({"name": "a\0", "password": PASSWORD}, "name"),
        ({}, "name"),
    ],
)
def test_a_form_that_will_not_do(client: Client, world: World, given: dict[str, str], field: str) -> None:
    invite(world)
    open_link(client)
    answer = client.post(ACCEPT, given)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not User.objects.filter(email=EMAIL).exists()
    assert Invitation.objects.valid().exists()


def test_somebody_of_the_organisation_signs_in_and_accepts(client: Client, world: World) -> None:
    invite(world, "viewer@sadler.example", role=Role.ADMIN)
    page = open_link(client).content.decode()
    assert f'href="/accounts/login/?next={JOIN}"' in page
    assert 'name="password"' not in page
    assert client.post(ACCEPT, {"name": "Mallory", "password": PASSWORD}).status_code == 422, "not by a new password"
    assert not signed_in(client)
    client.post("/accounts/login/", {"login": "viewer@sadler.example", "password": PASSWORD, "next": JOIN})
    assert "Accept" in client.get(JOIN).content.decode()
    assert client.post(ACCEPT)["Location"] == "/"
    roles = dict(world.viewer.memberships.values_list("group__name", "role"))
    assert roles == {"Sadler-Isberg": Role.VIEWER, "Los Angeles": Role.ADMIN}


def test_an_invitation_never_lowers_a_role(client: Client, world: World) -> None:
    invite(world, "new@sadler.example", world.sadler, Role.VIEWER)
    Membership.objects.create(
        user=User.objects.create_user(EMAIL, PASSWORD, organisation=world.kanarra), group=world.sadler, role=Role.ADMIN
    )
    client.force_login(User.objects.get(email=EMAIL))
    open_link(client)
    client.post(ACCEPT)
    assert User.objects.get(email=EMAIL).memberships.get().role == Role.ADMIN


def test_somebody_of_another_organisation(client: Client, world: World) -> None:
    answer = send(client, world, email="admin@other.example")
    assert answer.status_code == 302
    said = client.get(answer["Location"]).content.decode()
    assert "on its way to admin@other.example" in said, "the inviter learns nothing"
    client.force_login(world.stranger)
    page = open_link(client).content.decode()
    assert "belongs to another organisation" in page
    answer = client.post(ACCEPT)
    assert answer.status_code == 409
    assert User.objects.get(pk=world.stranger.pk).organisation == world.other
    assert not world.stranger.memberships.filter(group=world.region).exists()
    assert Invitation.objects.valid().exists()


def test_somebody_who_left_elsewhere_may_come(client: Client, world: World) -> None:
    free = User.objects.create_user(EMAIL, PASSWORD)
    invite(world)
    client.force_login(free)
    open_link(client)
    assert client.post(ACCEPT).status_code == 302
    assert User.objects.get(pk=free.pk).organisation == world.kanarra


def test_somebody_else_who_is_signed_in(client: Client, world: World) -> None:
    invite(world)
    client.force_login(world.viewer)
    assert "signed in as viewer@sadler.example" in open_link(client).content.decode()
    assert client.post(ACCEPT).status_code == 409
    assert not world.viewer.memberships.filter(group=world.region).exists()


def test_a_member_is_not_invited_again(client: Client, world: World) -> None:
    answer = send(client, world, world.sadler, email="viewer@sadler.example")
    assert answer.status_code == 422
    assert "Is viewer of this group already" in answer.content.decode()
    assert mail.outbox == []


@pytest.mark.parametrize("data", [{"email": "nobody"}, {"email": ""}, {"role": ""}, {"role": "99"}, {"email": "a@b\0"}])
def test_no_good_address_or_role(client: Client, world: World, data: dict[str, Any]) -> None:
    answer = send(client, world, **data)
    assert answer.status_code == 422
    assert "field-error" in answer.content.decode()
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("group", ["tekton", "other_site"])
def test_into_groups_of_others(client: Client, world: World, group: str) -> None:
    assert send(client, world, getattr(world, group)).status_code == 404
    assert mail.outbox == []


@pytest.mark.parametrize("name", ["tenants:invite-again", "tenants:invite-withdraw"])
def test_invitations_of_others_are_left_alone(client: Client, world: World, name: str) -> None:
    theirs = invitations.invite(email=EMAIL, group=world.tekton, role=Role.VIEWER, by=world.owner, site=SITE)
    client.force_login(world.admin)
    for pk in (theirs.pk, "", "x", "9" * 30):
        assert client.post(reverse(name), {"invitation": str(pk)}).status_code == 404
    assert Invitation.objects.valid().get() == theirs
    assert len(mail.outbox) == 1


def test_send_again_makes_a_new_link(client: Client, world: World) -> None:
    old, path = invite(world), link()
    client.force_login(world.owner)
    client.post(reverse("tenants:invite-again"), {"invitation": old.pk})
    assert len(mail.outbox) == 2
    assert Client().get(path).status_code == 404
    assert Client().get(link()).status_code == 302
    assert Invitation.objects.waiting().get().by == world.owner


def test_withdraw_twice(client: Client, world: World) -> None:
    invitation = invite(world)
    client.force_login(world.admin)
    assert client.post(reverse("tenants:invite-withdraw"), {"invitation": invitation.pk}).status_code == 302
    assert client.post(reverse("tenants:invite-withdraw"), {"invitation": invitation.pk}).status_code == 404


class Broken(EmailBackend):
    def send_messages(self, *args: Any) -> int:
        raise ConnectionRefusedError("smtp.example refused")


def test_a_mail_server_that_is_away(client: Client, world: World, settings: Settings) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Broken"
    answer = send(client, world)
    said = client.get(answer["Location"]).content.decode()
    assert "did not take the message" in said
    assert "not sent" in client.get(reverse("tenants:people")).content.decode()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    client.post(reverse("tenants:invite-again"), {"invitation": Invitation.objects.waiting().get().pk})
    assert Client().get(link()).status_code == 302


def test_people_and_groups_have_their_share_of_an_hour(client: Client, world: World, settings: Settings) -> None:
    settings.INVITATION_LIMIT = 20
    for number in range(10):
        assert send(client, world, email=f"n{number}@sadler.example").status_code == 302
    answer = send(client, world)
    assert answer.status_code == 422
    assert "You sent 10 invitations within the hour" in answer.content.decode()
    client.post(reverse("tenants:invite-again"), {"invitation": Invitation.objects.waiting()[0].pk})
    assert len(mail.outbox) == 10
    second = make_user("second@sadler.example", world.sadler, Role.ADMIN)
    with refused(INVITATIONS_TOO_MANY, match="Your part of the organisation sent 10"):
        invitations.prepare(email="x@sadler.example", group=world.region, role=Role.VIEWER, by=second)
    for number in range(12):  # another tenant
        admin = make_user(f"admin{number}@tekton.example", world.tekton, Role.ADMIN)
        if number < 10:
            invitations.prepare(email=f"n{number}@tekton.example", group=world.boise, role=Role.VIEWER, by=admin)
    third = make_group(world.kanarra.root, "Third")
    for number in range(2):  # the organisation's are used up, and a tenth is left to each
        invitations.prepare(email=f"n{number}@third.example", group=third, role=Role.VIEWER, by=None)
    with refused(INVITATIONS_TOO_MANY, match="Your organisation sent 20"):
        invitations.prepare(email="n3@third.example", group=third, role=Role.VIEWER, by=None)
    for number in range(2):  # to the whole organisation's own people too
        invitations.prepare(
            email=f"n{number}@kanarra.example", group=world.kanarra.root, role=Role.VIEWER, by=world.owner
        )
    with refused(INVITATIONS_TOO_MANY, match="Your organisation sent 20"):
        invitations.prepare(email="n3@kanarra.example", group=world.kanarra.root, role=Role.VIEWER, by=world.owner)
    Invitation.objects.update(created_at=Now() - timedelta(minutes=61))
    assert send(client, world).status_code == 302


def test_a_group_with_guests_is_not_deleted(client: Client, world: World) -> None:
    group = make_group(world.region, "Empty")
    invite(world, group=group)
    client.force_login(world.admin)
    client.post(reverse("tenants:group-delete", kwargs={"pk": group.pk}))
    assert Group.objects.filter(pk=group.pk).exists()


def test_the_token_is_kept_nowhere(
    client: Client, world: World, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    caplog.set_level(logging.DEBUG)
    send(client, world)
    secret = token()
    assert len(secret) == 43  # 256 bits in base64url
    opened = Client().get(link())
    assert opened["Referrer-Policy"] == "no-referrer"
    assert "no-store" in opened["Cache-Control"]
    guest = Client()
    page = open_link(guest)
    assert page["Referrer-Policy"] == "same-origin"
    assert secret not in page.content.decode()
    guest.post(ACCEPT, {"name": "", "password": ""})
    guest.post(ACCEPT, {"name": "New", "password": PASSWORD})
    assert secret not in caplog.text
    assert secret not in dump()
    assert secret not in str(guest.session.items())


def dump() -> str:
    """Every value of every table."""
    rows: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [str(row) for row in cursor.fetchall()]
    return "\n".join(rows)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_accepts(world: World) -> None:
    invitation = invite(world)
    gate = threading.Barrier(6)
    said: list[str] = []

    def run(number: int) -> None:
        gate.wait()
        try:
            invitations.join(invitation=invitation, name=f"N{number}", password=PASSWORD)
            said.append("joined")
        except Refusal:
            said.append("refused")
        connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(said) == ["joined", *["refused"] * 5]
    assert User.objects.filter(email=EMAIL).count() == 1


def test_nobody_is_invited_to_an_archived_group(client: Client, world: World) -> None:
    """By page and API, anew and again."""
    group = make_group(world.sadler, "Closed")
    waiting = invite(world, group=group)
    groups.archive(group=group, by=world.owner)
    answer = send(client, world, group, email="else@sadler.example")
    assert (answer.status_code, "is archived" in answer.content.decode()) == (422, True)
    client.post("/people/invite/again/", {"invitation": str(waiting.pk)})
    api = Program(world.admin)
    assert api.post("invitations/", {"email": EMAIL, "group": group.pk, "role": "viewer"}).status_code == 400
    assert api.post(f"invitations/{waiting.pk}/again/").status_code == 400
    assert list(Invitation.objects.values_list("pk", flat=True)) == [waiting.pk]
