"""/metrics tells which parts are up and a few totals, and asks the database for them seldom."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError
from prometheus_client import REGISTRY, generate_latest

from config import health, metrics
from devices.mqtt.messages import counts

if TYPE_CHECKING:
    from collections.abc import Callable


class Totals:
    """Count how often each total is asked for, which is the answer, too."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_away = False

    def count(self) -> int:
        if self.is_away:
            raise OperationalError("gone")
        self.asked += 1
        return self.asked


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [time.monotonic() + 1_000_000]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def totals(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> Totals:
    own = Totals()
    asked: dict[str, tuple[str, Callable[[], int]]] = {"handover_own": ("What is counted.", own.count)}
    monkeypatch.setattr(metrics, "TOTALS", asked)
    monkeypatch.setattr(health, "check", lambda: {"database": True, "broker": False})
    monkeypatch.setattr("config.metrics.connection.close_if_unusable_or_obsolete", lambda: None)
    for collector in metrics.SITE._collector_to_names:
        monkeypatch.setattr(collector, "_until", 0.0)
    return own


def scrape() -> list[str]:
    return [line for line in generate_latest(metrics.SITE).decode().splitlines() if not line.startswith("#")]


def test_each_part_is_up_or_down(totals: Totals) -> None:
    assert scrape()[:2] == ['handover_part_up{part="database"} 1.0', 'handover_part_up{part="broker"} 0.0']


def test_totals_are_asked_once_in_a_while(totals: Totals, clock: list[float]) -> None:
    assert [scrape()[-1] for _ in range(3)] == ["handover_own 1.0"] * 3
    clock[0] += metrics.FRESH_SECONDS - 0.1
    assert scrape()[-1] == "handover_own 1.0"
    clock[0] += 0.2
    assert scrape()[-1] == "handover_own 2.0"


def test_while_the_database_is_away_there_are_none(
    totals: Totals, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    scrape()
    totals.is_away = True
    clock[0] += metrics.FRESH_SECONDS
    for _ in range(3):
        assert not any("handover_own" in line for line in scrape())
    assert caplog.text.count("no totals for /metrics: gone") == 1
    totals.is_away = False
    clock[0] += metrics.FRESH_SECONDS
    assert scrape()[-1] == "handover_own 2.0"


def test_what_became_of_messages_is_told_by_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(counts, "oversize", 3)
    told = generate_latest(REGISTRY).decode()
    assert 'handover_messages_total{outcome="oversize"} 3.0' in told
    assert 'handover_messages_total{outcome="handled"}' in told  # though there was none yet
