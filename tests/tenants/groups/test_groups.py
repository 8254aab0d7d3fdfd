"""The tree editor: what is shown, and every operation with each way in which it refuses."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.urls import reverse

from devices.lifecycle import assignments
from devices.refusals import GROUP_TAKES_NO_DEVICES
from tenants.groups import operations as groups
from tenants.models import AuditEntry, Group, Membership, Organisation, Role
from tenants.refusals import GROUP_ARCHIVED, GROUP_GONE, TREE_CHANGED
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

pytestmark = pytest.mark.django_db


def url(name: str, group: Group) -> str:
    return reverse(f"tenants:{name}", kwargs={"pk": group.pk})


def fresh(group: Group) -> Group:
    found: Group = Group.objects.get(pk=group.pk)
    return found


def post(client: Client, world: World, name: str, group: Group, person: str = "admin", **data: str) -> Any:
    client.force_login(getattr(world, person))
    return client.post(url(name, group), data)


def last(world: World) -> AuditEntry:
    found = AuditEntry.objects.filter(organisation=world.kanarra).first()
    assert found
    return found


def test_an_admin_sees_the_part_that_is_theirs(client: Client, world: World) -> None:
    client.force_login(world.admin)
    body = client.get(reverse("tenants:groups")).content.decode()
    assert "Sadler-Isberg" in body
    assert "Los Angeles" in body
    assert "Tekton" not in body
    assert 'href="/groups/' in body


def test_children_are_fetched_a_page_at_a_time(client: Client, world: World) -> None:
    for number in range(103):
        builders.make_group(world.tekton, f"Clinic {number:03}")
    client.force_login(world.owner)
    first = client.get(url("group-children", world.tekton)).content.decode()
    assert first.count('class="node"') == 101
    assert "4 more…" in first
    rest = client.get(url("group-children", world.tekton), {"skip": 100}).content.decode()
    assert "Clinic 102" in rest
    assert "more…" not in rest
    assert client.get(url("group-children", world.tekton), {"skip": "x" * 50}).status_code == 200


def test_the_tree_costs_the_same_however_many_groups(
    client: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(world.owner)
    for _ in range(2):
        with django_assert_max_num_queries(12):
            client.get(reverse("tenants:groups"))
        with django_assert_max_num_queries(26):
            client.get(url("group", world.sadler))
        for number in range(20):
            builders.make_group(builders.make_group(world.sadler, f"A{number}"), f"B{number}")


def test_search_finds_by_name_within_reach(client: Client, world: World) -> None:
    client.force_login(world.admin)
    body = client.get(reverse("tenants:groups"), {"q": "AN"}).content.decode()
    assert "Kaiser Permanente Anaheim" in body
    assert "Sadler-Isberg › Los Angeles" in body
    assert "No group is called that" in client.get(reverse("tenants:groups"), {"q": "Boise"}).content.decode()
    assert client.get(reverse("tenants:groups"), {"q": "\0" * 500}).status_code == 200


def test_the_page_names_whom_one_may_know(client: Client, world: World) -> None:
    client.force_login(world.admin)
    body = client.get(url("group", world.region)).content.decode()
    assert "technician@sadler.example" in body
    assert "owner@kanarra.example" not in body
    assert "1 more person reaches" in body


def test_create(client: Client, world: World) -> None:
    answer = post(client, world, "group-create", world.region, **{"new-name": "  Harbor \n Center "})
    made = Group.objects.get(name="Harbor Center")
    assert answer["Location"] == url("group", made)
    assert made.parent_path == world.region.path
    assert (last(world).by, last(world).group) == (world.admin, made)


@pytest.mark.parametrize(("name", "status"), [("", 422), ("x" * 121, 422), ("a\0b", 422), (" \n ", 422)])
def test_create_with_no_good_name(client: Client, world: World, name: str, status: int) -> None:
    before = Group.objects.count()
    answer = post(client, world, "group-create", world.region, **{"new-name": name})
    assert (answer.status_code, Group.objects.count()) == (status, before)
    assert b"id_new-name_error" in answer.content


def test_create_below_a_holder(client: Client, world: World) -> None:
    answer = post(client, world, "group-create", world.anaheim, **{"new-name": "Wing"})
    assert answer.status_code == 422
    assert "holds devices" in answer.content.decode()


def test_rename(client: Client, world: World) -> None:
    assert post(client, world, "group-rename", world.region, **{"rename-name": "LA"}).status_code == 302
    assert fresh(world.region).name == "LA"
    assert last(world).what == "Los Angeles renamed to LA"
    assert post(client, world, "group-rename", world.region, **{"rename-name": ""}).status_code == 422
    assert fresh(world.region).name == "LA"


def seen(client: Client, world: World, group: Group, to: Group, person: str = "owner") -> str:
    client.force_login(getattr(world, person))
    answer = client.get(url("group-move", group), {"to": to.pk})
    assert answer.status_code == 200
    return str(answer.context["preview"].digest)


def test_a_move_is_told_before_it_is_done(client: Client, world: World) -> None:
    client.force_login(world.owner)
    before = fresh(world.region).path
    body = client.get(url("group-move", world.region), {"to": world.tekton.pk}).content.decode()
    assert "data-groups>2<" in body
    assert "data-devices>1<" in body
    assert "3 people lose access" in body
    assert "1 admin, 1 technician, 1 viewer" in body
    assert "1 person gains access" in body
    assert "technician@tekton.example: nothing → technician" in body
    assert fresh(world.region).path == before

    digest = seen(client, world, world.region, world.tekton)
    post(client, world, "group-move-confirm", world.region, "owner", to=str(world.tekton.pk), seen=digest)
    moved = fresh(world.region)
    assert moved.parent_path == world.tekton.path
    told = set(AuditEntry.objects.filter(what__startswith="Los Angeles moved").values_list("group", "what"))
    into, out = "Los Angeles moved into Tekton Health", "Los Angeles moved out of Sadler-Isberg"
    assert told == {(moved.pk, into), (world.sadler.pk, out)}


@pytest.mark.parametrize("change", ["person", "tree", "target"])
def test_a_move_that_would_be_another_now_is_shown_again(client: Client, world: World, change: str) -> None:
    digest = seen(client, world, world.region, world.tekton)
    if change == "person":
        builders.make_user("late@tekton.example", world.tekton, Role.VIEWER)
    elif change == "tree":
        builders.make_group(world.region, "Late")
    else:
        groups.move(group=world.tekton, to=builders.make_group(world.kanarra.root, "Holding"))
    answer = post(client, world, "group-move-confirm", world.region, "owner", to=str(world.tekton.pk), seen=digest)
    assert answer.status_code == 409
    assert "changed meanwhile" in answer.content.decode()
    assert fresh(world.region).path == world.region.path
    again = answer.context["preview"].digest
    post(client, world, "group-move-confirm", world.region, "owner", to=str(world.tekton.pk), seen=again)
    assert fresh(world.region).path != world.region.path


@pytest.mark.parametrize("target", ["region", "anaheim", "boise"])
def test_a_move_that_can_t_be(client: Client, world: World, target: str) -> None:
    client.force_login(world.owner)
    to = getattr(world, target)
    answer = client.get(url("group-move", world.region), {"to": to.pk})
    assert answer.status_code == 200
    assert answer.context["preview"] is None
    answer = post(client, world, "group-move-confirm", world.region, "owner", to=str(to.pk), seen="")
    assert answer.status_code == 422
    assert fresh(world.region).path == world.region.path


@pytest.mark.parametrize("target", ["tekton", "other_site"])
def test_a_move_to_where_one_is_no_admin_finds_nothing(client: Client, world: World, target: str) -> None:
    client.force_login(world.admin)
    to = getattr(world, target)
    assert client.get(url("group-move", world.region), {"to": to.pk}).status_code == 404
    for given in (str(to.pk), "", "x", "9" * 40):
        assert post(client, world, "group-move-confirm", world.region, to=given).status_code == 404
    assert fresh(world.region).path == world.region.path


def test_targets_are_what_could_take_it(client: Client, world: World) -> None:
    client.force_login(world.owner)
    rows = client.get(url("group-move", world.region)).context["rows"]
    assert [row.name for row in rows] == ["Kanarra", "Tekton Health"]
    rows = client.get(url("group-move", world.region), {"q": "tek"}).context["rows"]
    assert [row.name for row in rows] == ["Tekton Health"]


def test_delete_an_empty_one(client: Client, world: World) -> None:
    empty = builders.make_group(world.region, "Empty")
    assert post(client, world, "group-delete", empty)["Location"] == reverse("tenants:groups")
    assert not Group.objects.filter(pk=empty.pk).exists()
    assert last(world).what == "Group Empty deleted"


def has_children(world: World, group: Group) -> None:
    builders.make_group(group, "Below")


def holds_devices(world: World, group: Group) -> None:
    builders.make_device(world.version, group=group, by=world.owner)


def has_history(world: World, group: Group) -> None:
    device = builders.make_device(world.version, group=group, by=world.owner)
    assignments.release(device=device, by=world.owner)


def has_members(world: World, group: Group) -> None:
    builders.make_user("member@sadler.example", group, Role.VIEWER)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (has_children, "groups below it"),
        (holds_devices, "holds devices"),
        (has_history, "history names it"),
        (has_members, "members of it"),
    ],
)
def test_delete_refuses_with_its_reason(client: Client, world: World, make: Any, cause: str) -> None:
    group = builders.make_group(world.region, "Closing")
    make(world, group)
    client.force_login(world.admin)
    assert cause in client.get(url("group", group)).content.decode()
    answer = client.post(url("group-delete", group), follow=True)
    assert cause in answer.content.decode()
    assert Group.objects.filter(pk=group.pk).exists()


def test_an_organisation_is_neither_deleted_nor_archived_nor_moved(client: Client, world: World) -> None:
    for name in ("group-delete", "group-archive"):
        post(client, world, name, world.kanarra.root, "owner")
    assert fresh(world.kanarra.root).archived_at is None
    assert client.get(url("group-move", world.kanarra.root), {"to": world.tekton.pk}).context["preview"] is None


def test_an_archived_group_is_offered_no_more(client: Client, world: World) -> None:
    group = builders.make_group(world.region, "Closed")
    has_history(world, group)
    post(client, world, "group-archive", group)
    assert fresh(group).archived_at
    assert group not in Group.objects.registrable_by(world.owner)
    assert "Closed" not in client.get(reverse("devices:tree", kwargs={"pk": world.region.pk})).content.decode()
    with refused(GROUP_TAKES_NO_DEVICES):
        builders.make_device(world.version, group=group, by=world.owner)
    with refused(GROUP_ARCHIVED):
        groups.create(parent=group, name="Below")
    with refused(GROUP_ARCHIVED):
        groups.move(group=world.boise, to=group)
    post(client, world, "group-restore", group)
    assert group in Group.objects.registrable_by(world.owner)
    assert "Closed" in client.get(reverse("devices:tree", kwargs={"pk": world.region.pk})).content.decode()
    assert AuditEntry.objects.filter(group=group).count() == 3


def test_a_holder_is_not_archived(client: Client, world: World) -> None:
    post(client, world, "group-archive", world.anaheim)
    assert fresh(world.anaheim).archived_at is None


def test_a_group_that_went_meanwhile(world: World) -> None:
    empty = builders.make_group(world.region, "Empty")
    groups.delete(group=empty)
    for act in (
        lambda: groups.rename(group=empty, name="Other"),
        lambda: groups.create(parent=empty, name="Other"),
        lambda: groups.move(group=empty, to=world.tekton),
    ):
        with refused(TREE_CHANGED, GROUP_GONE):
            act()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_crossing_moves_leave_one_tree() -> None:
    """A group moves below one whose ancestor moves at the same time: none gets lost on the way."""
    kanarra: Organisation = builders.make_organisation("Kanarra")
    for round_ in range(8):
        one, two, three = (builders.make_group(kanarra.root, f"{name}{round_}") for name in ("A", "B", "C"))
        below = builders.make_group(two, f"D{round_}")
        gate = threading.Barrier(2)

        def run(group: Group, to: Group, gate: threading.Barrier = gate) -> None:
            gate.wait()
            groups.move(group=group, to=to)
            connection.close()

        threads = [threading.Thread(target=run, args=pair) for pair in ((one, below), (two, three))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert fresh(one).parent_path == fresh(below).path
        assert fresh(two).parent_path == fresh(three).path
    assert Group.objects.find_problems() == ([], [], [], [], [])


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("group", "get"),
        ("group-children", "get"),
        ("group-move", "get"),
        ("invite", "get"),
        ("group-create", "post"),
        ("group-rename", "post"),
        ("group-delete", "post"),
        ("group-archive", "post"),
        ("group-restore", "post"),
        ("invite-send", "post"),
    ],
)
def test_missing_and_forbidden_are_the_same_bytes(client: Client, world: World, name: str, method: str) -> None:
    client.force_login(world.stranger)
    forbidden = getattr(client, method)(url(name, world.region))
    missing = getattr(client, method)(reverse(f"tenants:{name}", kwargs={"pk": 999_999}))
    assert (forbidden.status_code, missing.status_code) == (404, 404)
    assert forbidden.content == missing.content
    assert dict(forbidden.headers) == dict(missing.headers)


def test_no_membership_is_left_by_a_move(world: World) -> None:
    groups.move(group=world.region, to=world.tekton)
    assert Membership.objects.count() == 6
    assert world.region not in Group.objects.visible_to(type(world.admin).objects.get(pk=world.admin.pk))
