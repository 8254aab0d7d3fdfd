from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.models import Attribute
from devices.mqtt.messages import MAX_BYTES, Message, Report, counts
from telemetry.ingest import decoder
from telemetry.models import Drop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
NOW_MS = NOW.replace(microsecond=123000)


@pytest.fixture(autouse=True)
def _counted() -> Iterator[None]:
    counts.clear()
    yield
    counts.clear()


def message(device_id: str, payload: object, **flags: Any) -> Message:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(device_id, body, NOW, **flags)


def one(world: World, payload: object, **flags: Any) -> Report | None:
    reports = decoder.read_batch([message(world.placed.device_id, payload, **flags)]).reports
    return reports[0] if reports else None


def test_declared_attributes_at_the_time_of_arrival(world: World) -> None:
    report = one(world, {"data": {"rpm": 1800.5, "engineState": "running", "registerButton": False}}, repeated=True)
    assert report == Report(
        device=world.placed,
        at=NOW_MS,
        data={"rpm": 1800.5, "engineState": "running", "registerButton": False},
        received_at=NOW,
        came_after=None,
        timed=False,
        retained=False,
        repeated=True,
    )


@pytest.mark.parametrize(
    ("given_time", "at"),
    [
        (1772366400000, datetime(2026, 3, 1, 12, tzinfo=UTC)),
        (1772366400, datetime(2026, 3, 1, 12, tzinfo=UTC)),
        (1772366400.5, datetime(2026, 3, 1, 12, 0, 0, 500000, tzinfo=UTC)),
        (1772366400000.75, datetime(2026, 3, 1, 12, tzinfo=UTC)),
        (-1000, NOW_MS - timedelta(seconds=1)),
        ("2026-03-01T12:00:00.9876Z", datetime(2026, 3, 1, 12, 0, 0, 987000, tzinfo=UTC)),
        ("2026-03-01T13:00:00+01:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ({"$date": "2026-03-01T12:00:00.000Z"}, datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ({"$date": 1772366400000}, datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-01-30T12:00:01Z", datetime(2026, 1, 30, 12, 0, 1, tzinfo=UTC)),
        ("2026-03-02T12:00:00Z", datetime(2026, 3, 2, 12, tzinfo=UTC)),
    ],
)
def test_every_form_of_time(world: World, given_time: object, at: datetime) -> None:
    report = one(world, {"data": {"rpm": 1}, "time": given_time})
    assert report is not None
    assert (report.at, report.timed) == (at, True)


def test_null_is_no_time(world: World) -> None:
    report = one(world, {"data": {"rpm": 1}, "time": None})
    assert report is not None
    assert (report.at, report.timed) == (NOW_MS, False)


@pytest.mark.parametrize(
    ("given_time", "why"),
    [
        (0, "too-old"),
        ("2026-01-30T11:59:59Z", "too-old"),
        (-31 * 86_400_000, "too-old"),
        ("2026-03-02T12:00:01Z", "ahead"),
        ("9999-12-31T23:59:59Z", "ahead"),
        ("0001-01-01T00:00:00+14:00", "bad-time"),
        ("yesterday", "bad-time"),
        ("", "bad-time"),
        (True, "bad-time"),
        ([1772366400], "bad-time"),
        ({}, "bad-time"),
        ({"$date": {"$date": 1}}, "bad-time"),
        (10**300, "bad-time"),
        (-(10**300), "bad-time"),
        (10**14, "too-old"),
        (10**20, "bad-time"),
        ("2026-03-01", "bad-time"),
    ],
)
def test_a_time_that_cannot_be(world: World, given_time: object, why: str) -> None:
    assert one(world, {"data": {"rpm": 1}, "time": given_time}) is None
    assert counts[why] == 1


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"[]", "no-data"),
        (b"7", "no-data"),
        (b'{"time": 1}', "no-data"),
        (b'{"data": [1]}', "no-data"),
        (b'{"data": {"rpm": ' + b"9" * 5000 + b"}}", "malformed"),
        (b'{"data": {"rpm": 1}, "x": "\xff"}', "malformed"),
        ('{"data": {"rpm": 1}}'.encode("utf-16"), "malformed"),
        (b'{"data": ' * 20_000, "malformed"),
        (b'{"data": {"rpm": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "malformed"),
        (b'{"data": {"rpm": 1}}' + b" " * MAX_BYTES, "oversize"),
    ],
)
def test_a_message_that_is_refused(world: World, payload: bytes, why: str, caplog: pytest.LogCaptureFixture) -> None:
    assert one(world, payload) is None
    assert counts[why] == 1
    assert f"({len(payload)} bytes, for the 1. time)" in caplog.text
    assert world.placed.device_id in caplog.text


