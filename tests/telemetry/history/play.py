"""What happens to reports, at random, of a seed, beside the simplest account of what is stored."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from datetime import timedelta
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, Any

import pytest

from devices.lifecycle import assignments
from devices.models import Assignment, Attribute, Device
from telemetry.history import gaps, levels, packed_sums, packer, reports, roller, rollups, series, states, timing
from telemetry.history.rollups import DAY, HOUR
from telemetry.ingest import day_format
from telemetry.ingest.day_format import DAY_US
from telemetry.models import LateReport, PackedDay, Report, RollUp, RollUpMark
from tests.telemetry.reports import EPOCH, ms, save, timed

if TYPE_CHECKING:
    from tests.conftest import World

START = 20_000 * DAY  # seconds since the epoch
NAMES = ["rpm", "Öl $.x", "rare"]
STATE = "engineState"
STATES = ["running", "idle", "fault"]
BUCKETS, MOST_RUNS = 12, 9

Key = tuple[int, int, int, int]
Kept = dict[tuple[int, int], tuple[int, dict[str, Any]]]
"""By device and milliseconds the assignment (0: none) and the values."""


class Killed(Exception):
    pass


class Clock:
    hour = START + 5 * HOUR


def at(milliseconds: int) -> Any:
    return EPOCH + timedelta(milliseconds=milliseconds)


def list_stored() -> Kept:
    """Return what lies and what is packed, merged as it will be when that is packed, too."""
    kept: Kept = {}
    for packed in PackedDay.objects.all():
        for us, _, data in day_format.decode(packed.day * DAY_US, bytes(packed.body)):
            assert (packed.device_id, us // 1000) not in kept
            kept[packed.device_id, us // 1000] = packed.tenure, data
    for row in Report.objects.all():
        keep(kept, row.device_id, ms(row.at), row.assignment_id or 0, row.data)
    return kept


def keep(kept: Kept, device: int, time: int, tenure: int, data: dict[str, Any]) -> None:
    former, values = kept.get((device, time), (tenure, {}))
    if not data.items() <= values.items():
        kept[device, time] = (former, {**values, **data}) if tenure in (0, former) else (tenure, data)


def recount(kept: Kept) -> dict[Key, dict[str, Any]]:
    """Return what each bucket has to say, of all reports."""
    found: dict[Key, dict[str, list[tuple[int, Any]]]] = defaultdict(lambda: defaultdict(list))
    for (device, time), (tenure, data) in sorted(kept.items()):
        for name, value in data.items():
            for seconds in (HOUR, DAY):
                key = device, tenure, seconds, time // 1000 // seconds * seconds
                found[key][name].append((time, value))
    return {key: {name: describe(points) for name, points in of.items()} for key, of in found.items()}


def describe(points: list[tuple[int, Any]]) -> Any:
    numbers = [(time, float(value)) for time, value in points if type(value) in (int, float)]
    told = [(time, str(value).lower()) for time, value in points if type(value) in (str, bool)]
    runs = [(state, [time for time, _ in of]) for state, of in groupby(told, key=lambda point: point[1])]
    shown = [(state, times[0], times[-1], len(times)) for state, times in runs]
    if len(runs) > MOST_RUNS:
        by_state = defaultdict(list)
        for time, state in told:
            by_state[state].append(time)
        shown = [(state, times[0], times[-1], len(times)) for state, times in by_state.items()]
    return describe_numbers(numbers), shown


def describe_numbers(points: list[tuple[int, float]]) -> Any:
    if not points:
        return None
    times, numbers = [time for time, _ in points], [number for _, number in points]
    mean = about(numbers)
    pauses = gaps.list_pauses(times)
    return len(points), min(numbers), max(numbers), numbers[-1], mean, times[0], times[-1], gaps.find_gaps(pauses)


def about(numbers: list[float]) -> Any:
    """Return their mean, as exact as sums of numbers of that size are."""
    return pytest.approx(math.fsum(numbers) / len(numbers), rel=1e-9, abs=1e-11 * max(map(abs, numbers)) + 1e-9)


def describe_bucket(bucket: rollups.Bucket) -> Any:
    shown = {}
    for name in bucket.sums.keys() | bucket.states.keys():
        numbers, told = None, []
        if name in bucket.sums:
            n, sums = bucket.sums[name]
            of = bucket.timings[n]
            numbers = (
                *(sums.reports, sums.low, sums.high, sums.last, sums.mean),
                *(of.first, of.last, timing.find_gaps(of)),
            )
        if name in bucket.states:
            told = [tuple(run) for run in bucket.states[name][1].runs]
        shown[name] = numbers, told
    return shown


def check(kept: Kept | None = None) -> int:
    """Compare all that stands; return how many buckets that are."""
    stored = list_stored()
    if kept is not None:
        assert stored == kept
    mark = RollUpMark.objects.first()
    if mark is None:
        return 0
    late = set(LateReport.objects.values_list("device_id", "hour"))

    def stands(key: Key) -> bool:
        device, _, seconds, start = key
        inside = mark.since <= start and start + seconds <= mark.rolled
        return inside and not any((device, hour) in late for hour in range(start, start + seconds, HOUR))

    expected = {key: of for key, of in recount(stored).items() if stands(key)}
    standing = {key: describe_bucket(of) for key, of in list_buckets().items() if stands(key)}
    assert standing == expected
    return len(standing)


def list_buckets() -> dict[Key, rollups.Bucket]:
    found = {}
    for row in RollUp.objects.all():
        [found[row.device_id, row.tenure, row.seconds, row.start]] = rollups.read_all([row.data])
    for packed in PackedDay.objects.all():
        of = packed.device_id, packed.tenure
        assert not any(key[:2] == of and key[3] // DAY == packed.day for key in found)
        sums, hours, body = (None if each is None else bytes(each) for each in (packed.sums, packed.hours, packed.body))
        [(_, day)] = packed_sums.read_days([(packed.day, sums, body)])
        found[*of, DAY, packed.day * DAY] = day
        told = packed_sums.read_hours(packed.day, hours, body)
        found.update({(*of, HOUR, start // 1000): each for start, each in told})
    return found


def check_read(device: Device, start: int, end: int, kept: Kept | None = None) -> bool:
    """Compare what is read with all reports of it; return whether roll-ups were read."""
    span = series.Span(at(start), at(end))
    read = series.read_series(device, NAMES, span)
    of = (list_stored() if kept is None else kept).items()
    rows = sorted(
        (time, data)
        for (pk, time), (tenure, data) in of
        if pk == device.pk and tenure == (device.assignment_id or 0) and start <= time < end
    )
    _check_rows(device, span, rows)
    exact = is_exact(device, span)
    _check_timeline(device, span, rows, exact=exact)
    for name in NAMES:
        points = [(time, data[name]) for time, data in rows if type(data.get(name)) in (int, float)]
        _check_points(read, name, points)
        if read.bucket and not exact:
            continue
        pauses = gaps.list_pauses(time for time, _ in points)
        assert read.gaps[name] == gaps.find_gaps(pauses)
        assert read.longest_pause[name] == gaps.find_longest(pauses[-gaps.AROUND :])
    return bool(read.bucket) and read.bucket % HOUR == 0


def is_exact(device: Device, span: series.Span) -> bool:
    """Decide whether gaps are those of single reports: what lies unpacked and is read in buckets has about the same."""
    if reports.is_packed(device, span.start, span.end):
        return True
    chosen = levels.choose_bucket((span.end - span.start).total_seconds(), span.bucket)
    standing = levels.read_standing(device)
    return bool(chosen and standing and levels.plan(standing, ms(span.start), ms(span.end), chosen[0]))


def _check_points(read: series.Series, name: str, points: list[tuple[int, float]]) -> None:
    if not read.bucket:
        told = zip(read.times, read.values[name], strict=True)
        assert [point for point in told if point[1] is not None] == points
        return
    buckets = defaultdict(list)
    for time, number in points:
        buckets[time // (read.bucket * 1000) * read.bucket * 1000].append(number)
    columns = zip(read.times, read.values[name], read.low[name], read.high[name], strict=True)
    expected = {n: [about(of), min(of), max(of)] for n, of in buckets.items()}
    assert {n: of for n, *of in columns if of[0] is not None} == expected


def _check_rows(device: Device, span: series.Span, rows: list[tuple[int, dict[str, Any]]]) -> None:
    """Compare what files and the newest reports say."""
    read, start = [], span.start
    while True:
        within = Report.objects.of(device).filter(at__gte=start, at__lt=span.end).order_by("at")
        lying = list(within.values_list("at", "data")[:7])
        more = reports.read_next(device, start, span.end, lying, more=len(lying) == 7)
        if not more:
            break
        read += more
        start = more[-1][0] + timedelta(microseconds=1)
    assert [(ms(when), data) for when, data in read] == rows


def _check_timeline(device: Device, span: series.Span, rows: list[tuple[int, dict[str, Any]]], *, exact: bool) -> None:
    """Compare stretches: each report lies in one that tells its state, and none spans a gap."""
    attribute = Attribute(name=STATE, type=Attribute.Type.STRING)
    timeline = states.read_timelines(device, [attribute], span)[STATE]
    told = [(time, data[STATE]) for time, data in rows if STATE in data]
    silent = gaps.find_gaps(gaps.list_pauses(time for time, _ in told))
    assert (not timeline.stretches) == (not told)
    for time, state in told:
        assert any(each.start <= time <= each.end and state in each.states for each in timeline.stretches)
    if not exact and len(told) > series.BUCKETS:
        return
    if told:
        assert (timeline.stretches[0].start, timeline.stretches[-1].end) == (told[0][0], told[-1][0])
    for start, end in silent:
        assert not any(each.start < end and each.end > start for each in timeline.stretches)
    changes = sum(a[1] != b[1] for a, b in pairwise(told))
    if len(told) > series.BUCKETS or timeline.stretches:
        assert len(timeline.stretches) <= changes + len(silent) + 1


class Play:
    """Do what happens, at random, of a seed."""

    def __init__(self, world: World, clock: Clock, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.world, self.clock, self.random, self.patch = world, clock, random.Random(seed), patch
        self.sent: list[tuple[Device, int]] = []
        self.kept: Kept = {}

    def step(self) -> None:
        acts = {self.report: 8, self.report_late: 3, self.merge: 2, self.repeat: 1, self.wait: 5, self.roll: 4}
        self.random.choices([*acts, self.be_killed, self.hand_over], [*acts.values(), 3, 0.7])[0]()

    def _save(self, device: Device, *times: int) -> None:
        new = [timed(device, at(time), **self._make_values()) for time in times]
        save(*new)
        self.sent += [(device, time) for time in times]
        begun = None if device.assignment is None else ms(device.assignment.opened_at)
        for each in new:
            tenure = (device.assignment_id or 0) if begun is not None and ms(each.at) >= begun else 0
            keep(self.kept, device.pk, ms(each.at), tenure, each.data)

    def _make_values(self) -> dict[str, Any]:
        names = self.random.sample(NAMES, self.random.choice([1, 2, 2, 3]))
        values: dict[str, Any] = {
            name: self.random.choice([self.random.uniform(-1e9, 1e9), self.random.randint(-9, 9)]) for name in names
        }
        if self.random.random() < 0.2:
            values[self.random.choice(NAMES)] = self.random.choice(["text", True])
        if self.random.random() < 0.5:
            values[STATE] = self.random.choice(STATES)
        return values

    def choose_device(self) -> Device:
        device = self.random.choice([self.world.placed, self.world.foreign])
        device.refresh_from_db()
        return device

    def report(self) -> None:
        time, device = self.clock.hour * 1000 + self.random.randrange(HOUR * 1000), self.choose_device()
        pauses = self.random.choices([1_000, 1_000, 5_000, 30_000, 400_000], k=self.random.choice([1, 5, 40]))
        self._save(device, *accumulate(pauses, initial=time))

    def report_late(self) -> None:
        back = self.random.choice([HOUR, 6 * HOUR, 3 * DAY])
        self._save(self.choose_device(), self.clock.hour * 1000 - self.random.randrange(back * 1000))

    def merge(self) -> None:
        if self.sent:
            device, time = self.random.choice(self.sent)
            device.refresh_from_db()
            self._save(device, time)

    def repeat(self) -> None:
        """Send once more what stands: it changes nothing."""
        known = [key for key in self.kept if key[0] in (self.world.placed.pk, self.world.foreign.pk)]
        if known:
            pk, time = self.random.choice(known)
            _, data = self.kept[pk, time]
            lying = Report.objects.count()
            assert save(timed(Device.objects.get(pk=pk), at(time), **data)) == []
            assert Report.objects.count() == lying

    def wait(self) -> None:
        self.clock.hour += self.random.choice([1, 1, 2, 5, 20]) * HOUR

    def roll(self) -> None:
        roller.roll(self.random.choice([0, 0, 60]))

    def be_killed(self) -> None:
        """Stop at whichever write, with the lease kept and run out: as `kill -9` leaves it."""
        left = self.random.randrange(1, 6)

        def fail_at(act: Any) -> Any:
            def fail(*args: Any) -> None:
                nonlocal left
                left -= 1
                if not left:
                    raise Killed
                act(*args)

            return fail

        with self.patch.context() as patch:
            patch.setattr(roller, "_replace", fail_at(roller._replace))
            patch.setattr(packer, "replace", fail_at(packer.replace))
            try:
                roller.roll(60)
            except Killed:
                RollUpMark.objects.update(worker="00000000-0000-0000-0000-000000000000", held_until=EPOCH)

    def hand_over(self) -> None:
        device = self.choose_device()
        groups = self.world.boise, self.world.anaheim
        group = groups[0] if device.group_id == groups[1].pk else groups[1]
        assignments.assign(device=device, group=group, name="Moved", model=None, by=self.world.owner)
        began = at(self.clock.hour * 1000 - self.random.randrange(DAY * 1000))
        Assignment.objects.filter(pk=str(device.assignment_id)).update(opened_at=began)


def fill(world: World, hours: int = 60) -> None:
    """Store a report every ten minutes from START on."""
    save(*(timed(world.placed, at((START + n * 600) * 1000), rpm=n, load=n % 7) for n in range(6 * hours)))
