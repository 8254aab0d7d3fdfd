from __future__ import annotations

from firmware_sim.outbox import WINDOW, Outbox, Pacer


def report(number: int) -> bytes:
    return str(number).encode()


def drain(outbox: Outbox) -> list[bytes]:
    found = []
    while (each := outbox.peek()) is not None:
        found.append(each)
        outbox.mark_sending(len(found))
        outbox.acknowledge(len(found))
    return found


def test_oldest_first_and_only_an_acknowledgement_removes() -> None:
    outbox = Outbox()
    for number in range(3):
        outbox.add(report(number))
    assert outbox.peek() == b"0"
    outbox.mark_sending(7)
    assert (len(outbox), outbox.sent) == (3, 0)
    assert outbox.acknowledge(7)
    assert (len(outbox), outbox.sent) == (2, 1)
    assert not outbox.acknowledge(7)


def test_lost_connection_puts_the_unacknowledged_back_in_order() -> None:
    outbox = Outbox()
    for number in range(5):
        outbox.add(report(number))
    for mid in (1, 2, 3):
        outbox.mark_sending(mid)
    outbox.acknowledge(2)
    outbox.take_back()
    assert not outbox.acknowledge(1)
    assert drain(outbox) == [b"0", b"2", b"3", b"4"]


def test_bounded_and_counted() -> None:
    outbox = Outbox(capacity=4)
    for number in range(3):
        outbox.add(report(number))
    outbox.mark_sending(1)
    for number in range(3, 8):
        outbox.add(report(number))
    assert (len(outbox), outbox.dropped) == (4, 4)
    outbox.take_back()
    assert drain(outbox) == [b"0", b"5", b"6", b"7"]


def test_window() -> None:
    outbox = Outbox()
    for number in range(WINDOW + 5):
        outbox.add(report(number))
    for mid in range(WINDOW):
        assert outbox.peek() is not None
        outbox.mark_sending(mid)
    assert outbox.peek() is None
    outbox.acknowledge(0)
    assert outbox.peek() == report(WINDOW)


def test_reports_and_presses_together_stay_within_the_limit() -> None:
    pacer, sent, now = Pacer(), [], 0.0
    while now < 120:
        if not pacer.report_delay(now):
            pacer.note_report(now)
            sent.append(now)
        if not pacer.press_delay(now):
            pacer.note_press(now)
            sent.append(now)
        now += 0.05
    busiest = max(sum(start <= at < start + 15 for at in sent) for start in sent)
    assert 25 < busiest <= 30
