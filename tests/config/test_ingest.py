from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from config.ingest import ingest
from devices.connections import presence
from devices.models import Connection, Event
from devices.mqtt.messages import Message
from lib import live
from provisioning.models import Window
from provisioning.windows import operations as windows
from telemetry.models import Report

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    topics: list[str] = []
    monkeypatch.setattr(live, "announce", topics.extend)
    return topics


def message(device_id: str, data: dict[str, Any], **flags: Any) -> Message:
    return Message(device_id, json.dumps({"data": data}).encode(), timezone.now(), came_after=timezone.now(), **flags)


def test_stored_seen_and_announced(world: World, announced: list[str]) -> None:
    ingest([message(world.placed.device_id, {"rpm": 1800}), message("f" * 24, {"rpm": 1})])
    assert [row.data for row in Report.objects.filter(device=world.placed)] == [{"rpm": 1800}]
    assert Connection.objects.filter(device=world.placed).exists()
    assert announced == [f"device:{world.placed.device_id}"]


def test_a_press_moves_the_window_on_and_is_announced_once(world: World, announced: list[str]) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    press = message(world.waiting.device_id, {"registerButton": True})
    ingest([press])
    assert Window.objects.get(pk=window.pk).pressed_at is not None
    assert window.topic in announced
    announced.clear()
    for _ in range(100):
        ingest([press])
    assert Event.objects.filter(kind=Event.Kind.PRESSED).count() == 1
    assert window.topic not in announced


def test_a_retained_press_is_nothing(world: World, announced: list[str]) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    ingest([message(world.waiting.device_id, {"registerButton": True}, retained=True)])
    assert Window.objects.get(pk=window.pk).pressed_at is None
    assert not Report.objects.exists()
    assert announced == []


def test_all_or_nothing(world: World, announced: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(presence, "record_seen", fail)
    with pytest.raises(RuntimeError):
        ingest([message(world.placed.device_id, {"rpm": 1800})])
    assert not Report.objects.exists()
    assert announced == []
