"""Roles given and taken, accounts disabled and removed; sessions end, and the last admin stays."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from lib.refusals import Refusal
from tenants.models import AuditEntry, Membership, Role, User
from tenants.people import operations as people
from tenants.refusals import CHANGED_MEANWHILE, LAST_ADMIN
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

pytestmark = pytest.mark.django_db


def url(name: str, user: User) -> str:
    return reverse(f"tenants:{name}", kwargs={"pk": user.pk})


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def still_in(client: Client) -> bool:
    return client.get(reverse("tenants:account")).status_code == 200


def role_of(user: User) -> dict[str, str]:
    return {"membership": str(user.memberships.get().pk)}


def post(world: World, name: str, user: User, by: User, **data: Any) -> Any:
    return signed_in(by).post(url(name, user), data)


def last() -> AuditEntry:
    found = AuditEntry.objects.first()
    assert found
    return found


def test_the_list_is_of_those_whom_one_manages(client: Client, world: World) -> None:
    client.force_login(world.admin)
    body = client.get(reverse("tenants:people")).content.decode()
    for email in ("admin@sadler.example", "technician@sadler.example", "viewer@sadler.example"):
        assert email in body
    for email in ("owner@kanarra.example", "technician@tekton.example", "admin@other.example"):
        assert email not in body
    client.force_login(world.owner)
    body = client.get(reverse("tenants:people")).content.decode()
    assert "technician@tekton.example" in body
    assert "admin@other.example" not in body


def test_a_role_elsewhere_is_not_told(client: Client, world: World) -> None:
    Membership.objects.create(user=world.viewer, group=world.tekton, role=Role.ADMIN)
    client.force_login(world.admin)
    for page in (reverse("tenants:people"), url("person", world.viewer)):
        assert "Tekton" not in client.get(page).content.decode()


def test_search_and_pages(client: Client, world: World) -> None:
    for number in range(60):
        builders.make_user(f"p{number:02}@sadler.example", world.sadler, Role.VIEWER)
    client.force_login(world.admin)
    first = client.get(reverse("tenants:people"))
    assert len(first.context["page"].rows) == 50
    after = first.context["page"].next
    second = client.get(reverse("tenants:people"), {"after": after})
    assert len(second.context["page"].rows) == 13
    found = client.get(reverse("tenants:people"), {"q": "P07@"}).context["page"].rows
    assert [person.email for person in found] == ["p07@sadler.example"]
    assert client.get(reverse("tenants:people"), {"q": "\0"}).status_code == 200
    assert client.get(reverse("tenants:people"), {"after": "\0"}).status_code == 400
    inside = client.get(reverse("tenants:people"), {"group": world.region.pk}).context["page"].rows
    assert inside == []
    assert client.get(reverse("tenants:people"), {"group": world.tekton.pk}).status_code == 404


def test_the_list_costs_the_same_however_many(
    client: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(world.owner)
    for start in (0, 100):
        with django_assert_max_num_queries(14):
            client.get(reverse("tenants:people"))
        for number in range(start, start + 20):
            builders.make_user(f"p{number}@sadler.example", world.sadler, Role.VIEWER)


def test_a_better_role_keeps_sessions(world: World) -> None:
    theirs = signed_in(world.viewer)
    answer = post(world, "person-role", world.viewer, world.admin, **role_of(world.viewer), role="20")
    assert answer["Location"] == url("person", world.viewer)
    assert world.viewer.memberships.get().role == Role.TECHNICIAN
    assert still_in(theirs)
    assert last().what == f"{world.viewer} became technician of Sadler-Isberg, was viewer"
    assert last().group == world.sadler


@pytest.mark.parametrize(
    ("name", "more"), [("person-role", {"role": "10"}), ("person-role-remove", {})], ids=["lower", "removed"]
)
def test_a_lost_role_ends_sessions_at_once(world: World, name: str, more: dict[str, str]) -> None:
    theirs = signed_in(world.technician)
    assert still_in(theirs)
    post(world, name, world.technician, world.admin, **role_of(world.technician), **more)
    assert not still_in(theirs)
    assert world.technician.memberships.filter(role__gte=Role.TECHNICIAN).count() == 0


@pytest.mark.parametrize("role", ["", "15", "40", "admin", "-1", "9" * 30])
def test_no_such_role(world: World, role: str) -> None:
    answer = post(world, "person-role", world.viewer, world.admin, **role_of(world.viewer), role=role)
    assert answer.status_code == 422
    assert world.viewer.memberships.get().role == Role.VIEWER


@pytest.mark.parametrize("name", ["person-role", "person-role-remove"])
def test_foreign_memberships_change_nothing(world: World, name: str) -> None:
    Membership.objects.create(user=world.viewer, group=world.tekton, role=Role.VIEWER)
    elsewhere = world.viewer.memberships.get(group=world.tekton)
    ids = [elsewhere.pk, world.sibling.memberships.get().pk, world.stranger.memberships.get().pk, "", "x", "9" * 30]
    before = list(Membership.objects.order_by("pk").values_list())
    for pk in ids:
        answer = post(world, name, world.viewer, world.admin, membership=str(pk), role="30")
        assert answer.status_code == 404
    for target in (world.sibling, world.stranger, world.owner):
        assert post(world, name, target, world.admin, **role_of(target), role="10").status_code == 404
    assert list(Membership.objects.order_by("pk").values_list()) == before


def test_disable_and_enable(world: World) -> None:
    theirs = signed_in(world.viewer)
    post(world, "person-active", world.viewer, world.owner, active="0")
    assert not still_in(theirs)
    assert last().what.endswith("disabled")
    assert "disabled" in signed_in(world.admin).get(reverse("tenants:people")).content.decode()
    post(world, "person-active", world.viewer, world.owner, active="1")
    assert User.objects.get(pk=world.viewer.pk).is_active
    assert not still_in(theirs)
    assert world.viewer.memberships.exists()
    assert post(world, "person-active", world.viewer, world.owner, active="1").status_code == 409


def test_remove_from_the_organisation(world: World) -> None:
    theirs = signed_in(world.viewer)
    answer = post(world, "person-remove", world.viewer, world.owner)
    assert answer["Location"] == reverse("tenants:people")
    assert not still_in(theirs)
    gone = User.objects.get(pk=world.viewer.pk)
    assert (gone.organisation, gone.memberships.count()) == (None, 0)
    assert last().data["roles"] == ["viewer of Sadler-Isberg"]
    assert signed_in(gone).get("/").status_code == 200
    assert signed_in(world.owner).get(url("person", gone)).status_code == 404


def test_leave(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    assert client.post(reverse("tenants:leave"))["Location"] == reverse("account_login")
    assert not still_in(client)
    assert User.objects.get(pk=world.viewer.pk).organisation is None
    assert last().what.endswith("left the organisation")


def test_sign_out_everywhere(world: World) -> None:
    here, there = signed_in(world.viewer), signed_in(world.viewer)
    here.post(reverse("tenants:sign-out-everywhere"))
    assert not still_in(here)
    assert not still_in(there)


@pytest.mark.parametrize("how", ["role", "remove", "leave"])
def test_the_last_admin_stays(world: World, how: str) -> None:
    client = signed_in(world.owner)
    if how == "role":
        answer = client.post(url("person-role", world.owner), {**role_of(world.owner), "role": "20"})
    elif how == "remove":
        answer = client.post(url("person-role-remove", world.owner), role_of(world.owner))
    else:
        answer = client.post(reverse("tenants:leave"), follow=True)
    assert "needs an admin" in answer.content.decode()
    assert User.objects.get(pk=world.owner.pk).owns_organisation
    assert still_in(client)


def test_a_disabled_admin_does_not_count(world: World) -> None:
    other = builders.make_user("second@kanarra.example", world.kanarra.root, Role.ADMIN, is_active=False)
    with refused(LAST_ADMIN):
        people.expel(user=world.owner, by=world.owner)
    User.objects.filter(pk=other.pk).update(is_active=True)
    people.expel(user=world.owner, by=other)
    assert not Membership.objects.filter(user=world.owner).exists()


def test_a_role_that_changed_meanwhile(world: World) -> None:
    seen = world.viewer.memberships.get()
    Membership.objects.filter(pk=seen.pk).update(role=Role.TECHNICIAN)
    with refused(CHANGED_MEANWHILE):
        people.change_role(membership=seen, role=Role.ADMIN, by=world.admin)
    with refused(CHANGED_MEANWHILE):
        people.remove(membership=seen, by=world.admin)
    assert world.viewer.memberships.get().role == Role.TECHNICIAN


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_last_admins_who_remove_each_other(world: World) -> None:
    """Of two at once, one wins: an organisation is never without an admin."""
    for round_ in range(8):
        pair = [builders.make_user(f"{n}{round_}@kanarra.example", world.kanarra.root, Role.ADMIN) for n in "ab"]
        Membership.objects.filter(group=world.kanarra.root).exclude(user__in=pair).delete()
        gate = threading.Barrier(2)
        refused: list[bool] = []

        def run(me: User, other: User, gate: threading.Barrier = gate, refused: list[bool] = refused) -> None:
            gate.wait()
            try:
                people.remove(membership=other.memberships.get(), by=me)
            except Refusal:
                refused.append(True)
            connection.close()

        threads = [threading.Thread(target=run, args=args) for args in (pair, pair[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert (people.find_admins(world.kanarra.root.path).count(), refused) == (1, [True])
