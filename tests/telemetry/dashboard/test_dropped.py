"""What is told of what was not kept: in words, with what to do, and with samples as far as there are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from telemetry.dashboard.dropped import MOST_SAMPLES, NEXT_STEPS, VALUES, list_dropped
from telemetry.ingest.drops import MOST_LENGTH, Drops, record_drops
from telemetry.models import SAMPLES_LENGTH, Drop
from tests.telemetry.reports import now

if TYPE_CHECKING:
    from tests.conftest import World

Cause = Drop.Cause
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_says_what_to_do(world: World, cause: Cause) -> None:
    drops = Drops()
    drops.add(world.placed, cause, now(), "sample")
    drops.save()
    ([dropped], lost) = list_dropped(world.placed)
    assert (dropped.cause, dropped.what, dropped.next_step) == (cause.value, str(cause.label), NEXT_STEPS[cause])
    assert (dropped.count, lost, dropped.sample) == (1, 1, "sample")
    assert dropped.counted == ("value" if cause in VALUES else "message")
    assert dropped.next_step.endswith(".")


def test_counts_add_up_and_the_last_comes_first(world: World) -> None:
    at = now()
    for batch in range(3):
        drops = Drops()
        drops.add(world.placed, Cause.MISTYPED, at + batch * SECOND, "rpm", count=2)
        drops.add(world.placed, Cause.OVERSIZE, at + 9 * SECOND)
        drops.add(world.foreign, Cause.MISTYPED, at, "load")
        drops.save()
    found, lost = list_dropped(world.placed)
    assert [(each.cause, each.count) for each in found] == [("oversize", 3), ("mistyped", 6)]
    assert lost == 9
    assert (found[1].first_at, found[1].last_at) == (at, at + 2 * SECOND)
    assert (found[0].sample, found[0].samples, found[0].more) == ("", [], False)


@pytest.mark.parametrize(
    ("cause", "count", "shown", "more"),
    [
        (Cause.UNDECLARED, 1, 1, False),
        (Cause.UNDECLARED, MOST_SAMPLES, MOST_SAMPLES, False),
        (Cause.UNDECLARED, MOST_SAMPLES + 1, MOST_SAMPLES, True),
        (Cause.UNDECLARED, 40, MOST_SAMPLES, True),
        (Cause.BAD_TIME, 1, 1, False),
        (Cause.BAD_TIME, 3, 1, True),
    ],
)
def test_the_newest_samples_are_told_and_that_there_are_more(
    world: World, cause: Cause, count: int, shown: int, *, more: bool
) -> None:
    drops = Drops()
    for number in range(count):
        drops.add(world.placed, cause, now(), f"n{number}")
    drops.save()
    ([dropped], _) = list_dropped(world.placed)
    assert dropped.samples == [f"n{number}" for number in reversed(range(count))][:shown]
    assert dropped.more is more


def test_a_sample_that_comes_again_is_told_once_and_first(world: World) -> None:
    drops = Drops()
    for name in ("a", "b", "a", "c", "b"):
        drops.add(world.placed, Cause.UNDECLARED, now(), name)
    drops.save()
    assert list_dropped(world.placed)[0][0].samples == ["b", "c", "a"]


def test_long_samples_are_cut_and_what_can_not_be_seen_is_replaced(world: World) -> None:
    drops = Drops()
    for name in ("x" * 500, "a\nb\0c\u202e"):
        drops.add(world.placed, Cause.UNDECLARED, now(), name)
    drops.save()
    assert list_dropped(world.placed)[0][0].samples == ["a\ufffdb\ufffdc\ufffd", "x" * MOST_LENGTH]


def test_of_samples_that_were_cut_short_the_last_is_left_out(world: World) -> None:
    drops = Drops()
    drops.add(world.placed, Cause.UNDECLARED, now(), "x")
    drops.save()
    Drop.objects.update(sample=("one\ntwo\n" + "y" * SAMPLES_LENGTH)[:SAMPLES_LENGTH])
    (dropped,) = list_dropped(world.placed)[0]
    assert (dropped.samples, dropped.more) == (["one", "two"], True)


def test_what_another_assignment_dropped_is_counted_for_the_page_and_not_told(world: World) -> None:
    drops = Drops()
    drops.add(world.placed, Cause.UNDECLARED, now(), "theirs")
    drops.save()
    world.placed.assignment_id = None
    assert list_dropped(world.placed) == ([], 1)


def test_what_was_dropped_before_anybody_looked_into_it_is_counted_by_device(world: World) -> None:
    assert not Drops()
    dropped = {world.placed.device_id: 7, world.foreign.device_id: 2, "f" * 24: 5}
    record_drops(dropped, Cause.OVERLOAD)
    record_drops({world.placed.device_id: 1}, Cause.OVERLOAD)
    assert [(each.cause, each.count) for each in list_dropped(world.placed)[0]] == [("overload", 8)]
    assert Drop.objects.count() == 2