def test_nobody_fills_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A line for the first, the tenth, the hundredth, of each device and cause."""
    for payload in (b"", b"x" * (MAX_BYTES + 1)):
        for _ in range(120):
            one(world, payload)
    assert [record.args[3] for record in caplog.records if isinstance(record.args, tuple)] == [1, 10, 100] * 2


@pytest.mark.parametrize(
    ("data", "kept", "why"),
    [
        ({"rpm": 1, "voltage": 230}, {"rpm": 1}, "undeclared"),
        ({"rpm": 1, "load": "2"}, {"rpm": 1}, "as-text"),
        ({"rpm": 1, "load": "two"}, {"rpm": 1}, "mistyped"),
        ({"rpm": 1, "load": True}, {"rpm": 1}, "mistyped"),
        ({"rpm": 1, "load": None}, {"rpm": 1}, "mistyped"),
        ({"rpm": 1, "load": {"a": 1}}, {"rpm": 1}, "mistyped"),
        ({"rpm": 1, "load": [1]}, {"rpm": 1}, "mistyped"),
        ({"rpm": 1, "load": 2**53 + 1}, {"rpm": 1}, "unkept"),
        ({"rpm": 1, "engineState": 1}, {"rpm": 1}, "mistyped"),
        ({"rpm": 1, "engineState": "a\0b"}, {"rpm": 1}, "unkept"),
        ({"rpm": 1, "engineState": "\ud800"}, {"rpm": 1}, "unkept"),
        ({"rpm": 1, "registerButton": "true"}, {"rpm": 1}, "mistyped"),
        ({"rpm": 1, "registerButton": 2}, {"rpm": 1}, "mistyped"),
    ],
)
def test_what_does_not_fit_is_dropped_and_the_rest_kept(
    world: World, data: dict[str, Any], kept: dict[str, Any], why: str
) -> None:
    report = one(world, {"data": data})
    assert report is not None
    assert report.data == kept
    assert counts[why] == 1


@pytest.mark.parametrize(
    ("payload", "kept", "why", "names"),
    [
        (b'{"data": {"rpm": 1}, "ts": 1795751973569}', {"rpm": 1}, "beside-data", ["ts"]),
        (
            b'{"Time": "2026-11-27T03:59:37Z", "data": {"rpm": 1}, "load": 2}',
            {"rpm": 1},
            "beside-data",
            ["Time", "load"],
        ),
        (b'{"data": {"rpm": 1, "rpm": 2}}', {"rpm": 2}, "doubled", ["rpm"]),
        (b'\xef\xbb\xbf{"data" : {"rpm" : 1 , "rpm" : 2, "rpm" : 3}}\0', {"rpm": 3}, "doubled", ["rpm", "rpm"]),
        (b'{"data": {"rpm": 1}, "data": {"load": 2}}', {"load": 2}, "doubled", ["data"]),
        (b'{"data": {"rpm": 1}, "time": -1500, "time": -1400}', {"rpm": 1}, "doubled", ["time"]),
    ],
)
def test_what_is_not_read_beside_what_is_kept_is_told(
    world: World, payload: bytes, kept: dict[str, Any], why: str, names: list[str]
) -> None:
    batch = decoder.read_batch([message(world.placed.device_id, payload)])
    assert [report.data for report in batch.reports] == [kept]
    assert counts[why] == len(names)
    batch.drops.save()
    (drop,) = Drop.objects.all()
    assert (drop.cause, drop.count, set(drop.sample.split("\n"))) == (why, len(names), set(names))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"data": {"engineState": "\\"rpm\\": 1"}}',
        b'{"time": {"$date": "2026-03-01T12:00:00.000Z"}, "data": {"rpm": 1}}',
        b'{ "data" : { "rpm" : 1 } }',
    ],
)
def test_what_only_looks_doubled_is_not(world: World, payload: bytes) -> None:
    assert one(world, payload) is not None
    assert not counts


def test_a_float_that_overflows_is_dropped(world: World) -> None:
    report = one(world, b'{"data": {"rpm": 1e999, "load": 1e300}}')
    assert report is not None
    assert report.data == {"load": 1e300}


@pytest.mark.parametrize(("raw", "value"), [(True, True), (False, False), (1, True), (0, False), (1.0, True)])
def test_a_boolean_takes_numbers(world: World, raw: object, value: bool) -> None:
    report = one(world, {"data": {"registerButton": raw}})
    assert report is not None
    assert report.data["registerButton"] is value


def test_a_position_is_kept_in_one_form_and_what_is_none_is_dropped(world: World) -> None:
    Attribute.objects.create(version=world.version, name="position", label="Position", type="gps")
    report = one(world, {"data": {"position": {"lat": 37.5, "lng": -122}}})
    assert report is not None
    assert report.data == {"position": "37.5,-122"}
    report = one(world, {"data": {"position": "somewhere", "rpm": 1}})
    assert report is not None
    assert report.data == {"rpm": 1}
    assert counts["mistyped"] == 1


def test_a_report_of_nothing_known_is_no_report_but_a_sign_of_life(world: World) -> None:
    batch = decoder.read_batch([message(world.placed.device_id, {"data": {"voltage": 1}})])
    assert batch[:2] == ([], {world.placed: NOW})


def test_a_retained_message_is_ignored(world: World) -> None:
    batch = decoder.read_batch([message(world.placed.device_id, {"data": {"registerButton": True}}, retained=True)])
    assert batch[:2] == ([], {})
    assert counts["retained"] == 1


def test_an_unknown_device_is_counted(world: World) -> None:
    batch = decoder.read_batch([message("f" * 24, {"data": {"rpm": 1}})])
    assert batch[:2] == ([], {})
    assert not batch.drops
    assert counts["unknown"] == 1


def test_two_queries_for_any_batch(world: World, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    devices = [world.placed, world.waiting, world.foreign, world.alien]
    batch = [message(device.device_id, {"data": {"rpm": number}}) for number in range(50) for device in devices]
    with django_assert_num_queries(2):
        assert len(decoder.read_batch(batch).reports) == 200
    with django_assert_num_queries(1):
        decoder.read_batch(batch)


def test_each_version_has_its_own_attributes(world: World) -> None:
    Attribute.objects.filter(version=world.other_version, name="rpm").delete()
    batch = [message(device.device_id, {"data": {"rpm": 1, "load": 2}}) for device in (world.placed, world.alien)]
    assert [report.data for report in decoder.read_batch(batch).reports] == [{"rpm": 1, "load": 2}, {"load": 2}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["rpm", "engineState"]), inner),
    max_leaves=8,
)
BODY = st.fixed_dictionaries({"data": JSON}, optional={"time": JSON})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | (BODY | JSON).map(lambda value: json.dumps(value).encode()))
def test_anything_gives_scalars_in_range_or_nothing(world: World, payload: bytes) -> None:
    report = one(world, payload)
    if report is not None:
        assert report.data
        assert all(isinstance(value, float | int | str | bool) for value in report.data.values())
        assert decoder.MAX_AHEAD >= report.at - NOW_MS >= -decoder.MAX_AGE
        assert report.at.microsecond % 1000 == 0
        json.dumps(report.data, allow_nan=False).encode()
