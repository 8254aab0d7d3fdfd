"""What is handed back, as CSV streamed by the batch; no cell begins a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from devices.credentials import operations as credentials
from devices.imports import row_source
from devices.imports.csv_reader import Bad, Unreadable
from devices.models import Device, Problem
from lib import key_wrapping
from lib.csv_export import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from devices.models import Import

CHUNK = 2_000
ALONE = ["Serial", "Name", "Group"]  # of imports without a file, or whose file is no longer kept
GONE = "The credential of this import was replaced or revoked since"


class Made(NamedTuple):
    pk: int
    device_id: str
    serial: str
    name: str
    group: str


def problems_csv(importing: Import) -> Iterator[str]:
    """Row, column and cause of every problem."""
    yield text([["Row", "Column", "Problem"]])
    problems = Problem.objects.filter(importing=importing).order_by("row", "id")
    found = rest = problems.values_list("row", "id", "column", "cause")
    while batch := list(rest[:CHUNK]):
        yield text((row, column, cause) for row, _, column, cause in batch)
        row, pk = batch[-1][:2]
        rest = found.filter(row__gte=row).exclude(row=row, id__lte=pk)


def report_csv(importing: Import) -> Iterator[str]:
    """The file's columns with device ID and error added; without secrets, as often as it is wanted."""
    return _lines(importing, ["Device ID", "Error"], lambda batch: {})


def result_csv(importing: Import, key: bytes) -> Iterator[str]:
    """The file's columns with device ID, access key, access secret and error added; `key` is what
    `deliveries.take` gave for `importing.delivery`."""

    return _lines(importing, ["Device ID", "Access key", "Access secret", "Error"], lambda made: _secrets(key, made))


def _secrets(key: bytes, made: dict[int, Made]) -> dict[int, list[str]]:
    """Access key, secret and error by row; the secret only while the credential is still the one that was made here."""
    accesses = {each.pk: key_wrapping.access(key, row) for row, each in made.items()}
    stand = credentials.still_stand(accesses)
    given = {row: accesses[each.pk] for row, each in made.items() if each.pk in stand}
    return {
        row: [access.key, access.secret, ""] if stand[made[row].pk] else ["", "", GONE] for row, access in given.items()
    }


def _lines(
    importing: Import, extra: list[str], columns: Callable[[dict[int, Made]], dict[int, list[str]]]
) -> Iterator[str]:
    try:
        yield from _of_rows(importing, extra, columns)
    except Unreadable as unreadable:
        yield text([[unreadable.cause]])


def _of_rows(
    importing: Import, extra: list[str], columns: Callable[[dict[int, Made]], dict[int, list[str]]]
) -> Iterator[str]:
    whole = importing.file is not None
    serial_at = importing.columns.index("serial") if "serial" in importing.columns else None
    own = list(importing.header) if whole else ALONE
    added = ["Serial"] if whole and serial_at is None else []
    yield text([[*own, *added, *extra]])
    rows = row_source.rows(importing) if whole else ((row, row, []) for row in _numbers(importing))
    empty = [""] * (len(extra) - 2)
    for batch in row_source.batches(rows):
        made = _made(importing, batch[0][0], batch[-1][0])
        causes = _causes(importing, batch[0][0], batch[-1][0])
        secrets = columns(made)
        page = []
        for row, _, cells in batch:
            each, error = made.get(row), causes.get(row, "")
            given = _given(cells, len(own), serial_at, each) if whole else _alone(each)
            if whole and serial_at is None:
                given.append(each.serial if each else "")
            between = secrets.get(row, [*empty, ""])
            page.append([*given, each.device_id if each else "", *between[:-1], error or between[-1]])
        yield text(page)


def _given(cells: Sequence[str] | Bad, width: int, serial_at: int | None, made: Made | None) -> list[str]:
    given = [] if isinstance(cells, Bad) else list(cells[:width])
    given += [""] * (width - len(given))
    if made and serial_at is not None and not given[serial_at].strip():
        given[serial_at] = made.serial
    return given


def _alone(made: Made | None) -> list[str]:
    return [made.serial, made.name, made.group] if made else ["", "", ""]


def _numbers(importing: Import) -> Iterator[int]:
    rows = Device.objects.filter(source=importing).order_by("row").values_list("row", flat=True)
    last = -1
    while batch := [row for row in rows.filter(row__gt=last)[:CHUNK] if row is not None]:
        yield from batch
        last = batch[-1]


def _made(importing: Import, first: int, last: int) -> dict[int, Made]:
    fields = "row", "pk", "device_id", "serial", "name", "group__name"
    found = Device.objects.filter(source=importing, row__range=(first, last)).values_list(*fields)
    return {row: Made(pk, device_id, serial, name, group or "") for row, pk, device_id, serial, name, group in found}


def _causes(importing: Import, first: int, last: int) -> dict[int, str]:
    causes: dict[int, str] = {}
    found = Problem.objects.filter(importing=importing, row__range=(first, last)).order_by("row", "id")
    for row, column, cause in found.values_list("row", "column", "cause"):
        said = f"{column}: {cause}" if column else cause
        causes[row] = f"{causes[row]} {said}" if row in causes else said
    return causes
