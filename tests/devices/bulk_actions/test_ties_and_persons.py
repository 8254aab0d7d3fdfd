"""Tying many devices to a gateway, ending that, and giving many to a person: as for one, previewed and undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices.bulk_actions import eligibility, runner
from devices.bulk_actions.eligibility import Params
from devices.lifecycle import assignments, retirement
from devices.models import BulkAction, Device, Event, Tie, Touched
from devices.ties import operations as ties
from tenants.models import Organisation, User
from tests import builders
from tests.devices.api import Program, kind, places
from tests.devices.doing import act, started, undone
from tests.devices.imports.pages import words

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway(world: World) -> Device:
    return builders.make_device(world.version, group=world.anaheim, by=world.owner, name="Anaheim gateway")


@pytest.fixture
def beside(world: World) -> Device:
    return builders.make_device(world.version, group=world.anaheim, by=world.owner, name="Anaheim tank")


def tied(device: Device) -> list[str]:
    standing = Tie.objects.standing().filter(device=device)
    return sorted(standing.values_list("gateway__serial", flat=True))


def verdicts(action: BulkAction) -> dict[int, str]:
    return {touched.device_id: touched.verdict for touched in Touched.objects.filter(action=action)}


def through(gateway: Device) -> dict[str, Any]:
    return {"gateway": gateway.serial, "speaker": gateway.pk}


def test_tied_where_they_may_be_and_back_again(world: World, gateway: Device, beside: Device) -> None:
    ties.tie(device=beside, gateway=gateway, by=world.owner)
    action = act("tie", world.owner, **through(gateway))
    assert (action.state, action.changed, str(action)) == ("done", 1, f"Tie to a gateway: {gateway.serial}")
    assert verdicts(action) == {
        world.placed.pk: "change",
        beside.pk: "tied",
        gateway.pk: "itself",
        world.waiting.pk: "apart",
        world.foreign.pk: "apart",
    }
    event = Event.objects.get(device=world.placed, kind="tied")
    assert (event.data, event.by) == ({"gateway": gateway.serial, "action": str(action.key)}, world.owner)
    assert undone(action, world.owner).changed == 1
    assert (tied(world.placed), tied(beside)) == ([], [gateway.serial])


@pytest.mark.parametrize("one", [True, False])
def test_untied_and_tied_again(world: World, gateway: Device, beside: Device, one: bool) -> None:
    for speaker in (gateway, beside):
        ties.tie(device=world.placed, gateway=speaker, by=world.owner)
    action = act("untie", world.admin, **(through(gateway) if one else {}))
    assert action.changed == 1
    assert tied(world.placed) == ([beside.serial] if one else [])
    assert set(verdicts(action).values()) == {"change", "alone"}
    assert undone(action, world.admin).changed == 1
    assert tied(world.placed) == sorted([gateway.serial, beside.serial])


@pytest.mark.parametrize("meanwhile", ["moved", "retired", "tied again"])
def test_an_end_is_undone_only_as_long_as_both_are_there(
    world: World, gateway: Device, beside: Device, meanwhile: str
) -> None:
    ties.tie(device=world.placed, gateway=gateway, by=world.owner)
    action = act("untie", world.owner, Device.objects.filter(pk=world.placed.pk))
    if meanwhile == "moved":
        assignments.release(device=gateway, by=world.owner)
    elif meanwhile == "retired":
        retirement.retire_devices([gateway], by=world.owner)
    else:
        ties.tie(device=world.placed, gateway=gateway, by=world.owner)
    back = undone(action, world.owner)
    assert (back.state, back.changed) == ("done", 0)
    assert verdicts(back) == {world.placed.pk: "since" if meanwhile == "tied again" else "apart"}


def test_no_more_than_a_gateway_may_speak_for(
    world: World, gateway: Device, beside: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (ties, eligibility):
        monkeypatch.setattr(module, "MOST_DEVICES", 1)
    chosen = Device.objects.filter(pk__in=[world.placed.pk, beside.pk])
    told = eligibility.preview(chosen, "tie", Params(gateway=gateway.serial, speaker=gateway.pk))
    assert (told.changing, told.effects) == (2, ["The gateway may speak for 1 more: the others stay as they are."])
    action = act("tie", world.owner, chosen, **through(gateway))
    assert (action.changed, sorted(verdicts(action).values())) == (1, ["change", "crowded"])
    monkeypatch.setattr(eligibility, "MOST_GATEWAYS", 1)
    other = act("tie", world.owner, chosen, **through(world.placed))
    assert set(verdicts(other).values()) == {"itself", "change"}


@pytest.mark.parametrize("full", ["MOST_DEVICES", "MOST_GATEWAYS"])
def test_an_end_is_not_undone_where_there_is_no_room_any_more(
    world: World, gateway: Device, beside: Device, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    other = builders.make_device(world.version, group=world.anaheim, by=world.owner)
    chosen = Device.objects.filter(pk__in=[world.placed.pk, beside.pk])
    for device in chosen:
        ties.tie(device=device, gateway=gateway, by=world.owner)
    action = act("untie", world.owner, chosen)
    if full == "MOST_DEVICES":
        monkeypatch.setattr(ties, "MOST_DEVICES", 2)
        ties.tie(device=other, gateway=gateway, by=world.owner)
    else:
        monkeypatch.setattr(ties, "MOST_GATEWAYS", 1)
        ties.tie(device=beside, gateway=other, by=world.owner)
    back = undone(action, world.owner)
    assert (back.state, back.changed) == ("done", 1)
    assert verdicts(back) == {world.placed.pk: "change", beside.pk: "crowded"}
    assert (tied(world.placed), gateway.serial in tied(beside)) == ([gateway.serial], False)


def test_a_gateway_that_is_no_longer_managed_ends_the_action(world: World, gateway: Device) -> None:
    action = started("tie", world.admin, Device.objects.filter(pk=world.placed.pk), **through(gateway))
    assignments.release(device=gateway, by=world.owner)

    runner.run(action=action)
    action.refresh_from_db()
    assert (action.state, action.changed) == ("failed", 0)
    assert not Tie.objects.exists()


REFUSED = ["NOSUCHDEVICE", "foreign", "alien", "waiting"]


@pytest.mark.parametrize("name", REFUSED)
def test_page_and_api_take_no_gateway_that_somebody_does_not_manage(client: Client, world: World, name: str) -> None:
    serial = getattr(world, name).serial if name != "NOSUCHDEVICE" else name
    client.force_login(world.admin)
    sent = {"serial": [world.placed.serial], "kind": "tie", "set": "1", "gateway": serial}
    answer = client.post(reverse("devices:act"), sent)
    assert answer.status_code == 422
    assert "You manage no device with this serial." in words(answer)
    answer = Program(world.admin).post(
        "actions/", {"kind": "tie", "params": {"gateway": serial}, "serials": [world.placed.serial]}
    )
    assert places(answer) == ["#/params/gateway"]


def test_page_and_api_do_the_same(client: Client, world: World, gateway: Device) -> None:
    client.force_login(world.admin)
    sent = {"serial": [world.placed.serial], "kind": "tie", "set": "1", "gateway": gateway.serial.lower()}
    shown = client.post(reverse("devices:act"), sent)
    assert "1 of 1 device will be tied" in words(shown)
    answer = client.post(reverse("devices:run"), {**sent, "digest": shown.context["preview"].digest})
    assert answer.status_code == 302
    assert tied(world.placed) == [gateway.serial]
    program = Program(world.admin)
    asked = {"kind": "untie", "params": {"gateway": gateway.serial}, "serials": [world.placed.serial]}
    assert program.post("actions/preview/", asked).json()["changing"] == 1
    made = program.post("actions/", asked).json()
    assert (made["changed"], made["params"], made["undoable"]) == (1, {"gateway": gateway.serial}, True)
    assert tied(world.placed) == []


# Giving to a person ----------------------------------------------------------------------------------


@pytest.fixture
def wanted(world: World) -> None:
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    world.kanarra.refresh_from_db()


def whose(device: Device) -> str | None:
    now = Device.objects.select_related("person", "assignment__person").get(pk=device.pk)
    assert now.assignment is None or now.assignment.person == now.person
    return now.person.email if now.person else None


@pytest.mark.usefixtures("wanted")
def test_given_where_the_person_has_a_role_and_back_again(world: World, beside: Device) -> None:
    Device.objects.filter(pk=world.placed.pk).update(description="secret")
    action = act("person", world.owner, person=world.viewer.pk)
    assert (action.state, action.changed) == ("done", 2)
    assert verdicts(action) == {
        world.placed.pk: "change",
        beside.pk: "change",
        world.waiting.pk: "homeless",
        world.foreign.pk: "outsider",
    }
    assert whose(world.placed) == whose(beside) == world.viewer.email
    assert Device.objects.get(pk=world.placed.pk).description == ""
    event = Event.objects.get(device=world.placed, kind="assigned")
    assert event.data == {"person": world.viewer.pk, "action": str(action.key)}
    assert undone(action, world.owner).changed == 2
    assert whose(world.placed) is None
    assert Device.objects.get(pk=world.placed.pk).description == "secret"


@pytest.mark.usefixtures("wanted")
def test_everybodys_again_and_the_persons_once_more(world: World, gateway: Device) -> None:
    act("person", world.owner, Device.objects.filter(group=world.anaheim), person=world.viewer.pk)
    ties.tie(device=Device.objects.get(pk=world.placed.pk), gateway=Device.objects.get(pk=gateway.pk), by=world.owner)
    chosen = Device.objects.filter(pk=world.placed.pk)
    told = eligibility.preview(chosen, "person", Params())
    assert (told.changing, len(told.effects)) == (1, 1)  # a tie that would end
    action = act("person", world.owner, chosen)
    assert (whose(world.placed), tied(world.placed)) == (None, [])
    assert undone(action, world.owner).changed == 1
    assert whose(world.placed) == world.viewer.email
    world.viewer.memberships.all().delete()
    later = act("person", world.owner, chosen)
    assert verdicts(undone(later, world.owner)) == {world.placed.pk: "nobody"}


@pytest.mark.usefixtures("wanted")
@pytest.mark.parametrize("since", ["disabled", "not wanted"])
def test_nothing_is_given_back_to_who_may_be_given_no_device(world: World, since: str) -> None:
    chosen = Device.objects.filter(pk=world.placed.pk)
    act("person", world.owner, chosen, person=world.viewer.pk)
    action = act("person", world.owner, chosen)
    if since == "disabled":
        User.objects.filter(pk=world.viewer.pk).update(is_active=False)
    else:
        Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=False)
    assert verdicts(undone(action, world.owner)) == {world.placed.pk: "nobody"}
    assert whose(world.placed) is None


@pytest.mark.usefixtures("wanted")
def test_a_person_who_is_gone_is_given_nothing_and_takes_nothing(world: World) -> None:
    chosen = Device.objects.filter(pk=world.placed.pk)
    act("person", world.owner, chosen, person=world.viewer.pk)
    assert set(verdicts(act("person", world.owner, chosen, person=world.viewer.pk + 10_000)).values()) == {"outsider"}
    assert whose(world.placed) == world.viewer.email


def test_not_where_the_organisation_wants_no_such_thing(client: Client, world: World) -> None:
    client.force_login(world.admin)
    sent = {"serial": [world.placed.serial], "kind": "person", "set": "1", "person": world.viewer.email}
    answer = client.post(reverse("devices:act"), sent)
    assert answer.status_code == 422
    assert "not to one person" in words(answer)
    asked = {"kind": "person", "params": {"person": world.viewer.email}, "serials": [world.placed.serial]}
    assert places(Program(world.admin).post("actions/", asked)) == ["#/params/person"]
    assert set(verdicts(act("person", world.owner, person=world.viewer.pk)).values()) == {"homeless", "outsider"}


@pytest.mark.usefixtures("wanted")
@pytest.mark.parametrize("who", ["nobody", "stranger", "sibling"])
def test_nobody_is_given_what_somebody_does_not_know(world: World, who: str) -> None:
    email = getattr(world, who).email if who != "nobody" else "nobody@kanarra.example"
    asked = {"kind": "person", "params": {"person": email}, "serials": [world.placed.serial]}
    answer = Program(world.admin).post("actions/", asked)
    assert places(answer) == ["#/params/person"]
    assert kind(answer)


@pytest.mark.usefixtures("wanted")
def test_the_api_gives_as_the_page_does(world: World) -> None:
    asked = {"kind": "person", "params": {"person": world.viewer.email}, "serials": [world.placed.serial]}
    made = Program(world.admin).post("actions/", asked).json()
    assert (made["changed"], made["params"]) == (1, {"person": world.viewer.pk})
    assert whose(world.placed) == world.viewer.email
