"""What is said of a range that begins before reports are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from devices.models import Device
from telemetry.history import kept
from tenants.models import Organisation, User

NOON, DAY = datetime(2026, 11, 2, 12, tzinfo=UTC), timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


def make_device(days: int | None) -> Device:
    return Device(organisation=Organisation(kept_days=days, time_zone="America/Denver"))


@pytest.mark.parametrize(
    ("days", "start", "words"),
    [
        (None, NOON - 9_999 * DAY, ""),
        (30, NOON - 30 * DAY, ""),
        (30, NOON - 29 * DAY, ""),
        (30, NOON - 30 * DAY - SECOND, "Kept for 30 days: nothing from before 2026-10-03 12:00:00 UTC."),
        (1, NOON - 2 * DAY, "Kept for 1 day: nothing from before 2026-11-01 12:00:00 UTC."),
    ],
)
def test_what_is_said_of_a_range(days: int | None, start: datetime, words: str) -> None:
    device = make_device(days)
    assert kept.describe(device, start, AnonymousUser()) == words
    since = None if days is None else int((NOON - days * DAY).timestamp() * 1000)
    assert kept.tell(device, start, AnonymousUser()) == {"kept_from": since, "kept": words}


def test_it_is_said_by_the_readers_own_clock() -> None:
    reader = User(time_zone="Asia/Tokyo", clock="12")
    said = "Kept for 1 day: nothing from before 2026-11-01 9:00:00 PM JST."
    assert kept.describe(make_device(1), NOON - 2 * DAY, reader) == said
