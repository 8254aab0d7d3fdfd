"""What the journal says of a window: how it ended, why, and how long it was open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioning.journal import window_words
from provisioning.models import Window

OPENED = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def make_window(state: str, **fields: object) -> Window:
    """One as `with_state` gives it two minutes after it was opened for five."""
    window = Window(opened_at=OPENED, deadline=OPENED + timedelta(minutes=5))
    window.state, window.now = state, OPENED + timedelta(minutes=2)
    for name, value in fields.items():
        setattr(window, name, value)
    return window


def after(seconds: float) -> datetime:
    return OPENED + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("state", "method", "pressed", "cause"),
    [
        ("expired", "press", None, "not-pressed"),
        ("expired", "press", after(9), "not-finished"),
        ("expired", "rotating-code", None, "not-proven"),
        ("expired", "claim-code", after(9), "not-finished"),
        ("cancelled", "press", after(9), "cancelled"),
        ("superseded", "challenge", None, "superseded"),
        ("completed", "press", after(9), ""),
        ("pressed", "press", after(9), ""),
        ("waiting", "rotating-code", None, ""),
    ],
)
def test_why_it_led_to_nothing(state: str, method: str, pressed: datetime | None, cause: str) -> None:
    assert window_words.find_cause(make_window(state, method=method, pressed_at=pressed)) == cause


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        ("waiting", {}, "still open, waiting for the press"),
        ("waiting", {"method": "claim-code"}, "still open, waiting for the code"),
        ("waiting", {"method": "rotating-code", "wrong_codes": 2}, "still open, waiting for the code; 2 wrong codes"),
        ("pressed", {"pressed_at": after(9)}, "still open, pressed"),
        ("pressed", {"pressed_at": after(9), "method": "challenge"}, "still open, presence proven"),
        ("completed", {"closed_at": after(61)}, "registered in 1 min 1 s"),
        ("completed", {"closed_at": after(8), "wrong_codes": 1}, "registered in 8 s; 1 wrong code"),
        ("cancelled", {"closed_at": after(5)}, "cancelled, after 5 s"),
        ("superseded", {"closed_at": after(5)}, "scanned again, after 5 s"),
        ("expired", {"now": after(9_000)}, "the button was not pressed in time, after 5 min"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_its_outcome_in_words(state: str, fields: dict[str, object], words: str) -> None:
    assert window_words.describe_window(make_window(state, **fields)) == words


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 120),
        ({"now": after(600)}, 300),
        ({"closed_at": after(40)}, 40),
        ({"closed_at": after(400)}, 300),
        ({"closed_at": after(0), "now": after(600)}, 0),
    ],
    ids=["open", "over, and closed by nobody", "closed", "closed after its deadline", "closed at once"],
)
def test_it_was_open_until_it_was_closed_and_at_most_to_its_deadline(fields: dict[str, object], seconds: int) -> None:
    assert window_words.measure(make_window("expired", **fields)) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (119.5, "2 min"), (3_600, "60 min"), (3_661, "61 min 1 s")],
)
def test_durations_are_to_the_second_and_name_no_empty_part(seconds: float, words: str) -> None:
    assert window_words.format_duration(timedelta(seconds=seconds)) == words
