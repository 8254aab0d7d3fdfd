"""What is not kept is told: on the device's page and in the API, by cause, to whom the device belongs."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.ingest import ingest, record_failed, record_limits
from devices.lifecycle import assignments
from devices.mqtt.intake import Limited
from devices.mqtt.messages import MAX_BYTES, Message
from telemetry.models import Drop, Report
from tests import builders

if TYPE_CHECKING:
    from django.test import Client

    from devices.models import Device
    from tests.conftest import World


def send(device: Device, *payloads: object, **flags: Any) -> None:
    at = timezone.now()
    ingest(
        [
            Message(
                device.device_id,
                payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
                at + timedelta(milliseconds=n),
                **flags,
            )
            for n, payload in enumerate(payloads)
        ]
    )


def told(client: Client, device: Device) -> dict[str, dict[str, Any]]:
    answer = client.get(reverse("telemetry:api-dropped", kwargs={"serial": device.serial}))
    assert answer.status_code == 200
    return {row["cause"]: row for row in answer.json()["results"]}


def page(client: Client, device: Device, name: str = "telemetry:dashboard") -> str:
    return client.get(reverse(name, kwargs={"serial": device.serial})).content.decode()


@pytest.mark.parametrize(
    ("payload", "cause", "sample"),
    [
        ({"data": {"rpm": 1}, "time": "2001-01-01T00:00:00Z"}, "too-old", "2001-01-01T00:00:00Z"),
        ({"data": {"rpm": 1}, "time": "9999-01-01T00:00:00Z"}, "ahead", "9999-01-01T00:00:00Z"),
        ({"data": {"rpm": 1}, "time": "yesterday"}, "bad-time", "yesterday"),
        ({"data": {"rpm": True}}, "mistyped", "rpm"),
        ({"data": {"load": "21.5"}}, "as-text", "load"),
        (b'{"data": {"load": NaN}}', "unkept", "load"),
        ({"data": {"oilTemp": 1}}, "undeclared", "oilTemp"),
        ({"data": {"oil\x00\u202eTemp" + "x" * 99: 1}}, "undeclared", "oil\ufffd\ufffdTemp" + "x" * 55),
        (b"rpm=80", "malformed", ""),
        ({"rpm": 80}, "no-data", "rpm"),
        ([{"data": {"rpm": 80}}], "no-data", ""),
        (b" " * (MAX_BYTES + 1), "oversize", ""),
    ],
)
def test_each_cause(client: Client, world: World, payload: object, cause: str, sample: str) -> None:
    send(world.placed, payload, payload)
    client.force_login(world.viewer)
    row = told(client, world.placed)[cause]
    assert (row["count"], row["sample"]) == (2, sample)
    assert row["first_at"] < row["last_at"]
    html = page(client, world.placed)
    assert row["what"] in unescape(html)
    assert "nothing of it could be kept" in html
    assert not Report.objects.exists()


def test_barred_and_retained_are_told(client: Client, world: World) -> None:
    send(world.placed, {"data": {"rpm": 1}}, retained=True)
    world.placed.locked_at = timezone.now()
    world.placed.save(update_fields=["locked_at"])
    send(world.placed, {"data": {"rpm": 1}})
    client.force_login(world.admin)
    assert {cause: row["count"] for cause, row in told(client, world.placed).items()} == {"barred": 1, "retained": 1}
    assert "This device is locked" in (html := page(client, world.placed))
    assert "Sent while it was locked" in html


def test_limited_and_failed_are_told_with_how_many(client: Client, world: World) -> None:
    record_limits({world.placed.device_id: Limited(30.0, 41)})
    record_limits({world.placed.device_id: Limited(None, 2, lost=7), "f" * 24: Limited(None, 3)})
    record_failed(Message(world.placed.device_id, b"", timezone.now()))
    client.force_login(world.viewer)
    assert {cause: row["count"] for cause, row in told(client, world.placed).items()} == {
        "limited": 43,
        "overload": 7,
        "failed": 1,
    }


def test_beside_values_it_is_one_line_to_open(client: Client, world: World) -> None:
    send(world.placed, {"data": {"rpm": 1800, "oilTemp": 1}})
    client.force_login(world.viewer)
    html = page(client, world.placed, "telemetry:live")
    assert "Not everything that arrived was kept" in html
    assert "nothing of it could be kept" not in html
    assert "oilTemp" in html


def test_a_flood_is_written_once_a_batch_and_one_row_a_cause(world: World) -> None:
    def count_writes(payloads: list[object]) -> int:
        with CaptureQueriesContext(connection) as queries:
            send(world.placed, *payloads)
        return sum("telemetry_drop" in query["sql"] for query in queries)

    flood: list[object] = [{"data": {f"x{n}": n, "load": "no"}} for n in range(500)]
    assert count_writes(flood) == count_writes([b"?"]) == 1
    assert count_writes([{"data": {"rpm": 1}}]) == 0
    rows = dict(Drop.objects.values_list("cause", "count"))
    assert rows == {"undeclared": 500, "mistyped": 500, "malformed": 1}
    assert Drop.objects.get(cause="undeclared").sample.split("\n") == [f"x{n}" for n in range(499, 493, -1)]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one message", "in three"])
def test_each_name_is_told(client: Client, world: World, at_once: bool) -> None:
    wrong = {"rpm": "fast", "engineState": 1, "registerButton": "yes"}
    for _ in range(2):
        send(world.placed, *([{"data": wrong}] if at_once else [{"data": {name: wrong[name]}} for name in wrong]))
        if not at_once:
            send(world.placed, *[{"data": {name: wrong[name]}} for name in wrong][:2])
    client.force_login(world.viewer)
    row = told(client, world.placed)["mistyped"]
    assert (sorted(row["samples"]), row["more"]) == (sorted(wrong), False)
    assert all(f"<code>{name}</code>" in page(client, world.placed) for name in wrong)
    send(world.placed, *[{"data": {"x" * 60 + f"{n}{sent}": 1 for n in range(7)}} for sent in range(9)])
    row = told(client, world.placed)["undeclared"]
    assert (len(row["samples"]), row["more"]) == (5, True)
    assert ": for example <code>" in page(client, world.placed)


def test_names_of_before_the_first_assignment_are_not_told(client: Client, world: World) -> None:
    device = builders.make_device(world.version)
    send(device, {"canaryName": 1})
    assignments.assign(device=device, group=world.anaheim, name="Placed", model=None, by=world.owner)
    device.refresh_from_db()
    send(device, [1])
    client.force_login(world.viewer)
    assert (told(client, device)["no-data"]["count"], told(client, device)["no-data"]["samples"]) == (1, [])


@pytest.mark.parametrize("late", [True, False], ids=["sent after", "sent before"])
def test_a_report_of_before_the_handover_is_told_without_what_it_said(client: Client, world: World, late: bool) -> None:
    """To the tenant that has the device when it arrives, and to nobody else."""
    of_before = {"data": {"rpm": 77123}, "time": (timezone.now() - timedelta(hours=3)).isoformat()}
    if not late:
        send(world.placed, of_before)
    assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
    world.placed.refresh_from_db()
    send(world.placed, of_before, of_before)  # told once: a message that changes nothing is no other
    send(world.placed, {"data": {"rpm": 5}})
    client.force_login(world.sibling)
    row = told(client, world.placed).get("before-handover")
    assert (row and (row["count"], row["samples"])) == ((1, []) if late else None)
    html = unescape(page(client, world.placed))
    assert ("Dated before the device was handed over" in html) is late
    assert "77123" not in html.replace(",", "")
    client.force_login(world.viewer)
    assert client.get(reverse("telemetry:api-dropped", kwargs={"serial": world.placed.serial})).status_code == 404


def test_a_new_tenant_is_told_of_its_own_drops_alone(client: Client, world: World) -> None:
    send(world.placed, {"data": {"canaryName": 1}}, {"data": {"canaryName": 1}})
    assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
    client.force_login(world.sibling)
    assert told(client, world.placed) == {}
    assert "canaryName" not in page(client, world.placed)
    world.placed.refresh_from_db()
    send(world.placed, {"data": {"ownName": 1}})
    row = told(client, world.placed)["undeclared"]
    assert (row["count"], row["sample"]) == (1, "ownName")


def test_what_came_before_the_assignment_is_of_nobody(client: Client, world: World) -> None:
    """A message may be taken up just after the device was moved."""
    late = Message(world.placed.device_id, b'{"data": {"canaryName": 1}}', timezone.now() - timedelta(days=1))
    ingest([late])
    client.force_login(world.viewer)
    assert told(client, world.placed) == {}


def test_of_a_device_in_no_group_its_admins_are_told(client: Client, world: World) -> None:
    device = builders.make_device(world.version)
    send(device, b"?")
    send(device, b"?")
    client.force_login(world.owner)
    assert told(client, device)["malformed"]["count"] == 2


def test_the_page_goes_on_by_itself_when_something_is_dropped(client: Client, world: World) -> None:
    client.force_login(world.viewer)

    def version() -> str:
        return page(client, world.placed, "telemetry:live").split('data-version="')[1].split('"')[0]

    send(world.placed, {"data": {"rpm": 1}})
    before = version()
    send(world.placed, {"data": {"rpm": 1, "oilTemp": 1}}, {"data": {"oilTemp": 1}})
    assert version() != before


def test_a_stream_looks_for_the_same_version(world: World, client: Client) -> None:
    from tests.telemetry.watching import make_watch

    send(world.placed, {"data": {"rpm": 1, "oilTemp": 1}}, b"?")
    client.force_login(world.viewer)
    seen = make_watch(world.viewer, world.placed)()
    assert seen is not None
    assert f'data-version="{seen.version}"' in page(client, world.placed, "telemetry:live")
