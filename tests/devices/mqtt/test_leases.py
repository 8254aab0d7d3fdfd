"""Which consumer has which parts of the devices, by the database and its clock."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from devices.models import ConsumerPart, ConsumerProcess
from devices.mqtt import parts
from devices.mqtt.leases import Leases
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from pytest_django import Settings

ALL = set(range(parts.PARTS))


@pytest.fixture(autouse=True)
def _several(settings: Settings, db: None) -> None:
    settings.CONSUMERS, settings.BROKER_DIVIDES = 3, "exchange"


def settle(*consumers: Leases) -> list[set[int]]:
    """What each has when nothing changes any more."""
    for _ in range(3):
        held = [each.renew() for each in consumers]
    return held


def die(consumer: Leases) -> None:
    ConsumerProcess.objects.filter(name=consumer.name).update(until=Now() - timedelta(seconds=1))


def test_each_has_its_share_and_no_part_is_two_consumers() -> None:
    first, second, third = Leases(), Leases(), Leases()
    assert settle(first) == [ALL]
    for several in ((first, second), (first, second, third)):
        held = settle(*several)
        assert [len(each) for each in held] == [parts.PARTS // len(several)] * len(several)
        assert set().union(*held) == ALL
    assert settle(first, second, third) == held  # and stay there


def test_who_joins_gets_a_part_only_when_it_was_given_up() -> None:
    first, second = Leases(), Leases()
    assert first.renew() == ALL
    assert second.renew() == set()
    kept = first.renew()
    assert second.renew() == ALL - kept


def test_a_part_is_left_before_it_is_anybodys() -> None:
    def leave(kept: set[int]) -> None:
        held.append(ConsumerPart.objects.filter(holder=first.name).count())
        left.append(kept)

    held: list[int] = []
    left: list[set[int]] = []
    first, second = Leases(leave=leave), Leases()
    assert first.renew() == ALL
    second.renew()
    assert left == []
    kept = first.renew()
    assert (held, left) == ([parts.PARTS], [kept])


def test_a_dead_ones_parts_are_taken_over_and_a_living_ones_not() -> None:
    first, second = Leases(), Leases()
    kept, orphaned = settle(first, second)
    assert first.renew() == kept
    die(second)
    assert first.renew() == ALL
    with transaction.atomic(), pytest.raises(parts.Lost):
        second.hold(orphaned)
    assert second.renew() == set()  # it was not dead after all: it gets its share back
    assert [len(each) for each in settle(first, second)] == [6, 6]


def test_one_that_was_thought_dead_goes_on_where_nobody_took_over() -> None:
    first = Leases()
    held = first.renew()
    die(first)
    with transaction.atomic():
        first.hold(held)
    assert first.renew() == held


def test_who_leaves_hands_over_at_once() -> None:
    first, second = Leases(), Leases()
    settle(first, second)
    first.end()
    assert second.renew() == ALL


def test_where_all_is_one_part_another_consumer_stands_by(settings: Settings) -> None:
    settings.CONSUMERS = 1
    first, second = Leases(), Leases()
    assert settle(first, second) in ([{0}, set()], [set(), {0}])
    settings.CONSUMERS, settings.BROKER_DIVIDES = 3, ""  # a broker that can't divide
    assert sum(map(len, settle(first, second))) == 1


def test_devices_are_divided_anew_by_one_alone_and_after_those_of_before(settings: Settings) -> None:
    told: list[int] = []
    settings.CONSUMERS = 1
    former = Leases(told.append)
    assert former.renew() == {0}
    settings.CONSUMERS = 2
    first, second = Leases(told.append), Leases(told.append)
    assert settle(first, second) == [set(), set()]
    former.end()
    assert [len(each) for each in settle(first, second)] == [6, 6]
    assert told == [1]
    first.end()
    second.end()
    settings.CONSUMERS = 1
    assert Leases(told.append).renew() == {0}
    assert told == [1, parts.PARTS]


def test_nobody_divides_anew_while_one_of_before_is_at_work(settings: Settings) -> None:
    former, other = Leases(), Leases()
    settle(former, other)
    former.end()
    settings.CONSUMERS = 1
    first = Leases()
    assert first.renew() == set()
    die(other)
    assert first.renew() == {0}


def test_where_dividing_fails_nobody_has_a_part_until_it_is_done() -> None:
    def fail(_: int) -> None:
        raise OSError("the broker is away")

    first, second = Leases(fail), Leases()
    with pytest.raises(OSError, match="away"):
        first.renew()
    assert second.renew() == set()  # the first one is at it
    die(first)
    assert second.renew() == ALL


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_part_is_not_handed_over_within_a_transaction() -> None:
    first, second = Leases(), Leases()
    held = first.renew()
    die(first)
    taken = threading.Event()

    def take() -> None:
        try:
            second.renew()
            taken.set()
        finally:
            connection.close()

    thread = threading.Thread(target=take)
    with transaction.atomic():
        first.hold(held)
        thread.start()
        assert not taken.wait(0.5)
        assert ConsumerPart.objects.filter(holder=first.name).count() == parts.PARTS
    eventually(taken.is_set)
    thread.join()
    assert ConsumerPart.objects.filter(holder=second.name).count() == parts.PARTS
