"""Commands: who may send them, how they wait, that each is sent once and not after its end, and what devices answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.utils import timezone

from config.ingest import ingest
from devices import refusals
from devices.commands import operations as commands
from devices.commands import queue, subscriptions
from devices.lifecycle import assignments, locks
from devices.models import Command, Connection, Device, Event, Listening, RecipeVersion
from devices.models.command import read_moment
from devices.mqtt.messages import Message
from devices.recipes import command_lines
from telemetry.models import Drop
from tenants.models import Membership
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World

LOAD = {"properties": {"load": {"type": "number", "minimum": 0, "maximum": 500}}, "required": ["load"]}
LINES: list[dict[str, Any]] = [
    {"name": "start", "label": "Start"},
    {"name": "stop", "role": "admin"},
    {"name": "setLoad", "schema": LOAD},
    {"name": "ping", "role": "viewer", "answers": False},
    {"name": "identify"},
]


@pytest.fixture
def device(world: World) -> Device:
    """The placed one, whose recipe has commands."""
    RecipeVersion.objects.filter(pk=world.version.pk).update(commands=command_lines.clean_lines(LINES))
    return Device.objects.select_related("version", "group", "organisation").get(pk=world.placed.pk)


def hear(device: Device) -> None:
    Connection.objects.update_or_create(device=device, defaults={"last_seen_at": Now(), "disconnected_at": None})


def answer(device: Device, key: object, status: str = "done", **more: object) -> None:
    body = {"data": {"commandAnswer": {"id": str(key), "status": status, **more}}}
    ingest([Message(device.device_id, json.dumps(body).encode(), timezone.now())])


def state(command: Command) -> str:
    return Command.objects.with_state().get(pk=command.pk).stage


def send_due() -> list[str]:
    """Return the ids that were published, in order."""
    jobs = queue.claim_due()
    assert all(queue.record_sent(job) for job in jobs)
    return [str(job.command.key) for job in jobs]


def told(device: Device) -> list[tuple[str, str]]:
    rows = Event.objects.filter(device=device, kind__startswith="command-").order_by("id")
    return [(row.kind, row.data.get("state", row.by.email if row.by else "")) for row in rows.select_related("by")]


def dropped(device: Device) -> list[tuple[str, int]]:
    return list(Drop.objects.filter(device=device).values_list("cause", "count"))


def test_it_waits_is_sent_once_and_is_answered(world: World, device: Device) -> None:
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    assert send_due() == []  # nobody has heard the device
    hear(device)
    assert send_due() == [str(command.key)]
    assert send_due() == []
    assert state(command) == "sent"
    answer(device, command.key, "delivered")
    assert state(command) == "delivered"
    answer(device, command.key, "done", result={"rpm": 1800}, reason="warm")
    answer(device, command.key, "done")  # again, and late
    answer(device, command.key, "delivered")
    kept = Command.objects.get(pk=command.pk)
    assert (kept.state, kept.result, kept.reason) == ("done", {"rpm": 1800}, "warm")
    assert told(device) == [("command-sent", world.technician.email), ("command-ended", "done")]
    assert dropped(device) == []


def test_what_is_published(world: World, device: Device) -> None:
    hear(device)
    commands.send(device=device, name="setLoad", payload={"load": 200}, by=world.technician)
    Command.objects.update(created_at=datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC))
    (job,) = queue.claim_due()
    body = json.loads(job.messages[0][1])
    assert [topic for topic, _ in job.messages] == [
        f"{root}/{device.device_id}/command" for root in ("devices", "losant")
    ]
    assert (body["name"], body["payload"], body["id"]) == ("setLoad", {"load": 200}, str(job.command.key))
    assert body["time"] == {"$date": "2026-01-31T12:00:05.000Z"}  # real clients read no other form
    assert datetime.fromisoformat(body["expires"]["$date"]) > timezone.now()
    assert read_moment(datetime(2026, 1, 31, 1, 2, 3, 4999, tzinfo=UTC)) == "2026-01-31T01:02:03.004Z"


def test_nothing_is_sent_after_its_end(world: World, device: Device) -> None:
    hear(device)
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    Command.objects.update(expires_at=Now())
    assert send_due() == []
    assert state(command) == "expired"  # whoever looks, before anybody wrote it down
    assert commands.expire() == 1
    assert commands.expire() == 0
    answer(device, command.key)
    assert state(command) == "expired"
    assert told(device)[1:] == [("command-ended", "expired")]
    assert dropped(device) == [("command-answer", 1)]


def test_what_ends_between_the_claim_and_its_writing_stays_ended(world: World, device: Device) -> None:
    hear(device)
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    (job,) = queue.claim_due()
    assert queue.claim_due() == []  # another sender
    answer(device, command.key)  # quicker than the broker's acknowledgement
    assert not queue.record_sent(job)
    assert state(command) == "done"


def test_a_killed_sender_leaves_a_lease(world: World, device: Device) -> None:
    hear(device)
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    (job,) = queue.claim_due()
    Command.objects.update(held_until=Now())
    assert send_due() == [str(command.key)]  # once more, under the same id
    assert not queue.record_sent(job)  # the first one comes too late
    queue.give_back(job)
    assert send_due() == []


def test_given_back_it_is_sent_again(world: World, device: Device) -> None:
    hear(device)
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    for job in queue.claim_due():
        queue.give_back(job)
    assert send_due() == [str(command.key)]


def test_one_that_nobody_answers_is_over_when_it_is_sent(world: World, device: Device) -> None:
    hear(device)
    command = commands.send(device=device, name="ping", payload=None, by=world.viewer)
    assert send_due() == [str(command.key)]
    Command.objects.update(expires_at=Now())
    subscribe(device)
    assert commands.expire() == 0
    assert send_due() == []
    assert state(command) == "sent"
    assert told(device)[1:] == [("command-ended", "sent")]


def subscribe(device: Device, *, ago: float = 1.0) -> None:
    subscriptions.record_subscriptions([(device.device_id, 1)])
    Listening.objects.update(subscribed_at=Now() - timedelta(seconds=ago))


def test_who_subscribes_gets_what_waits(world: World, device: Device) -> None:
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    subscribe(device, ago=0)
    assert send_due() == []  # the broker may have asked just before it subscribes
    subscribe(device)
    assert send_due() == [str(command.key)]


def test_one_that_left_after_it_subscribed_does_not(world: World, device: Device) -> None:
    commands.send(device=device, name="start", payload=None, by=world.technician)
    subscribe(device)
    Connection.objects.update_or_create(device=device, defaults={"last_seen_at": Now(), "disconnected_at": Now()})
    assert send_due() == []


def test_unanswered_it_is_sent_again_to_who_subscribes_anew(world: World, device: Device) -> None:
    """The broker may have lost it with the device's session."""
    hear(device)
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    assert send_due() == [str(command.key)]
    Command.objects.update(sent_at=Now() - timedelta(seconds=5))
    subscribe(device)
    assert send_due() == [str(command.key)]
    assert send_due() == []
    answer(device, command.key, "delivered")
    subscribe(device, ago=0.6)
    assert send_due() == []  # it has it


