"""What firmware writes and JSON or a clock's makers did not mean: read, or dropped with its cause."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from devices.models import Attribute
from devices.mqtt.messages import Message
from telemetry.ingest import decoder, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.mqtt.messages import Report
    from tests.conftest import World

NOW = datetime(2026, 11, 27, 4, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    times._zones.clear()  # another test's organisation may have had this one's key
    yield
    times._zones.clear()
    decoder.declared.clear()


def read(world: World, payload: bytes, at: datetime = NOW) -> Report | None:
    reports = decoder.read_batch([Message(world.placed.device_id, payload, at)]).reports
    return reports[0] if reports else None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"\0"),
        (b"", b"\0\0\0\0"),
        (b"", b"\r\n\0"),
        (b"\xef\xbb\xbf", b""),
        (b"\xef\xbb\xbf", b"\0"),
        (b"\0", b""),
    ],
)
def test_what_stands_around_a_message_is_left_out(world: World, before: bytes, after: bytes) -> None:
    report = read(world, before + b'{"data": {"rpm": 80}}' + after)
    assert report is not None
    assert report.data == {"rpm": 80}


@pytest.mark.parametrize("after", [b"\0{}", b"\0\xff", b"}", b"\0x"])
def test_what_may_be_of_another_message_is_not_left_out(world: World, after: bytes) -> None:
    assert read(world, b'{"data": {"rpm": 80}}' + after) is None


@pytest.mark.parametrize(
    ("said", "at"),
    [
        (1795751973569576, "2026-11-27T03:59:33.569000"),
        (1795751973569576123, "2026-11-27T03:59:33.569000"),
        ("1795751975284", "2026-11-27T03:59:35.284000"),
        ("1795751975", "2026-11-27T03:59:35"),
        ("1795751975.25", "2026-11-27T03:59:35.250000"),
        (" 1795751975284999 ", "2026-11-27T03:59:35.284000"),
        ("-1500", "2026-11-27T03:59:58.500000"),
        ("2026-11-27t03:59:37z", "2026-11-27T03:59:37"),
        ("2026-11-27T03:59:37z", "2026-11-27T03:59:37"),
        (" 2026-11-27T03:59:37Z ", "2026-11-27T03:59:37"),
        ("2026-11-27 03:59:37,5Z", "2026-11-27T03:59:37.500000"),
        ("2026-11-26T23:59:60Z", "2026-11-27T00:00:00"),
        ("2026-11-26T23:59:60.25z", "2026-11-27T00:00:00.250000"),
        ("20261126T235960Z", "2026-11-27T00:00:00"),
        ("2026-11-26T15:59:60-08:00", "2026-11-27T00:00:00"),
        ("2026-11-26T24:00:00Z", "2026-11-27T00:00:00"),
        ({"$date": {"$numberLong": "1795751975284"}}, "2026-11-27T03:59:35.284000"),
    ],
)
def test_times_are_read_as_devices_write_them(world: World, said: object, at: str) -> None:
    report = read(world, json.dumps({"data": {"rpm": 1}, "time": said}).encode())
    assert report is not None
    assert (report.at, report.timed) == (datetime.fromisoformat(at).replace(tzinfo=UTC), True)


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-27",
        "20261127",
        "27/11/2026 04:00",
        "2026-11-27T03:59:61Z",
        "2026-11-27T25:00:00Z",
        "04:00:00",
        "1" * 99,
    ],
)
def test_a_time_that_means_nothing_certain_is_told_as_it_was_sent(world: World, said: str) -> None:
    batch = decoder.read_batch([Message(world.placed.device_id, json.dumps({"data": {}, "time": said}).encode(), NOW)])
    ((key, tally),) = batch.drops._tallies.items()
    assert (key[1], tally.samples[0]) == ("bad-time", said[:64])


def test_a_time_without_zone_is_the_organisations(world: World) -> None:
    payload = json.dumps({"data": {"rpm": 1}, "time": "2026-11-26T19:59:00"}).encode()
    assert (utc := read(world, payload)) is not None
    assert utc.at == datetime(2026, 11, 26, 19, 59, tzinfo=UTC)  # of an organisation that chose nothing
    world.kanarra.time_zone = "America/Los_Angeles"
    world.kanarra.save(update_fields=["time_zone"])
    times._zones.clear()
    assert (local := read(world, payload)) is not None
    assert local.at == datetime(2026, 11, 27, 3, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "arrived", "at"),
    [
        ("2026-11-01T01:30:00", "2026-11-01T08:30:05", "2026-11-01T08:30:00"),  # the first 1:30 of that night
        ("2026-11-01T01:30:00", "2026-11-01T09:30:05", "2026-11-01T09:30:00"),  # and the second
        ("2026-03-08T02:30:00", "2026-03-08T10:30:05", None),  # no clock there shows it
        ("2026-03-08T03:30:00", "2026-03-08T10:30:05", "2026-03-08T10:30:00"),
    ],
)
def test_hours_that_a_zone_has_twice_or_never(world: World, said: str, arrived: str, at: str | None) -> None:
    world.kanarra.time_zone = "America/Los_Angeles"
    world.kanarra.save(update_fields=["time_zone"])
    payload = json.dumps({"data": {"rpm": 1}, "time": said}).encode()
    report = read(world, payload, datetime.fromisoformat(arrived).replace(tzinfo=UTC))
    assert (report and report.at) == (at and datetime.fromisoformat(at).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("21.5", 21.5), ("21,5", 21.5), (" 80 ", 80), ("-0,25", -0.25), ("+3", 3), ("1e3", 1000.0), (".5", 0.5),
        ("\u22125", -5), ("0,123", 0.123), ("1234,567", 1234.567),
    ],
)  # fmt: skip
def test_numbers_written_as_text_are_read_where_the_recipe_says_so(world: World, text: str, value: float) -> None:
    Attribute.objects.filter(version=world.version, name="load").update(reads_text=True)
    decoder.declared.clear()
    report = read(world, json.dumps({"data": {"load": text}}).encode())
    assert report is not None
    assert report.data == {"load": value}
    assert type(report.data["load"]) is type(value)


@pytest.mark.parametrize(
    "text", ["", "1,234", "1.2.3", "1 200", "21.5 kW", "NaN", "1e999", "9" * 17, "0x10", "१२", "1_000"]
)
def test_a_text_that_is_no_certain_number_is_not_read(world: World, text: str) -> None:
    Attribute.objects.filter(version=world.version, name="load").update(reads_text=True)
    decoder.declared.clear()
    report = read(world, json.dumps({"data": {"load": text, "rpm": 1}}).encode())
    assert report is not None
    assert report.data == {"rpm": 1}


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_no_number_costs_the_rest_of_a_report(world: World, word: str) -> None:
    batch = decoder.read_batch(
        [Message(world.placed.device_id, f'{{"data":{{"load":{word},"rpm":78}}}}'.encode(), NOW)]
    )
    assert [report.data for report in batch.reports] == [{"rpm": 78}]
    assert [(key[1], tally.samples[0]) for key, tally in batch.drops._tallies.items()] == [("unkept", "load")]


def test_a_zone_is_asked_for_once(world: World, django_assert_num_queries: object) -> None:
    payload = json.dumps({"data": {"rpm": 1}, "time": "2026-11-27T03:59:00"}).encode()
    messages = [Message(world.placed.device_id, payload, NOW + timedelta(milliseconds=n)) for n in range(50)]
    decoder.read_batch(messages)
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert len(decoder.read_batch(messages).reports) == 50
