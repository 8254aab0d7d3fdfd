"""What is packed is read back as it was: each value, of its type, at its time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.ingest import day_format
from telemetry.ingest.day_format import DAY_US

START = 20_000 * DAY_US
NAMES = ["rpm", "Öl $.x", "", "\0", '"']

decimals = st.integers(-(10**7), 10**7).map(lambda n: n / 100)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53) | decimals
values: st.SearchStrategy[Any] = numbers | st.booleans() | st.text(max_size=9) | st.just(10**308) | st.just(-0.0)
same_kind = st.sampled_from(
    [decimals, st.integers(-9, 9), st.integers(-(2**53), 2**53), st.booleans(), numbers, values]
)
columns = st.dictionaries(st.sampled_from(NAMES), same_kind, max_size=4)
times = st.lists(st.integers(0, DAY_US // 1000 - 1), min_size=1, max_size=40, unique=True).map(sorted)


@st.composite
def reports(draw: st.DrawFn) -> day_format.Reports:
    kinds, unit = draw(columns), draw(st.sampled_from([1, 1000]))
    found = []
    for time in draw(times):
        names = draw(st.sets(st.sampled_from(sorted(kinds)))) if kinds else set()
        found.append((START + time * unit, draw(st.booleans()), {name: draw(kinds[name]) for name in sorted(names)}))
    return found


@settings(deadline=None, max_examples=300)
@given(told=reports())
def test_reports_are_read_back_as_they_were(told: day_format.Reports) -> None:
    body = day_format.encode(START, told)
    assert repr(day_format.decode(START, body)) == repr(told)
    assert day_format.read_times(START, body) == [at for at, _, _ in told]
    some = told[::2]
    assert repr(day_format.decode_some(START, body, {at for at, _, _ in some} | {START - 1})) == repr(some)
    assert day_format.decode_some(START, body, {START - 1}) == []
    for name in NAMES:
        alone = day_format.decode(START, body, {name})
        assert repr(alone) == repr([(at, timed, {name: data[name]}) for at, timed, data in told if name in data])
        column = day_format.decode_columns(START, body, {name}).get(name)
        assert ([] if column is None else column.times) == [at // 1000 for at, _, _ in alone]
        assert repr([] if column is None else column.values) == repr([data[name] for _, _, data in alone])


@pytest.mark.parametrize(
    ("each", "most"),
    [
        (lambda n: n * 7919 % 3000 / 100, 2.6),  # two decimals, at random
        (lambda n: 20 + n // 100 / 10, 0.3),  # slowly rising
        (lambda n: "running" if n % 1000 else "idle", 0.2),
        (lambda n: n % 2 == 0, 0.2),
        (lambda n: 5, 0.01),
    ],
)
def test_a_value_takes_few_bytes(each: Any, most: float) -> None:
    told = [(START + n * 60_000_000, True, {"a": each(n)}) for n in range(1440)]
    empty = len(day_format.encode(START, [(at, timed, {}) for at, timed, _ in told]))
    assert len(day_format.encode(START, told)) - empty - 40 <= 1440 * most


def test_a_day_is_a_fifth_of_its_reports() -> None:
    told = [
        (
            START + n * 60_000_000 + n * 7919 % 1000 * 1000,
            True,
            {f"a{k}": n * (k + 7919) % 3000 / 100 for k in range(8)},
        )
        for n in range(1440)
    ]
    rows = sum(len(json.dumps(data)) for _, _, data in told)
    assert len(day_format.encode(START, told)) * 4 < rows
