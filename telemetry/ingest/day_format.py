"""How reports of a day are written into one value: columns of small whole numbers, compressed together.

    zlib( header as JSON, NUL, blocks )
    header = [unit, times, untimed, [[name, kind, scale, positions, numbers, known], ...]]

Times count `unit` microseconds from the day's start, `untimed` says which reports had none of their own, `positions`
which of the reports have the attribute (null: all). Each of these, and `numbers`, is [code, count], and one block in
the order of the header; or [value, count] of what is always the same, and no block. A code's letter says how wide the
signed numbers are (`b` 1, `h` 2, `i` 4, `q` 8 bytes, little endian); a capital, that each is the difference to the one
before; `d`, that they are floating. A block has all lowest bytes first, then the next ones, which compress better.

A column's kind: `i` whole numbers; `f` floating ones, divided by 10**scale; `m` both, whole where nothing is left over;
`d` floating as they are; `k` numbers of what `known` lists: texts, truths, and whatever else was reported.
What is read back is what was written, of the same type.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from array import array
from itertools import accumulate
from operator import sub
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

DAY_US = 86_400_000_000
MILLISECOND = 1_000
MOST_DECIMALS = 6
EXACT = 2**53
WIDTHS = {"b": 1, "h": 2, "i": 4, "q": 8}
READ_WIDTHS = {**WIDTHS, **{code.upper(): width for code, width in WIDTHS.items()}, "d": 8}
LEVEL = 6  # of compression

Spec = list[Any]
Reports = list[tuple[int, bool, dict[str, Any]]]
"""Microseconds since the epoch, whether the device gave the time itself, and the values: in the order of time."""


class Column(NamedTuple):
    times: list[int]  # milliseconds since the epoch
    values: list[Any]
    numeric: bool  # all of them numbers


def encode(start: int, reports: Reports) -> bytes:
    """Return reports of the day that starts then, in microseconds since the epoch, as one value."""
    offsets = [at - start for at, _, _ in reports]
    unit = 1 if any(offset % MILLISECOND for offset in offsets) else MILLISECOND
    blocks: list[bytes] = []
    times = _encode_numbers([offset // unit for offset in offsets], blocks)
    untimed = _encode_numbers([n for n, (_, timed, _) in enumerate(reports) if not timed], blocks)
    columns: dict[str, tuple[list[int], list[Any]]] = {}
    for n, (_, _, data) in enumerate(reports):
        for name, value in data.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = [], []
            column[0].append(n)
            column[1].append(value)
    specs = [_encode_column(name, *columns[name], len(reports), blocks) for name in sorted(columns)]
    header = json.dumps([unit, times, untimed, specs], separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(header.encode() + b"\0" + b"".join(blocks), LEVEL)


def _encode_column(name: str, at: list[int], values: list[Any], reports: int, blocks: list[bytes]) -> Spec:
    positions = None if len(at) == reports else _encode_numbers(at, blocks)
    kind, scale, numbers, known = _choose_kind(values)
    if kind == "d":
        blocks.append(_shuffle(_little(array("d", values)), 8))
        return [name, kind, 0, positions, ["d", len(values)]]
    return [name, kind, scale, positions, _encode_numbers(numbers, blocks), *([known] if kind == "k" else [])]


def _choose_kind(values: list[Any]) -> tuple[str, int, list[int], list[Any]]:
    kinds = set(map(type, values))
    if kinds == {int} and min(values) >= -EXACT and max(values) <= EXACT:
        return "i", 0, values, []
    if kinds <= {int, float}:
        for scale in range(MOST_DECIMALS + 1):
            if (numbers := _scale(values, 10**scale, mixed=int in kinds)) is not None:
                return "m" if int in kinds else "f", scale, numbers, []
        if int not in kinds:
            return "d", 0, [], []
    known: dict[tuple[type, Any], int] = {}
    # A negative zero is another value than zero, and looks like it.
    numbers = [known.setdefault((type(value), repr(value)), len(known)) for value in values]
    first = dict(zip(reversed(numbers), reversed(values), strict=True))
    return "k", 0, numbers, [first[n] for n in range(len(known))]


def _scale(values: list[Any], by: int, *, mixed: bool) -> list[int] | None:
    """Return whole numbers that give exactly these values when divided; None where there are none."""
    numbers: list[int] = []
    for value in values:
        if not -EXACT < value * by < EXACT:
            return None
        number = round(value * by)
        is_whole = type(value) is int
        if (number != value * by) if is_whole else (number / by != value):
            return None
        is_ambiguous = (mixed and number % by == 0) or (number == 0 and math.copysign(1.0, value) < 0)
        if is_ambiguous and not is_whole:
            return None
        numbers.append(number)
    return numbers


def _encode_numbers(numbers: Sequence[int], blocks: list[bytes]) -> Spec:
    if not numbers or min(numbers) == max(numbers):
        return [numbers[0] if numbers else 0, len(numbers)]
    steps = [numbers[0], *map(sub, numbers[1:], numbers)]
    code, step_code = _find_width(numbers), _find_width(steps)
    rising = WIDTHS[step_code] < WIDTHS[code] or (code == step_code and _weigh(steps) < _weigh(numbers))
    chosen, width = (steps, step_code) if rising else (numbers, code)
    blocks.append(_shuffle(_little(array(width, chosen)), WIDTHS[width]))
    return [width.upper() if rising else width, len(numbers)]


def _weigh(numbers: Sequence[int]) -> int:
    return sum(map(abs, numbers))


def _find_width(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    return next(code for code, width in WIDTHS.items() if -(1 << 8 * width - 1) <= least and most < 1 << 8 * width - 1)


def _little(numbers: array[Any]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _shuffle(raw: bytes, width: int) -> bytes:
    return b"".join(raw[n::width] for n in range(width)) if width > 1 else raw


def _unshuffle(block: bytes, width: int) -> bytes | bytearray:
    if width == 1:
        return block
    raw = bytearray(len(block))
    length = len(block) // width
    for n in range(width):
        raw[n::width] = block[n * length : (n + 1) * length]
    return raw


class _Reader:
    """Read blocks in their order."""

    def __init__(self, body: bytes) -> None:
        raw = zlib.decompress(body)
        end = raw.index(b"\0")
        self.unit, self._times, self._untimed, self.specs = json.loads(raw[:end])
        self._raw, self._at = raw, end + 1

    def read_times(self) -> tuple[list[int], list[int]]:
        """Return the times, and which reports had none of their own."""
        return self.read(self._times), self.read(self._untimed)

    def read_columns(self, names: Collection[str] | None) -> Iterator[tuple[str, list[int] | None, list[Any], bool]]:
        """Yield name, positions, values and whether they are numbers, of these names or all."""
        for name, kind, scale, positions, numbers, *known in self.specs:
            if names is not None and name not in names:
                self._at += (self._measure(positions) if positions else 0) + self._measure(numbers)
                continue
            at = self.read(positions) if positions else None
            yield name, at, self._read_values(kind, scale, numbers, *known), kind != "k"

    def _read_values(self, kind: str, scale: int, numbers: Spec, known: list[Any] | None = None) -> list[Any]:
        read = self.read(numbers)
        if kind == "f":
            by = 10**scale
            return [number / by for number in read]
        if kind == "m":
            by = 10**scale
            return [number / by if number % by else number // by for number in read]
        return [known[number] for number in read] if known is not None else read

    def read(self, spec: Spec) -> list[Any]:
        code, count = spec
        if not isinstance(code, str):
            return [code] * count
        width, begin = READ_WIDTHS[code], self._at
        end = self._at = begin + width * count
        numbers: array[Any] = array(code.lower(), _unshuffle(self._raw[begin:end], width))
        if sys.byteorder == "big":
            numbers.byteswap()
        return list(accumulate(numbers)) if code.isupper() else numbers.tolist()

    @staticmethod
    def _measure(spec: Spec) -> int:
        code, count = spec
        return count * READ_WIDTHS[code] if isinstance(code, str) else 0


def decode(start: int, body: bytes, names: Collection[str] | None = None) -> Reports:
    """Return the reports, with the attributes of these names or all: each that has one of them."""
    reader = _Reader(body)
    times, untimed = reader.read_times()
    rows: list[dict[str, Any]] = [{} for _ in times]
    for name, at, values, _ in reader.read_columns(names):
        for n, value in zip(range(len(rows)) if at is None else at, values, strict=True):
            rows[n][name] = value
    without = set(untimed)
    told = enumerate(zip(times, rows, strict=True))
    return [(start + time * reader.unit, n not in without, row) for n, (time, row) in told if row or names is None]


def read_times(start: int, body: bytes) -> list[int]:
    """Return of when the reports are, in microseconds since the epoch."""
    reader = _Reader(body)
    return [start + time * reader.unit for time in reader.read_times()[0]]


def decode_some(start: int, body: bytes, moments: Collection[int]) -> Reports:
    """Return the reports of these microseconds since the epoch: sooner than all of a day."""
    reader = _Reader(body)
    times, untimed = reader.read_times()
    found = {n: at for n, time in enumerate(times) if (at := start + time * reader.unit) in moments}
    if not found:
        return []
    rows: dict[int, dict[str, Any]] = {n: {} for n in found}
    for name, at, values, _ in reader.read_columns(None):
        told = ((n, values[n]) for n in rows) if at is None else zip(at, values, strict=True)
        for n, value in told:
            if n in rows:
                rows[n][name] = value
    without = set(untimed)
    return [(at, n not in without, rows[n]) for n, at in found.items()]


def decode_columns(start: int, body: bytes, names: Collection[str] | None = None) -> dict[str, Column]:
    """Return the same by attribute."""
    reader = _Reader(body)
    offsets, _ = reader.read_times()
    begin = start // MILLISECOND
    if reader.unit == MILLISECOND:
        times = [begin + offset for offset in offsets]
    else:
        times = [begin + offset // MILLISECOND for offset in offsets]
    return {
        name: Column(times if at is None else [times[n] for n in at], values, numeric)
        for name, at, values, numeric in reader.read_columns(names)
    }
