"""How fast a device may send, and what becomes of one that sends too much, as the consumer counts it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from devices.broker import authorization
from devices.connections import limited
from devices.credentials import operations as credentials
from devices.models import Connection, Event
from devices.mqtt import intake
from devices.mqtt.consumer import Consumer
from devices.mqtt.intake import Arrival, Intake
from devices.mqtt.limits import Bans, Debts, Pace
from devices.mqtt.messages import Message, counts
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from django.test import Client as Browser
    from pytest_django import DjangoAssertNumQueries, Settings

    from devices.mqtt.intake import Limited
    from tests.conftest import World
    from tests.devices.mqtt.conftest import Sink
    from tests.mqtt.processes import Process

    Start = Callable[[], Consumer]

NOISY, QUIET = "a" * 24, "b" * 24
PRESS = '{"data": {"registerButton": true}}'


@pytest.fixture(autouse=True)
def _limits(settings: Settings, _unlimited: None) -> None:
    settings.MQTT_LIMITS = True


def added(debts: Debts, key: str, times: int, now: float) -> list[Pace]:
    return [debts.add(key, now) for _ in range(times)]


def test_thirty_at_once_and_two_a_second_are_a_devices_pace() -> None:
    debts = Debts()
    assert set(added(debts, "a", 30, now=0.0)) == {Pace.WITHIN}
    assert debts.add("a", 0.0) is Pace.BEHIND
    assert debts.add("b", 0.0) is Pace.WITHIN
    assert [debts.add("a", second / 2) for second in range(2, 200)] == [Pace.WITHIN] * 198
    assert set(added(debts, "a", 30, now=200.0)) == {Pace.WITHIN}


def test_a_backlog_is_worked_off_up_to_its_bound(settings: Settings) -> None:
    settings.MQTT_BACKLOG = 100
    debts = Debts()
    assert [pace.name for pace in added(debts, "a", 131, now=0.0)] == ["WITHIN"] * 30 + ["BEHIND"] * 100 + ["BEYOND"]
    assert debts.fraction("a", 0.0) == pytest.approx(1)
    assert debts.fraction("a", 25.0) == pytest.approx(0.5)
    assert debts.add("a", 0.5) is Pace.BEHIND  # what was refused is owed to nobody
    assert debts.add("a", 66.0) is Pace.WITHIN


def test_off_for_benchmarks(settings: Settings) -> None:
    settings.MQTT_LIMITS = False
    assert set(added(Debts(), "a", 100_000, now=0.0)) == {Pace.WITHIN}


def test_the_ban_grows_from_30_seconds_to_an_hour_and_is_forgotten_in_the_end() -> None:
    bans, now, lengths = Bans(), 0.0, []
    for _ in range(9):
        lengths.append(bans.begin("a", now))
        assert bans.holds("a", now + lengths[-1] - 1)
        now += lengths[-1]
        assert not bans.holds("a", now)
    assert lengths == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert bans.begin("a", now + 3601) == 30


@pytest.fixture
def device(broker: Process) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2, "device")
    client.max_inflight_messages_set(0)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def send(device: Client, device_id: str, payload: str = "{}", times: int = 1, qos: int = 1) -> None:
    sent = [device.publish(f"devices/{device_id}/state", payload, qos=qos) for _ in range(times)]
    sent[-1].wait_for_publish(20)


def stored(sink: Sink, device_id: str) -> int:
    return sum(message.device_id == device_id for batch in sink.batches for message in batch)


def test_nobody_waits_for_a_device_that_works_off_a_backlog(start: Start, device: Client, sink: Sink) -> None:
    start()
    sink.open.clear()
    send(device, NOISY, times=3_000)
    send(device, QUIET)
    send(device, NOISY, PRESS)
    time.sleep(2)  # until all have come
    sink.open.set()
    eventually(lambda: stored(sink, NOISY) == 3_001, 30)
    prompt = [n for n, batch in enumerate(sink.batches) for message in batch if message.device_id == QUIET]
    pressed = [n for n, batch in enumerate(sink.batches) for message in batch if message.payload.decode() == PRESS]
    assert prompt == pressed == [1]  # the first one was at work when they came
    assert len(sink.batches) > 7


def test_of_many_that_work_off_a_backlog_none_waits_for_the_largest(start: Start, device: Client, sink: Sink) -> None:
    start()
    sink.open.clear()
    send(device, NOISY, times=2_000)
    send(device, QUIET, times=40)
    time.sleep(0.3)
    sink.open.set()
    eventually(lambda: stored(sink, NOISY) == 2_000, 30)
    assert max(n for n, batch in enumerate(sink.batches) for message in batch if message.device_id == QUIET) <= 1


def test_storing_what_comes_late_is_put_off_while_a_flood_comes() -> None:
    taking = Intake()

    def put(device_id: str, times: int, pace: Pace = Pace.BEHIND) -> list[bool]:
        message = Message(device_id, b"{}", timezone.now())
        return [taking.put(Arrival(1, 0, 0, "", message), pace) for _ in range(times)]

    def take(now: float) -> int:
        taking.measure(now)
        due, batch = taking.has_due(now), taking.take(now)
        assert due == bool(batch)
        return len(batch)

    assert take(0.0) == 0
    put(NOISY, 1_200)
    assert take(0.1) == intake.FEWEST_LATE
    assert not any(put(NOISY, 3_000))  # nobody looks at once
    assert put(QUIET, 1, Pace.WITHIN) == [True]
    assert take(0.2) == 1
    put(NOISY, 3_000)
    assert [take(now) for now in (0.3, 0.4)] == [0, intake.FEWEST_LATE]  # it paused
    put(NOISY, 12_000)
    assert [take(now) for now in (0.5, 0.501, 0.502)] == [intake.FEWEST_LATE] * 3  # else others have no room


def test_what_sends_too_much_takes_nobodys_room(
    start: Start, device: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_QUEUED", 100)
    start()
    sink.open.clear()
    send(device, NOISY, times=500, qos=0)
    eventually(lambda: counts["shed"])
    send(device, QUIET, qos=0)
    send(device, QUIET, PRESS, qos=0)
    time.sleep(0.3)
    sink.open.set()
    eventually(lambda: stored(sink, QUIET) == 2)


def test_a_flood_is_dropped_unread_and_told_and_nobody_waits_for_it(
    broker: Process, device: Client, sink: Sink, settings: Settings
) -> None:
    settings.MQTT_BACKLOG = 50
    told: list[Mapping[str, Limited]] = []
    failed = threading.Event()

    def tell(limited: Mapping[str, Limited]) -> None:
        if not failed.is_set():
            failed.set()
            raise ConnectionError
        told.append(limited)

    url = f"mqtt://127.0.0.1:{broker.port}"
    consumer = Consumer(sink, client_id="consumer", url=url, clock=timezone.now, tell=tell)
    consumer.start()
    eventually(consumer.is_subscribed)
    for qos in (1, 0):
        send(device, NOISY, times=1_000, qos=qos)
    send(device, QUIET)
    eventually(lambda: stored(sink, QUIET) == 1)
    eventually(lambda: sum(each[NOISY].dropped for each in told) == 2_000 - 80)
    assert [each[NOISY].seconds for each in told if each[NOISY].seconds] == [30]
    assert (stored(sink, NOISY), counts["limited"], {*told[0]}) == (80, 1_920, {NOISY})
    consumer.stop()
    again = Consumer(sink, client_id="consumer", url=url, clock=timezone.now)
    again.start()  # what was dropped is acknowledged: it does not come again
    eventually(again.is_subscribed)
    send(device, QUIET)
    eventually(lambda: stored(sink, QUIET) == 2)
    time.sleep(0.3)
    assert stored(sink, NOISY) == 80
    again.stop()


@pytest.mark.django_db(transaction=True)
def test_a_ban_that_can_not_be_told_in_whole_is_told_again_in_whole(world: World) -> None:
    endless = float("inf")
    with pytest.raises(OverflowError):
        limited.record_limits({world.placed.device_id: (30.0, 10), world.foreign.device_id: (endless, 1)})
    assert not Event.objects.filter(kind=Event.Kind.LIMITED).exists()
    assert not Connection.objects.filter(dropped__gt=0).exists()


@pytest.mark.django_db(transaction=True)
def test_a_ban_is_told_where_the_device_is_looked_at_and_to_brokers(
    world: World, client: Browser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    asked: tuple[Any, ...] = (issued.access_key, issued.access_secret, world.placed.device_id)
    topic = f"devices/{world.placed.device_id}/state"
    limited.record_limits({world.placed.device_id: (60.0, 10), "f" * 24: (30.0, 1)})
    limited.record_limits({world.placed.device_id: (None, 5)})
    identity = authorization.identify(issued.access_key)
    assert identity is not None
    assert not authorization.may_use_topic(identity, "publish", topic)
    with django_assert_num_queries(1):
        known = authorization.connect(*asked)
    assert known is not None
    assert known.limited
    assert authorization.find_live_keys([issued.access_key]) == set()
    event = Event.objects.get(kind=Event.Kind.LIMITED)
    assert (event.device, event.assignment, event.data) == (world.placed, world.placed.assignment, {"seconds": 60.0})
    client.force_login(world.admin)
    page = client.get(world.placed.get_absolute_url()).content.decode()
    assert "15 messages were dropped" in page
    assert "sends too much" in client.get(f"/devices/{world.placed.serial}/live/").content.decode()

    Connection.objects.filter(device=world.placed).update(limited_until=timezone.now())
    identity = authorization.identify(issued.access_key)
    assert identity is not None
    assert authorization.may_use_topic(identity, "publish", topic)
    assert authorization.find_live_keys([issued.access_key]) == {issued.access_key}
    assert "were dropped" not in client.get(world.placed.get_absolute_url()).content.decode()
