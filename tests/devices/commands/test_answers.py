"""Which answers of a device count, how often, and what of them is kept."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from config.ingest import ingest
from devices.commands import answers, listing
from devices.lifecycle import assignments
from devices.models import Command, Device, Event
from devices.mqtt.messages import CommandAnswer, Message
from telemetry.models import Drop, Report
from tenants.models import User

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def device(world: World) -> Device:
    return Device.objects.select_related("group").get(pk=world.placed.pk)


@pytest.fixture
def command(world: World, device: Device) -> Command:
    """Sent once."""
    return make(device, by=world.technician, state="sent", attempts=1, sent_at=timezone.now())


def make(device: Device, **fields: Any) -> Command:
    given: dict[str, Any] = {"name": "start", "label": "Start", "role": 2, "assignment_id": device.assignment_id}
    given |= {"expires_at": timezone.now() + timedelta(hours=1)}
    return Command.objects.create(device=device, **given | fields)


def takes(device: Device, sent: object) -> bool:
    return answers.take_answers([CommandAnswer(device, sent, timezone.now())]) == []


def test_it_is_delivered_then_done_and_each_again(device: Device, command: Command) -> None:
    key = str(command.key)
    for status, state in (("delivered", "delivered"), ("delivered", "delivered"), ("done", "done"), ("done", "done")):
        assert takes(device, {"id": key, "status": status})
        assert Command.objects.get().state == state
    assert takes(device, {"id": key, "status": "delivered"})  # late
    assert not takes(device, {"id": key, "status": "refused"})
    ended = Command.objects.get()
    assert (ended.state, ended.ended_at is not None) == ("done", True)
    assert Event.objects.filter(kind="command-ended").count() == 1


@pytest.mark.parametrize("status", ["done", "refused"])
def test_an_end_may_come_without_a_delivery(device: Device, command: Command, status: str) -> None:
    assert takes(device, {"id": str(command.key), "status": status, "reason": "hot"})
    told = Event.objects.get(kind="command-ended").data
    assert told == {"command": str(command.key), "name": "start", "state": status, "reason": "hot"}


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        "done",
        {},
        {"status": "done"},
        {"id": "{key}"},
        {"id": "x", "status": "done"},
        {"id": None, "status": "done"},
        {"id": "{key}", "status": "queued"},
        {"id": "{key}", "status": "expired"},
        {"id": "{key}", "status": "DONE"},
        {"id": "{key}", "status": ["done"]},
    ],
    ids=str,
)
def test_what_can_not_be_read_counts_for_nothing(device: Device, command: Command, sent: Any) -> None:
    if isinstance(sent, dict) and sent.get("id") == "{key}":
        sent = sent | {"id": str(command.key)}
    assert not takes(device, sent)
    assert Command.objects.get().state == "sent"


@pytest.mark.parametrize(
    "fields",
    [
        {"attempts": 0, "state": "queued"},
        {"expires_at": Now() - timedelta(seconds=1)},
        {"state": "expired", "ended_at": Now()},
    ],
    ids=["nobody sent it", "its time is over", "it ended"],
)
def test_what_is_not_open_is_not_answered(device: Device, command: Command, fields: dict[str, Any]) -> None:
    Command.objects.update(**fields)
    before = Command.objects.get().state
    assert not takes(device, {"id": str(command.key), "status": "done"})
    assert Command.objects.get().state == before


def test_only_its_device_answers_it_and_in_its_assignment(world: World, device: Device, command: Command) -> None:
    sent = {"id": str(command.key), "status": "done"}
    assert not takes(world.foreign, sent)
    assignments.assign(device=device, group=world.boise, name="x", model=None, by=world.owner)
    assert not takes(device, sent)
    assert Command.objects.get().state == "sent"


def test_a_claimed_one_that_is_answered_before_it_is_written_down_was_sent(device: Device, command: Command) -> None:
    Command.objects.update(state="queued", sent_at=None)
    assert takes(device, {"id": str(command.key), "status": "delivered"})
    assert Command.objects.get().sent_at is not None


RESULTS: list[tuple[object, bool]] = [
    ({"rpm": 1800}, True),
    ([1, "a", None], True),
    (False, True),
    (0, True),
    ("", True),
    ("x" * 4094, True),
    ("x" * 4095, False),
    (None, False),
    (math.inf, False),
    ("a\0", False),
    ("\ud800", False),
    ({"\0": 1}, False),
]


@pytest.mark.parametrize(("result", "kept"), RESULTS, ids=[str(n) for n in range(len(RESULTS))])
def test_a_result_is_kept_that_a_database_takes_and_that_is_small(
    device: Device, command: Command, result: object, kept: bool
) -> None:
    assert takes(device, {"id": str(command.key), "status": "done", "result": result})
    assert Command.objects.get().result == (result if kept else None)


@pytest.mark.parametrize(("reason", "kept"), [("hot", "hot"), ("x" * 201, "x" * 200), ("a\0", ""), (5, ""), (None, "")])
def test_a_reason_is_a_short_text(device: Device, command: Command, reason: object, kept: str) -> None:
    assert takes(device, {"id": str(command.key), "status": "refused", "reason": reason})
    assert Command.objects.get().reason == kept


SHOWN: list[tuple[dict[str, Any], str, str]] = [
    ({"state": "queued"}, "Waits for the device", "busy"),
    ({"state": "sent", "sent_at": Now()}, "Sent", "busy"),
    ({"state": "sent", "ended_at": Now()}, "Sent", "good"),  # its devices answer nothing
    ({"state": "delivered"}, "The device has it", "busy"),
    ({"state": "done", "ended_at": Now()}, "Done", "good"),
    ({"state": "refused", "ended_at": Now()}, "Refused by the device", "bad"),
    ({"state": "queued", "expires_at": Now()}, "Expired before the device could be told", "quiet"),
    ({"state": "sent", "sent_at": Now(), "expires_at": Now()}, "Sent, and no answer came", "quiet"),
]


@pytest.mark.parametrize(("fields", "words", "tone"), SHOWN, ids=[words for _, words, _ in SHOWN[:-1]] + ["no answer"])
def test_a_page_says_how_far_it_is(world: World, device: Device, fields: dict[str, Any], words: str, tone: str) -> None:
    make(device, by=world.technician)
    Command.objects.update(**fields)
    (shown,) = listing.describe(User.objects.get(pk=world.viewer.pk), [*listing.list_commands(device)])
    assert (shown.words, shown.tone) == (words, tone)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        ({"load": 5, "mode": "eco"}, "load: 5, mode: eco"),
        ({"a": {"b": [1, 2]}, "c": []}, "a: b: 1, 2, c: "),
        ([1, "x", True], "1, x, True"),
        ("text", "text"),
        (0, "0"),
    ],
)
def test_what_was_sent_and_answered_is_said_in_words(world: World, device: Device, value: Any, words: str) -> None:
    make(device, payload=value, result=value, by=world.technician)
    (shown,) = listing.describe(User.objects.get(pk=world.viewer.pk), [*listing.list_commands(device)])
    assert (shown.payload, shown.result) == (words, words)


def test_the_page_has_those_that_changed_last_and_is_told_of_each_change(world: World, device: Device) -> None:
    assert listing.find_recent(device) == ([], 0)
    made = [make(device) for _ in range(7)]
    Command.objects.update(changed_at=Now() - timedelta(hours=1))
    Command.objects.filter(pk=made[0].pk).update(changed_at=Now())
    recent, mark = listing.find_recent(device)
    assert (len(recent), recent[-1]) == (5, made[0])
    assert [each.pk for each in recent] == sorted((each.pk for each in recent), reverse=True)
    column = Device.objects.annotate(changed=listing.select_last_change())
    assert listing.compute_mark(column.get(pk=device.pk).changed) == mark  # type: ignore[attr-defined]
    assert listing.compute_mark(column.get(pk=world.foreign.pk).changed) == 0  # type: ignore[attr-defined]
    make(device, window="one of a technician's")
    assert listing.find_recent(device) == (recent, mark)


def test_a_former_tenants_commands_are_neither_listed_nor_offered(world: World, device: Device) -> None:
    make(device)
    assert listing.list_commands(device).count() == 1
    assignments.assign(device=device, group=world.boise, name="x", model=None, by=world.owner)
    moved = Device.objects.select_related("version", "group").get(pk=device.pk)
    assert not listing.list_commands(moved).exists()
    assert listing.find_recent(moved)[0] == []
    moved.retired_at = timezone.now()
    assert listing.list_offered(world.owner, moved) == []


@pytest.mark.parametrize("status", [["done"], {"done": 1}, None, 5], ids=str)
def test_what_is_reported_beside_an_unreadable_answer_is_kept(world: World, device: Device, status: object) -> None:
    body = {"data": {"commandAnswer": {"id": "x", "status": status}, "rpm": 5}}
    others = Message(world.foreign.device_id, b'{"data": {"rpm": 7}}', timezone.now())
    ingest([others, Message(device.device_id, json.dumps(body).encode(), timezone.now())])
    assert sorted(report.data["rpm"] for report in Report.objects.all()) == [5, 7]
    assert [(drop.device, drop.cause) for drop in Drop.objects.all()] == [(device, "command-answer")]