def test_only_who_may_sends(world: World, device: Device) -> None:
    for user, name in [
        (world.viewer, "start"),
        (world.technician, "stop"),
        (world.sibling, "ping"),
        (world.stranger, "ping"),
        (world.owner, "explode"),
    ]:
        with refused(refusals.COMMAND_UNKNOWN):
            commands.send(device=device, name=name, payload=None, by=user)
    assert commands.send(device=device, name="stop", payload=None, by=world.admin)
    assert [each.name for each in commands.list_offered(device, world.viewer)] == ["ping"]
    assert Command.objects.count() == 1


def test_whoever_lost_the_role_meanwhile_sends_nothing(world: World, device: Device) -> None:
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    Membership.objects.filter(user=world.technician).delete()
    hear(device)
    assert send_due() == []
    assert state(command) == "expired"
    assert Event.objects.get(kind="command-ended").data["reason"] == queue.NO_LEAVE


def test_it_ends_with_the_assignment(world: World, device: Device) -> None:
    hear(device)
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    ours = device.assignment_id
    assert list(Command.objects.of(device)) == [command]
    assignments.assign(device=device, group=world.boise, name="Theirs", model=device.model, by=world.owner)
    assert send_due() == []
    assert state(command) == "expired"
    assert not Command.objects.of(Device.objects.get(pk=device.pk)).exists()
    assert commands.expire() == 1
    ended = Event.objects.get(kind="command-ended")
    assert (ended.assignment_id, ended.group_id) == (None, None)  # theirs neither
    assert Event.objects.get(kind="command-sent").assignment_id == ours


