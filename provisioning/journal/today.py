"""One day at a glance: who registered how many devices, how long it took, and why it failed."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from django.utils import timezone

from lib.refusals import Refusal
from provisioning import refusals
from provisioning.journal.window_words import FAILURES, find_cause, measure
from provisioning.models import Window
from tenants.audit import actors
from tenants.models import Role, User, under

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


FIRST, LAST = date(2000, 1, 1), date(2999, 12, 31)


class Technician(NamedTuple):
    name: str
    done: int
    minutes: float  # the median


class Failure(NamedTuple):
    code: str
    words: str
    number: int


class Day(NamedTuple):
    """Tell of the windows opened on that day, in the current time zone."""

    day: date
    done: int
    minutes: float | None
    technicians: list[Technician]
    failures: list[Failure]
    open: int

    @property
    def failed(self) -> int:
        return sum(failure.number for failure in self.failures)


def parse_day(text: str) -> date:
    """Return the day that is written so; today for nothing. Raises Refusal."""
    try:
        day = date.fromisoformat(text) if text else timezone.localdate()
    except ValueError:
        raise Refusal(refusals.DAY_UNKNOWN, field="day") from None
    if not FIRST <= day <= LAST:
        raise Refusal(refusals.DAY_UNKNOWN, field="day")
    return day


def get_bounds(day: date) -> tuple[datetime, datetime]:
    """Return when the day begins, and the next one, in the current time zone."""
    zone = timezone.get_current_timezone()
    begins, ends = (datetime.combine(each, time.min, zone) for each in (day, day + timedelta(days=1)))
    return begins, ends


def sum_up(reader: User, day: date) -> Day:
    """Return the day's windows that the reader may know: all of the organisation's to its admins; to a group's those
    that led into it. What failed led into no group, and is told to the organisation's admins alone."""
    begins, ends = get_bounds(day)
    rows = Window.objects.with_state().filter(opened_at__gte=begins, opened_at__lt=ends)
    if reader.owns_organisation:
        rows = rows.filter(device__organisation=reader.organisation_id)
    else:
        rows = rows.filter(under(reader.reach(Role.ADMIN), "assignment__group__path"))
    windows = list(rows.select_related("technician"))
    done = [window for window in windows if window.state == Window.State.COMPLETED]
    causes = Counter(map(find_cause, windows))
    return Day(
        day,
        len(done),
        _take_median(done),
        _sum_up_technicians(reader, done),
        [Failure(code, words, causes[code]) for code, words in FAILURES.items() if causes[code]],
        causes[""] - len(done),
    )


def _sum_up_technicians(reader: User, done: Sequence[Window]) -> list[Technician]:
    """Return a row for each person, two of one name apart; those of whom the reader is not told are one."""
    known = actors.find_known(reader, {window.technician_id for window in done})
    by_person: dict[User | None, list[Window]] = defaultdict(list)
    for window in done:
        by_person[window.technician if window.technician_id in known else None].append(window)
    rows = [
        Technician(str(person or actors.OUTSIDE), len(windows), _take_median(windows) or 0.0)
        for person, windows in by_person.items()
    ]
    return sorted(rows, key=lambda row: (-row.done, row.name))


def _take_median(windows: Iterable[Window]) -> float | None:
    """Return the median of the minutes that they took, to a tenth; None of none."""
    minutes = [measure(window).total_seconds() / 60 for window in windows]
    return round(median(minutes), 1) if minutes else None
