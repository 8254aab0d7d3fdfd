"""Hooks are told of what needs attention, if they want to be: all that people are told of together in one message."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db.models import F

from devices.models import Attention
from provisioning.hooks import delivery, operations
from provisioning.models import Hook, HookRun
from telemetry.attention import telling
from tests.devices.api import Program
from tests.receivers import receiver
from tests.telemetry.attention.saying import say, watch_rpm

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.usefixtures("_reachable")


def test_one_message_to_those_who_want_it(client: Client, world: World) -> None:
    watch_rpm(world)
    with receiver() as alerts, receiver() as joins:
        for name, each, tells in (("Alerts", alerts, Hook.Tells.ATTENTION), ("Joins", joins, Hook.Tells.PLACEMENTS)):
            operations.create_hook(organisation=world.kanarra, name=name, url=each.url, tells=tells, by=world.owner)
        say(world.placed, rpm=2100)
        say(world.foreign, engineState="fault")
        Attention.objects.update(since=F("since") - timedelta(minutes=2))
        telling.tell_due()
        delivery.deliver_due()
        assert (len(alerts.got), len(joins.got)) == (1, 0)
        body = json.loads(alerts.got[0].body)
    assert (body["type"], body["data"]["count"], body["data"]["organisation"]) == ("attention.begun", 2, "kanarra")
    found = [(each["serial"], each["cause"], each["value"]) for each in body["data"]["attention"]]
    assert found == [(world.placed.serial, "range", 2100), (world.foreign.serial, "fault", "fault")]
    run = HookRun.objects.get()
    assert (run.device, run.state) == (None, HookRun.State.DONE)
    client.force_login(world.owner)
    assert "Several devices" in client.get("/hooks/runs/").content.decode()
    assert client.get(run.get_absolute_url()).status_code == 200
    assert Program(world.owner).get("hook-runs/").json()["results"][0]["serial"] == ""


def test_what_a_hook_is_told_is_chosen(client: Client, world: World) -> None:
    hook, _ = operations.create_hook(
        organisation=world.kanarra, name="Joins", url="https://127.0.0.1:9/", by=world.owner
    )
    program = Program(world.owner)
    assert program.get(f"hooks/{hook.key}/").json()["tells"] == "placements"
    client.force_login(world.owner)
    sent = {"name": "Joins", "url": hook.url, "position": 1, "tells": "everything"}
    assert client.post(f"/hooks/{hook.key}/change/", sent).status_code == 302
    assert program.get(f"hooks/{hook.key}/").json()["tells"] == "everything"
