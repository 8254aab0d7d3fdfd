"""A device of one person: docs/decisions/0044."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices.access import sees
from devices.inventory import group_tree
from devices.lifecycle import assignments, persons
from devices.models import Device, Event, Tie
from devices.refusals import PERSON_NOT_ALLOWED, PERSON_NOT_THERE, TIE_ACROSS_GROUPS
from devices.ties import operations as ties
from telemetry.ingest import writer
from telemetry.models import Report
from tenants.groups import operations as groups
from tenants.models import Organisation, Role, User
from tenants.people import operations as people
from tests import builders
from tests.devices.doing import act, undone
from tests.refused import refused
from tests.telemetry import reports
from tests.telemetry.watching import make_watch

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.django_db


def give(world: World, person: User | None, **change: Any) -> Device:
    """Hand Anaheim's device to somebody of it, or back."""
    given = {"group": world.anaheim, "name": "Anna's", "model": None, "by": world.admin, **change}
    assignments.assign(device=world.placed, person=person, **given)
    return world.placed


@pytest.fixture
def personal(world: World) -> Device:
    """The viewer's; the organisation wants such."""
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    world.kanarra.refresh_from_db()
    return give(world, world.viewer)


def count_in_tree(user: User) -> int:
    """Of the topmost group that the user sees."""
    return group_tree.build_outline(User.objects.get(pk=user.pk))[0].count


def test_only_the_person_and_admins_see_it(world: World, personal: Device) -> None:
    whole = Device.objects.filter(group=world.anaheim).count()
    for user, is_seen in [
        (world.viewer, True),
        (world.admin, True),
        (world.owner, True),
        (world.technician, False),
        (world.sibling, False),
        (world.stranger, False),
    ]:
        now = User.objects.get(pk=user.pk)
        assert Device.objects.visible_to(now).filter(pk=personal.pk).exists() is is_seen, user
        assert sees(now, Device.objects.select_related("group").get(pk=personal.pk)) is is_seen, user
        found = Device.objects.within_groups(now, type(world.anaheim).objects.visible_to(now))
        assert found.filter(pk=personal.pk).exists() is (is_seen and user != world.owner) or user == world.owner
        watch = make_watch(user, personal)
        assert (watch() is not None) is is_seen, user
    assert [count_in_tree(user) for user in (world.viewer, world.admin, world.technician)] == [whole, whole, whole - 1]


ADDRESSES = {
    "telemetry:dashboard": 404,
    "telemetry:live": 404,
    "telemetry:stream": 404,
    "telemetry:events": 404,
    "telemetry:series": 404,
    "telemetry:export": 404,
    "telemetry:api-latest": 404,
    "devices:api-device": 404,
    "devices:api-device-events": 404,
    "devices:label": 404,
    "provisioning:label": 404,
}


def test_to_others_of_the_group_it_is_missing_at_every_address(world: World, personal: Device, client: Client) -> None:
    client.force_login(world.technician)
    for name in ADDRESSES:
        asked, unknown = (
            client.get(reverse(name, kwargs={"serial": serial})) for serial in (personal.serial, "NOSUCHDEVICE")
        )
        assert (asked.status_code, unknown.status_code) == (404, 404), name
    shown = client.get(reverse("devices:list"), {"q": personal.serial}).content.decode()
    assert personal.name not in shown
    assert client.get(reverse("devices:api-devices"), {"q": personal.serial}).json()["results"] == []
    client.force_login(world.viewer)
    assert "Yours alone" in client.get(personal.get_absolute_url()).content.decode()
    client.force_login(world.admin)
    assert (
        f"{world.viewer}\N{RIGHT SINGLE QUOTATION MARK}s alone"
        in client.get(personal.get_absolute_url()).content.decode()
    )
    told = client.get(reverse("devices:api-device", kwargs={"serial": personal.serial})).json()["person"]
    assert told == {"id": world.viewer.pk, "name": str(world.viewer)}
    newest = client.get(reverse("provisioning:api-journal"), {"kind": "placements"}).json()["results"][0]
    assert (newest["kind"], newest["details"]) == ("assigned", f"for {world.viewer}")


def test_what_a_person_had_stays_with_them(world: World, personal: Device) -> None:
    writer.save_reports([reports.timed(personal, reports.now(), rpm=1500)])
    assert Report.objects.of(personal).count() == 1
    give(world, None, name=None)
    assert (personal.person, personal.name, Report.objects.of(personal).count()) == (None, personal.serial, 0)
    told = Event.objects.told_to(User.objects.get(pk=world.technician.pk), personal)
    assert list(told.values_list("kind", "data")) == [("unassigned", {"person": world.viewer.pk})]
    give(world, world.technician)
    assert Report.objects.of(personal).count() == 0
    assert not Device.objects.visible_to(User.objects.get(pk=world.viewer.pk)).filter(pk=personal.pk).exists()
    give(world, world.technician, name=None)
    assert personal.name == "Anna's"  # whose it stays, keeps it


def leave(world: World) -> None:
    people.remove(membership=world.viewer.memberships.get(), by=world.admin)


def is_expelled(world: World) -> None:
    people.expel(user=world.viewer, by=world.owner)


def is_left_behind(world: World) -> None:
    """The group moves to where the person has no role."""
    groups.move(group=world.region, to=world.kanarra.root, by=world.owner)


