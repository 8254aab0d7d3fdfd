"""What back ends are sent, word for word, to whom of them, and of what they are told nothing."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices import events
from devices.attention import operations as attention
from devices.attention.operations import Finding
from devices.lifecycle import assignments
from devices.models import Attention, Attribute, Device, Event
from provisioning.hooks import messages, operations, planning
from provisioning.models import Hook, HookCall, HookFeed, HookRun, Window
from tests.access.hooks import URL, make_hook
from tests.builders import make_device

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db
AT = datetime(2099, 11, 2, 9, 30, 15, 123_456, tzinfo=UTC)


def place(world: World, device: Device, **fields: Any) -> None:
    fresh = Device.objects.select_related("organisation", "version").get(pk=device.pk)
    given = {"group": world.boise, "name": "Pump", "model": fresh.model, "by": world.owner, **fields}
    assignments.assign(device=fresh, **given)


def plan() -> list[dict[str, Any]]:
    """The payloads of the runs that there are by now, in order."""
    planning.plan_all()
    return list(HookRun.objects.order_by("pk").values_list("payload", flat=True))


def test_a_placed_device_is_told_with_its_place_and_what_it_is(world: World) -> None:
    make_hook(world)
    place(world, world.waiting)
    event = Event.objects.filter(kind=Event.Kind.ASSIGNED, device=world.waiting).first() or Event.objects.latest("pk")
    Event.objects.filter(pk=event.pk).update(at=AT)
    assert plan() == [
        {
            "type": "device.placed",
            "timestamp": "2099-11-02T09:30:15.123Z",
            "data": {
                "event": event.pk,
                "organisation": "kanarra",
                "serial": world.waiting.serial,
                "device_id": world.waiting.device_id,
                "name": "Pump",
                "model": "KG-250",
                "recipe": "Generator gateway",
                "group": {
                    "id": world.boise.pk,
                    "name": "Boise",
                    "path": ["Kanarra", "Tekton Health", "Boise"],
                },
                "label": {},
            },
        }
    ]


def test_a_device_without_a_model_has_none(world: World) -> None:
    make_hook(world)
    place(world, world.waiting, model=None)
    assert plan()[0]["data"]["model"] is None


def test_what_its_label_said_goes_along(world: World) -> None:
    make_hook(world)
    place(world, world.waiting)
    placed = Device.objects.get(pk=world.waiting.pk)
    label = {"devEui": "70B3D57ED0001234"}
    window = {"device": placed, "technician": world.technician, "deadline": Now(), "label": label}
    Window.objects.create(**window, assignment=placed.assignment, outcome="completed", closed_at=Now())
    assert plan()[0]["data"]["label"] == label


def test_a_released_device_is_told_with_the_group_that_it_left(world: World) -> None:
    make_hook(world)
    assignments.release(device=Device.objects.get(pk=world.placed.pk), by=world.owner)
    (told,) = plan()
    assert told["type"] == "device.released"
    assert told["data"]["group"]["path"][-1] == "Kaiser Permanente Anaheim"
    assert told["data"]["label"] == {}


def test_what_needs_attention_is_told_in_one_message(world: World) -> None:
    operations.create_hook(organisation=world.kanarra, name="Alerts", url=URL, tells="attention", by=world.owner)
    Attribute.objects.filter(version=world.version, name="rpm").update(maximum=1950)
    silent, hot = (
        Finding(world.placed, Attention.Cause.SILENT),
        Finding(world.foreign, Attention.Cause.RANGE, "rpm", 2100),
    )
    attention.begin([silent, hot])
    rows = list(Attention.objects.order_by("pk"))
    Attention.objects.update(since=AT)
    events.record(Event.Kind.ATTENTION_TOLD, organisation=world.kanarra.pk, rows=[row.pk for row in rows], count=7)
    (told,) = plan()
    assert (told["type"], told["data"]["organisation"], told["data"]["count"]) == ("attention.begun", "kanarra", 7)
    assert told["data"]["attention"] == [
        {
            "id": rows[0].pk,
            "serial": world.placed.serial,
            "device_id": world.placed.device_id,
            "name": "Anaheim One",
            "group": {"id": world.anaheim.pk, "name": "Kaiser Permanente Anaheim"},
            "cause": "silent",
            "attribute": "",
            "value": None,
            "times": 1,
            "since": "2099-11-02T09:30:15.123Z",
            "words": told["data"]["attention"][0]["words"],
        },
        {
            "id": rows[1].pk,
            "serial": world.foreign.serial,
            "device_id": world.foreign.device_id,
            "name": "Canary Boise One",
            "group": {"id": world.boise.pk, "name": "Boise"},
            "cause": "range",
            "attribute": "rpm",
            "value": 2100,
            "times": 1,
            "since": "2099-11-02T09:30:15.123Z",
            "words": "Engine speed 2,100 rpm (at most 1,950 rpm expected)",
        },
    ]
    assert HookRun.objects.get().device is None


@pytest.mark.parametrize(
    ("tells", "told"),
    [
        ("placements", {"device.placed", "device.released"}),
        ("attention", {"attention.begun"}),
        ("everything", {"device.placed", "device.released", "attention.begun"}),
    ],
)
def test_a_hook_is_told_of_what_it_wants_alone(world: World, tells: str, told: set[str]) -> None:
    operations.create_hook(organisation=world.kanarra, name="Wants", url=URL, tells=tells, by=world.owner)
    operations.create_hook(organisation=world.kanarra, name="All", url=URL, tells="everything", by=world.owner)
    place(world, world.waiting)
    assignments.release(device=Device.objects.get(pk=world.placed.pk), by=world.owner)
    events.record(Event.Kind.ATTENTION_TOLD, organisation=world.kanarra.pk, rows=[], count=0)
    assert {each["type"] for each in plan()} == {"device.placed", "device.released", "attention.begun"}
    calls = HookCall.objects.filter(hook__name="Wants").select_related("run")
    assert {call.run.kind for call in calls} == told
    of_all = HookCall.objects.filter(hook__name="All").select_related("run")
    assert {call.run.kind: call.position for call in of_all} == {
        kind: 2 if kind in told else 1 for kind in ("device.placed", "device.released", "attention.begun")
    }


def test_of_what_nobody_wants_no_run_is_made(world: World) -> None:
    operations.create_hook(organisation=world.kanarra, name="Alerts", url=URL, tells="attention", by=world.owner)
    place(world, world.waiting)
    assert plan() == []


@pytest.mark.parametrize("kind", ["registered", "connected", "pressed", "locked", "unlocked"])
def test_of_other_events_nobody_is_told(world: World, kind: str) -> None:
    make_hook(world)
    events.record(Event.Kind(kind), device=world.placed)
    assert plan() == []


def test_of_a_removed_device_nobody_is_told(world: World) -> None:
    make_hook(world)
    gone = make_device(world.version)
    events.record(Event.Kind.RELEASED, device=gone)
    Device.objects.filter(pk=gone.pk)._raw_delete("default")
    assert plan() == []


def test_of_what_happens_elsewhere_nobody_is_told(world: World) -> None:
    make_hook(world)
    place(world, world.alien, group=world.other_site, by=world.stranger)
    assert plan() == []
    assert not HookFeed.objects.filter(organisation=world.other).exists()


def test_hooks_are_called_in_their_order_and_those_that_ended_or_came_later_not(world: World) -> None:
    made = [
        operations.create_hook(organisation=world.kanarra, name=name, url=URL, position=position, by=world.owner)[0]
        for name, position in (("Third", 3), ("Ended", 1), ("First", 1), ("Second", 1))
    ]
    operations.end_hook(hook=made[1], by=world.owner)
    place(world, world.waiting)
    Event.objects.filter(device=world.waiting).update(at=Now())
    operations.create_hook(organisation=world.kanarra, name="Late", url=URL, position=1, by=world.owner)
    Hook.objects.filter(name="Late").update(created_at=Now() + timedelta(seconds=1))
    plan()
    calls = HookCall.objects.all().of(HookRun.objects.get())
    assert [(call.position, call.hook.name) for call in calls] == [(1, "First"), (2, "Second"), (3, "Third")]


def test_a_chunk_at_a_time_is_planned_and_that_there_is_more_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hook(world)
    monkeypatch.setattr(planning, "CHUNK", 2)
    for device in (world.waiting, world.placed, world.foreign):
        place(world, device, group=world.anaheim)
    assert planning.plan_organisation(world.kanarra.pk)
    assert HookRun.objects.count() == 2
    assert not planning.plan_organisation(world.kanarra.pk)
    assert HookRun.objects.count() == 3
    assert not planning.plan_organisation(world.kanarra.pk)
    assert HookRun.objects.count() == 3


def test_what_is_sent_is_short_json_in_utf_8() -> None:
    assert messages.encode({"name": "Größe", "of": [1, None]}) == '{"name":"Größe","of":[1,null]}'.encode()


def test_a_secret_is_as_standard_webhooks_write_it_and_is_kept_sealed() -> None:
    secret, sealed = messages.make_secret()
    assert len({secret, messages.make_secret()[0]}) == 2
    (key,) = messages.unseal_keys(Hook(sealed=sealed), with_former=True)
    assert len(key) == 32
    assert key not in sealed


def test_with_a_former_secret_there_are_two_signatures_the_present_one_first() -> None:
    (_, present), (_, former) = messages.make_secret(), messages.make_secret()
    hook = Hook(sealed=present, former_sealed=former)
    keys = messages.unseal_keys(hook, with_former=True)
    assert messages.unseal_keys(hook, with_former=False) == keys[:1]
    signed = messages.sign(keys, "msg_1", 1_790_000_000, b"{}").split()
    assert signed == [messages.sign([key], "msg_1", 1_790_000_000, b"{}") for key in keys]
    assert len({*signed, messages.sign(keys[:1], "msg_2", 1_790_000_000, b"{}")}) == 3


def test_a_signature_is_the_one_that_the_specifications_own_libraries_make() -> None:
    """Its example: docs.svix.com/receiving/verifying-payloads/how-manual."""
    key = base64.b64decode("C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    body = b'{"email":"test@example.com","username":"test_user"}'
    signature = messages.sign([key], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553, body)
    assert signature == "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
