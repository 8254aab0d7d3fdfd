"""Reports as Parquet, streamed: a column for each attribute, typed as the recipe says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from devices.models import Attribute
from lib import streaming
from lib.parquet import Column, Kind, ParquetWriter
from telemetry.history.export import BYTES, Left, read_chunks
from telemetry.ingest.times import count_milliseconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from devices.models import Device
    from devices.mqtt.messages import Value
    from lib.parquet import Cell
    from telemetry.history.reports import Row
    from telemetry.history.series import Span
    from tenants.models import User

MEDIA_TYPE = "application/vnd.apache.parquet"
CELLS = 200_000  # of a row group: some ten megabytes while it is made
KINDS = {Attribute.Type.NUMBER: Kind.NUMBER, Attribute.Type.BOOLEAN: Kind.TRUTH}  # all others are texts


class Table:
    """Lay out reports as rows: the time, each attribute, and as JSON what fits in no column: values that are of another
    type than the recipe has by now, and of attributes that it no longer has."""

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        self._kinds = {each.name: KINDS.get(Attribute.Type(each.type), Kind.TEXT) for each in attributes}
        columns = [Column(name, kind) for name, kind in self._kinds.items()]
        time, other = self._name("time"), self._name("other_values")
        self.columns = [Column(time, Kind.TIME, required=True), *columns, Column(other, Kind.TEXT)]
        told = [{"name": a.name, "label": a.label, "unit": a.unit, "type": a.type} for a in attributes]
        self.about = {"handover.attributes": json.dumps(told, ensure_ascii=False)}

    def _name(self, name: str) -> str:
        """Return a name for a column of our own; readers do not tell capitals from small letters."""
        taken = {each.lower() for each in self._kinds}
        return name if name not in taken else self._name(f"{name}_")

    def lay_out(self, reports: Sequence[Row]) -> tuple[list[list[Cell]], int]:
        """Return a row for each report, and how many characters of text are in them."""
        rows = [self._lay_out(at, data) for at, data in reports]
        return rows, sum(len(cell) for row in rows for cell in row if isinstance(cell, str))

    def _lay_out(self, at: datetime, data: dict[str, Value]) -> list[Cell]:
        cells = [value if _fits(kind, value := data.get(name)) else None for name, kind in self._kinds.items()]
        other = None
        if len(data) > sum(cell is not None for cell in cells):
            unfit = {name: value for name, value in data.items() if not _fits(self._kinds.get(name), value)}
            other = json.dumps(unfit, ensure_ascii=False)
        return [count_milliseconds(at), *cells, other]


def _fits(kind: Kind | None, value: Value | None) -> bool:
    if kind is None or isinstance(value, bool):
        return kind is Kind.TRUTH
    return isinstance(value, str) if kind is Kind.TEXT else kind is Kind.NUMBER and isinstance(value, int | float)


async def stream_parquet(
    device: Device, user: User, attributes: Sequence[Attribute], span: Span
) -> AsyncIterator[bytes]:
    """Yield a Parquet file in the order of time, a row group at a time.

    As long as `user` sees the device, and it is where it was: after that the file has no end, so that no program takes
    it for whole.
    """
    table = Table(attributes)
    writer = ParquetWriter(table.columns, table.about)
    yield writer.begin()
    rows: list[list[Cell]] = []
    length = 0
    try:
        async for chunk in read_chunks(device, user, span):
            more, characters = await streaming.run_step(table.lay_out, chunk)
            rows, length = rows + more, length + characters
            if len(rows) * len(table.columns) >= CELLS or length >= 2 * BYTES:
                yield await streaming.run_step(writer.write_rows, rows)
                rows, length = [], 0
    except Left:
        return
    if rows:
        yield await streaming.run_step(writer.write_rows, rows)
    yield writer.end()