@pytest.mark.parametrize("lose", [leave, is_expelled, is_left_behind])
@pytest.mark.parametrize("retired", [False, True])
def test_who_loses_the_role_loses_the_device_to_the_group(
    world: World, personal: Device, lose: Any, retired: bool
) -> None:
    if retired:
        act("retire", world.admin, Device.objects.filter(pk=personal.pk))
    before = personal.assignment_id
    lose(world)
    personal.refresh_from_db()
    assert (personal.person, personal.group, personal.name) == (None, world.anaheim, personal.serial)
    assert personal.assignment_id != before
    last = personal.events.latest("pk")
    assert (last.kind, last.data["person"], last.group) == ("unassigned", world.viewer.pk, world.anaheim)


def test_who_keeps_a_role_there_or_is_only_disabled_keeps_it(world: World, personal: Device) -> None:
    people.change_role(membership=world.viewer.memberships.get(), role=Role.TECHNICIAN, by=world.admin)
    groups.move(group=world.anaheim, to=world.sadler, by=world.admin)
    people.set_active(user=world.viewer, active=False, by=world.owner)
    personal.refresh_from_db()
    assert personal.person == world.viewer
    assert not Device.objects.visible_to(User.objects.get(pk=world.technician.pk)).filter(pk=personal.pk).exists()


def test_it_is_given_to_nobody_else_than_people_of_the_group(world: World, personal: Device) -> None:
    for other in (world.sibling, world.stranger, builders.make_user("gone@x.example", world.sadler, Role.VIEWER)):
        User.objects.filter(email="gone@x.example").update(is_active=False)
        with refused(PERSON_NOT_THERE):
            give(world, other)
    Organisation.objects.update(personal_devices=False)
    with refused(PERSON_NOT_ALLOWED):
        give(world, world.technician)
    personal.refresh_from_db()
    assert personal.person == world.viewer  # turned off, it takes nothing from anybody


def test_an_admin_chooses_on_its_page_and_by_the_api(world: World, personal: Device, client: Client) -> None:
    client.force_login(world.admin)
    url = reverse("devices:person", kwargs={"serial": personal.serial})
    assert f'value="{world.viewer.email}" selected' in client.get(url).content.decode()
    for email in (world.sibling.email, "nobody@nowhere.example"):
        answer = client.post(url, {"name": "Kept", "person": email})
        assert (answer.status_code, PERSON_NOT_THERE.message in answer.content.decode()) == (422, True)
    assert client.post(url, {"name": "Techs", "person": world.technician.email}).status_code == 302
    personal.refresh_from_db()
    assert (personal.person, personal.name) == (world.technician, "Techs")
    assert client.post(url, {"name": "All", "person": ""}).status_code == 302
    api = reverse("devices:api-device-assign", kwargs={"serial": personal.serial})
    sent = {"group": world.anaheim.pk, "person": world.viewer.email}
    assert client.post(api, sent, "application/json").json()["person"]["id"] == world.viewer.pk
    wrong = client.post(api, sent | {"person": world.stranger.email}, "application/json")
    assert (wrong.status_code, wrong.json()["code"]) == (400, PERSON_NOT_THERE.code)


def test_whoever_has_no_role_in_the_group_is_not_offered(world: World, personal: Device, client: Client) -> None:
    client.force_login(world.owner)
    page = client.get(reverse("devices:person", kwargs={"serial": personal.serial})).content.decode()
    offered = {each.email for each in persons.list_known(world.owner) if f'value="{each.email}"' in page}
    assert {world.technician.email, world.viewer.email, world.owner.email} <= offered
    assert world.sibling.email not in offered
    assert world.sibling in persons.list_known(world.owner)


def test_of_more_people_than_a_list_takes_the_address_is_typed(
    world: World, personal: Device, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persons, "OFFERED", 1)
    client.force_login(world.admin)
    url = reverse("devices:person", kwargs={"serial": personal.serial})
    page = client.get(url).content.decode()
    assert f'type="email" name="person" value="{world.viewer.email}"' in page
    assert world.technician.email not in page
    assert client.post(url, {"name": "Typed", "person": f" {world.technician.email.upper()} "}).status_code == 302
    personal.refresh_from_db()
    assert personal.person == world.technician


def test_an_action_that_is_undone_gives_it_back_while_they_may_have_it(world: World, personal: Device) -> None:
    before, chosen = personal.assignment_id, Device.objects.filter(pk=personal.pk)
    undone(released := act("release", world.admin, chosen), world.admin)
    personal.refresh_from_db()
    assert (personal.person, personal.assignment_id, personal.name) == (world.viewer, before, "Anna's")
    assert personal.events.latest("pk").data["person"] == world.viewer.pk
    released = act("release", world.admin, chosen)
    leave(world)
    undone(released, world.admin)
    personal.refresh_from_db()
    assert (personal.group, personal.person) == (None, None)


def test_only_the_same_persons_gateway_speaks_for_it(world: World, personal: Device) -> None:
    gateway = builders.make_device(world.version, group=world.anaheim, by=world.admin)
    with refused(TIE_ACROSS_GROUPS):
        ties.tie(device=personal, gateway=gateway, by=world.admin)
    give(world, None)
    assert ties.tie(device=personal, gateway=gateway, by=world.admin)
    give(world, world.viewer)
    assert not Tie.objects.standing().exists()
