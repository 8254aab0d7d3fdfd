from __future__ import annotations

import pytest
from django.utils import timezone

from devices.mqtt import intake
from devices.mqtt.intake import Arrival, Intake
from devices.mqtt.limits import Pace
from devices.mqtt.messages import Message

PRESS = b'{"data": {"registerButton": true}}'
OTHERS = [b"%d" % number for number in range(intake.FEW + 1)]
ANSWER = b'{"data": {"presenceAnswer": "a.b.c"}}'


def put(queue: Intake, *payloads: bytes) -> None:
    for payload in payloads:
        message = Message("a" * 24, payload, timezone.now())
        queue.put(Arrival(1, 1, 1, "topic", message), Pace.WITHIN)


def take(queue: Intake) -> list[bytes]:
    return [arrival.message.payload for arrival in queue.take(0.0)]


def test_a_press_waits_for_nobody_and_then_it_is_the_others_turn() -> None:
    queue = Intake()
    put(queue, *OTHERS, PRESS, ANSWER)
    assert take(queue) == [PRESS, ANSWER]
    put(queue, PRESS)
    assert take(queue) == [PRESS, *OTHERS]
    assert not queue.has_due(0.0)
    assert len(queue) == 0


def test_beside_a_few_others_it_takes_them_along() -> None:
    queue = Intake()
    put(queue, b"1", PRESS)
    assert take(queue) == [PRESS, b"1"]


def test_a_few_may_grow_but_hold_up_neither_a_press_nor_many_that_are_late() -> None:
    queue = Intake()
    assert not queue.may_grow()
    put(queue, b"1")
    assert queue.may_grow()
    late = Arrival(1, 1, 1, "topic", Message("b" * 24, b"2", timezone.now()))
    for _ in range(intake.FEWEST_LATE):
        assert queue.may_grow()
        queue.put(late, Pace.BEHIND)
    assert not queue.may_grow()
    take(queue)
    put(queue, b"3")
    assert queue.may_grow()
    put(queue, PRESS)
    assert not queue.may_grow()


def test_many_presses_keep_nobody_out() -> None:
    queue = Intake()
    put(queue, *[PRESS] * 3 * intake.FEW, *OTHERS)
    assert [len(take(queue)) for _ in range(3)] == [intake.FEW, intake.FEW + len(OTHERS), intake.FEW]


def test_a_button_that_is_not_pressed_is_a_value_like_others() -> None:
    queue = Intake()
    released = b'{"data": {"registerButton": false}}'
    put(queue, b"1", released)
    assert take(queue) == [b"1", released]


def test_a_batch_is_as_large_as_it_stays_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_BATCH", 1_500)
    monkeypatch.setattr(intake, "FULL_SECONDS", 0.25)
    queue = Intake()
    put(queue, *[b"1"] * 4_000)
    sizes = []
    for seconds in (0.01, 0.01, 0.75):
        sizes.append(len(take(queue)))
        queue.adapt(sizes[-1], seconds)
    assert [*sizes, len(take(queue))] == [500, 1_000, 1_500, 500]