def test_what_can_not_be_sent(world: World, device: Device) -> None:
    for payload in (None, {}, {"load": True}, {"load": 501}, {"load": "1"}, {"load": 1, "more": 1}, 7, [1]):
        with refused(refusals.COMMAND_PAYLOAD):
            commands.send(device=device, name="setLoad", payload=payload, by=world.technician)
    with refused(refusals.COMMAND_PAYLOAD):
        commands.send(device=device, name="start", payload={"now": 1}, by=world.technician)
    locks.lock_devices([device], by=world.owner)
    with refused(refusals.COMMAND_BARRED):
        commands.send(device=device, name="start", payload=None, by=world.technician)
    locks.unlock_devices([device], by=world.owner)
    for _ in range(commands.MOST_OPEN):
        commands.send(device=device, name="start", payload=None, by=world.technician)
    with refused(refusals.COMMANDS_TOO_MANY):
        commands.send(device=device, name="start", payload=None, by=world.technician)
    Command.objects.update(expires_at=Now())
    assert commands.send(device=device, name="start", payload=None, by=world.technician)


def test_answers_that_count_for_nothing(world: World, device: Device) -> None:
    hear(device)
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    answer(device, command.key)  # nobody sent it yet
    send_due()
    answer(world.foreign, command.key)  # another tenant's device
    answer(device, "x")
    answer(device, command.key, "exploded")
    assert state(command) == "sent"
    ingest([Message(device.device_id, b'{"data": {"commandAnswer": [1], "rpm": 5}}', timezone.now())])
    assert dropped(device) == [("command-answer", 4)]
    assert dropped(world.foreign) == [("command-answer", 1)]
    assert device.latest.data["rpm"][0] == 5  # what stands beside it is kept


def test_a_result_that_can_not_be_kept(world: World, device: Device) -> None:
    hear(device)
    command = commands.send(device=device, name="start", payload=None, by=world.technician)
    send_due()
    answer(device, command.key, "refused", result="\0" * 9, reason="x" * 999)
    kept = Command.objects.get(pk=command.pk)
    assert (kept.state, kept.result, len(kept.reason)) == ("refused", None, 200)


def test_old_ones_go_and_their_events_stay(world: World, device: Device) -> None:
    commands.send(device=device, name="start", payload=None, by=world.technician)
    Command.objects.update(expires_at=Now())
    commands.expire()
    assert commands.clear_old() == 0
    Command.objects.update(ended_at=Now() - timedelta(days=91))
    assert commands.clear_old() == 1
    assert len(told(device)) == 2


@pytest.mark.parametrize(
    "line",
    [
        {"name": "1x"},
        {"name": "a", "role": "owner"},
        {"name": "a", "seconds": 4},
        {"name": "a", "seconds": True},
        {"name": "a", "label": "x" * 121},
        {"name": "a", "schema": []},
        {"name": "a", "schema": {"properties": {"x": {"type": "array"}}}},
        {"name": "a", "schema": {"properties": {"x": {"type": "string", "pattern": "x"}}}},
        {"name": "a", "schema": {"properties": {"x": {"type": "number", "minimum": 2, "maximum": 1}}}},
        {"name": "a", "schema": {"properties": {"x": {"type": "number", "enum": ["1"]}}}},
        {"name": "a", "schema": {"properties": {"x": {"type": "boolean"}}, "required": ["y"]}},
        {"name": "a", "schema": {"properties": {"x": {"type": []}}}},
        {"name": "a", "schema": {"properties": {"x": {"type": "string", "enum": 5}}}},
    ],
)
def test_what_a_recipe_can_not_declare(line: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        command_lines.clean_lines([line])
