"""What previews say of devices that are somebody's is what happens to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices.lifecycle import assignments
from devices.models import Device, Event
from tenants.groups import move_preview
from tenants.groups import operations as groups
from tenants.models import Group, Membership, Organisation, Role
from tenants.people import operations as people
from tenants.people import reach
from tests import builders

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def personal(world: World) -> list[Device]:
    """In Anaheim two of a viewer, and one of an admin, both with roles above it."""
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    world.kanarra.refresh_from_db()
    made = [builders.make_device(world.version) for _ in range(3)]
    for device, person in zip(made, (world.viewer, world.viewer, world.admin), strict=True):
        given: Any = {"group": world.anaheim, "name": "Anna's", "model": None, "by": world.owner}
        assignments.assign(device=device, person=person, **given)
    return made


def count_returned() -> int:
    return Event.objects.filter(kind=Event.Kind.UNASSIGNED).count()


@pytest.mark.parametrize("whose", ["viewer", "admin"])
def test_a_person_who_leaves(world: World, personal: list[Device], client: Client, whose: str) -> None:
    user = getattr(world, whose)
    paths = list(Membership.objects.filter(user=user).values_list("group__path", flat=True))
    cases = [*([path] for path in paths), paths, []]
    foreseen = reach.foresee_loss(user, cases)
    assert foreseen[-2:] == [2 if whose == "viewer" else 1, 0]
    client.force_login(world.owner)
    page = client.get(reverse("tenants:person", kwargs={"pk": user.pk})).content.decode()
    assert f'data-returning-all="{foreseen[-2]}"' in page
    assert f'data-returning="{foreseen[0]}"' in page
    people.expel(user=user, by=world.owner)
    assert count_returned() == foreseen[-2]


def test_who_has_another_role_above_keeps_them(world: World, personal: list[Device]) -> None:
    Membership.objects.create(user=world.viewer, group=world.kanarra.root, role=Role.VIEWER)
    row = Membership.objects.exclude(group=world.kanarra.root).get(user=world.viewer)
    assert reach.foresee_loss(world.viewer, [[row.group.path]]) == [0]
    people.remove(membership=row, by=world.owner)
    assert count_returned() == 0


@pytest.mark.parametrize("holder", ["there", "above", "below the target", "organisation"])
def test_a_group_that_moves(world: World, personal: list[Device], client: Client, holder: str) -> None:
    target = builders.make_group(world.kanarra.root, "Elsewhere")
    site = Group.objects.get(pk=world.anaheim.pk)
    where = {
        "there": site,
        "above": Group.objects.get_parent(site),
        "below the target": target,
        "organisation": world.kanarra.root,
    }
    Membership.objects.filter(user=world.admin).delete()
    Membership.objects.create(user=world.admin, group=where[holder], role=Role.ADMIN)
    expected = 2 + (holder == "above")  # the viewer's role is above it, too
    preview = move_preview.preview_move(site, target)
    assert preview.returning == expected
    client.force_login(world.owner)
    url = reverse("tenants:group-move", kwargs={"pk": site.pk})
    page = client.get(url, {"to": target.pk}).content.decode()
    assert f'data-returning="{expected}"' in page
    groups.move(group=site, to=target, by=world.owner)
    assert count_returned() == expected
