"""Roll-ups are what a recount of reports gives, whatever came late, twice, merged or for another tenant, and whenever
the worker was killed; and what is read of them is what reports say."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest

from devices.lifecycle import assignments
from devices.models import Assignment, Device
from telemetry.history import gaps, levels, roller, rollups, series, timing
from telemetry.history.rollups import DAY, HOUR
from telemetry.models import LateReport, Report, RollUp, RollUpMark
from tests.telemetry.reports import EPOCH, ms, save, timed

if TYPE_CHECKING:
    from tests.conftest import World

START = 20_000 * DAY  # seconds since the epoch
NAMES = ["rpm", "Öl $.x", "rare"]
BUCKETS = 12

Key = tuple[int, int, int, int]


class Killed(Exception):
    pass


class Clock:
    hour = START + 5 * HOUR


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, world: World) -> Clock:
    clock = Clock()
    monkeypatch.setattr(roller, "_find_last_hour", lambda: clock.hour)
    monkeypatch.setattr(levels, "LEAST", 3)
    monkeypatch.setattr(series, "BUCKETS", BUCKETS)
    Assignment.objects.update(opened_at=EPOCH + timedelta(seconds=START - 40 * DAY))
    return clock


def at(milliseconds: int) -> Any:
    return EPOCH + timedelta(milliseconds=milliseconds)


def recount() -> dict[Key, dict[str, Any]]:
    """Return what each bucket has to say, of all reports."""
    found: dict[Key, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    for row in Report.objects.order_by("at"):
        for name, value in row.data.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                for seconds in (HOUR, DAY):
                    start = ms(row.at) // 1000 // seconds * seconds
                    key = row.device_id, row.assignment_id or 0, seconds, start
                    found[key][name].append((ms(row.at), float(value)))
    return {key: {name: describe(points) for name, points in of.items()} for key, of in found.items()}


def describe(points: list[tuple[int, float]]) -> Any:
    times, numbers = [time for time, _ in points], [number for _, number in points]
    mean = pytest.approx(sum(numbers) / len(numbers), rel=1e-9, abs=1e-9)
    pauses = gaps.list_pauses(times)
    return len(points), min(numbers), max(numbers), numbers[-1], mean, times[0], times[-1], gaps.find_gaps(pauses)


def describe_stored(row: RollUp) -> Any:
    [bucket] = rollups.read_all([row.data])
    shown = {}
    for name, (n, sums) in bucket.sums.items():
        of = bucket.timings[n]
        shown[name] = (
            *(sums.reports, sums.low, sums.high, sums.last, sums.mean),
            *(of.first, of.last, timing.find_gaps(of)),
        )
    return shown


def check() -> int:
    """Compare all that stands; return how many buckets that are."""
    mark = RollUpMark.objects.first()
    if mark is None:
        return 0
    late = set(LateReport.objects.values_list("device", "hour"))

    def stands(key: Key) -> bool:
        device, _, seconds, start = key
        inside = mark.since <= start and start + seconds <= mark.rolled
        return inside and not any((device, hour) in late for hour in range(start, start + seconds, HOUR))

    expected = {key: of for key, of in recount().items() if stands(key)}
    stored = {(row.device_id, row.tenure, row.seconds, row.start): row for row in RollUp.objects.all()}
    standing = {key: describe_stored(row) for key, row in stored.items() if stands(key)}
    assert standing == expected
    return len(standing)


def check_read(device: Device, start: int, end: int) -> bool:
    """Compare what is read with all reports of it; return whether roll-ups were read."""
    scope, span = Report.objects.of(device), series.Span(at(start), at(end))
    read = series.read_series(scope, NAMES, span, device)
    if not read.bucket or read.bucket % HOUR:
        return False
    rows = scope.filter(at__gte=span.start, at__lt=span.end).order_by("at")
    for name in NAMES:
        points = [(ms(row.at), row.data[name]) for row in rows if type(row.data.get(name)) in (int, float)]
        buckets = defaultdict(list)
        for time, number in points:
            buckets[time // (read.bucket * 1000) * read.bucket * 1000].append(number)
        told = zip(read.times, read.values[name], read.low[name], read.high[name], strict=True)
        expected = {n: (sum(of) / len(of), min(of), max(of)) for n, of in buckets.items()}
        assert {n: of for n, *of in told if of[0] is not None} == {
            n: [pytest.approx(mean, rel=1e-9, abs=1e-9), low, high] for n, (mean, low, high) in expected.items()
        }
        pauses = gaps.list_pauses(time for time, _ in points)
        assert read.gaps[name] == gaps.find_gaps(pauses)
        assert read.longest_pause[name] == gaps.find_longest(pauses[-gaps.AROUND :])
    return True


class Play:
    """Do what happens, at random, of a seed."""

    def __init__(self, world: World, clock: Clock, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.world, self.clock, self.random, self.patch = world, clock, random.Random(seed), patch
        self.sent: list[tuple[Device, int]] = []

    def step(self) -> None:
        acts = {self.report: 8, self.report_late: 3, self.merge: 2, self.wait: 4, self.roll: 3, self.be_killed: 2}
        self.random.choices([*acts, self.hand_over], [*acts.values(), 0.7])[0]()

    def _save(self, device: Device, *times: int) -> None:
        save(*(timed(device, at(time), **self._make_values()) for time in times))
        self.sent += [(device, time) for time in times]

    def _make_values(self) -> dict[str, Any]:
        names = self.random.sample(NAMES, self.random.choice([1, 2, 2, 3]))
        values: dict[str, Any] = {
            name: self.random.choice([self.random.uniform(-1e9, 1e9), self.random.randint(-9, 9)]) for name in names
        }
        if self.random.random() < 0.2:
            values[self.random.choice(NAMES)] = self.random.choice(["text", True])
        return values

    def _choose_device(self) -> Device:
        return Device.objects.get(pk=self.random.choice([self.world.placed, self.world.foreign]).pk)

    def report(self) -> None:
        time, device = self.clock.hour * 1000 + self.random.randrange(HOUR * 1000), self._choose_device()
        pauses = self.random.choices([1_000, 1_000, 5_000, 30_000, 400_000], k=self.random.choice([1, 5, 40]))
        self._save(device, *accumulate(pauses, initial=time))

    def report_late(self) -> None:
        back = self.random.choice([HOUR, 6 * HOUR, 3 * DAY])
        self._save(self._choose_device(), self.clock.hour * 1000 - self.random.randrange(back * 1000))

    def merge(self) -> None:
        if self.sent:
            self._save(*self.random.choice(self.sent))

    def wait(self) -> None:
        self.clock.hour += self.random.choice([1, 1, 2, 5, 20]) * HOUR

    def roll(self) -> None:
        roller.roll(self.random.choice([0, 0, 60]))

    def be_killed(self) -> None:
        """Stop at whichever write, with the lease kept and run out: as `kill -9` leaves it."""
        left = self.random.randrange(1, 6)
        replace = roller._replace

        def fail(*args: Any) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Killed
            replace(*args)

        with self.patch.context() as patch:
            patch.setattr(roller, "_replace", fail)
            try:
                roller.roll(60)
            except Killed:
                RollUpMark.objects.update(worker="00000000-0000-0000-0000-000000000000", held_until=EPOCH)

    def hand_over(self) -> None:
        device = self._choose_device()
        groups = self.world.boise, self.world.anaheim
        group = groups[0] if device.group_id == groups[1].pk else groups[1]
        assignments.assign(device=device, group=group, name="Moved", model=None, by=self.world.owner)
        began = at(self.clock.hour * 1000 - self.random.randrange(DAY * 1000))
        Assignment.objects.filter(pk=device.assignment_id).update(opened_at=began)


@pytest.mark.parametrize("seed", range(12))
def test_roll_ups_are_a_recount(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    play = Play(world, clock, seed, monkeypatch)
    standing = 0
    rolled = 0
    for n in range(60):
        play.step()
        if n % 4 == 0:
            standing = max(standing, check())
        if n % 3 == 0:
            device = Device.objects.get(pk=play._choose_device().pk)
            end = (clock.hour + HOUR) * 1000 + play.random.randrange(HOUR * 1000)
            width = play.random.choice([5 * HOUR, 2 * DAY, 9 * DAY]) * 1000 + play.random.randrange(HOUR * 1000)
            rolled += check_read(device, end - width, end)
    assert roller.roll(600)
    assert check() >= standing > 0
    assert not LateReport.objects.exists()
    assert rolled
