"""What people do with an import: upload it, say how it is read, start and cancel it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q

from devices import events
from devices.credentials import deliveries
from devices.imports import columns as matching
from devices.imports import doubles, refusals, sheet_choice, sheet_reader, worker
from devices.imports.csv_reader import DELIMITERS, Preview
from devices.imports.encodings import ENCODINGS
from devices.imports.header import detect_header, read_header
from devices.imports.row_parser import clean_pattern
from devices.imports.sheet_choice import Seen
from devices.imports.sniffer import Sniffer
from devices.imports.table import Table, count_rows_above, detect_delimiter, open_table, read_beginning
from devices.jobs import files, leases
from devices.models import Event, Import, RecipeVersion
from devices.recipes import operations as recipes
from devices.recipes.organisation_format import format_of
from lib.refusals import Refusal
from lib.tasks import enqueue
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from devices.imports.encodings import Guess
    from devices.models import File
    from tenants.models import User

State = Import.State
READS = 30  # characters of what an encoding makes of the file's letters, in a refusal
FIRST = 10  # rows among which a page lets choose the header


class Found(NamedTuple):
    """Hold how a file seems to be read, and about how many rows it has; `guesses` where the encoding is one."""

    table: Table
    rows: int
    guesses: Sequence[Guess] = ()
    sheets: Sequence[Seen] = ()


def upload(
    *,
    by: User,
    version: RecipeVersion,
    name: str,
    chunks: Iterable[bytes],
    header_row: int | None = None,
    sheet: str | None = None,
) -> Import:
    """Keep the file and guess its columns, and which sheet has them and which row names them unless that is said.
    Raises Refusal, with nothing kept."""
    organisation = version.recipe.organisation
    sniffer = Sniffer()
    keep = timedelta(days=settings.IMPORT_KEEP_DAYS)
    with transaction.atomic():
        sniffed = _sniff_chunks(chunks, sniffer)
        file = files.store_file(
            organisation=organisation, name=name, content_type="text/csv", chunks=sniffed, keep=keep
        )
        if not file.size:
            raise Refusal(refusals.FILE_EMPTY, field="file")
        remembered = version.recipe.columns
        is_book = sniffer.is_zipped
        found = _recognise_workbook(file, sheet, remembered) if is_book else _recognise_csv(file, sniffer, sheet)
        table = found.table
        if header_row is None:
            header_row = detect_header(table, remembered)
        header = read_header(table, header_row)
        columns, dialect = doubles.suggest_columns(table, header, header_row, version)
        return Import.objects.create(
            organisation=organisation,
            by=by,
            version=version,
            file=file,
            total=min(max(found.rows - count_rows_above(table, header_row), 1), settings.IMPORT_MAX_ROWS),
            encoding=table.encoding,
            encoding_guesses=[guess._asdict() for guess in found.guesses],
            delimiter=table.delimiter,
            sheet=table.sheet,
            sheets=[{"name": each.name, "rows": each.rows} for each in found.sheets],
            dialect=dialect,
            header=header,
            header_row=header_row,
            columns=columns,
        )


def _recognise_csv(file: File, sniffer: Sniffer, sheet: str | None) -> Found:
    encoding, guesses = sniffer.detect_encoding()
    if sheet:
        raise Refusal(refusals.NO_WORKBOOK, field="sheet")
    return Found(Table(file, encoding, detect_delimiter(file, encoding)), sniffer.rows + 1, guesses)


def _recognise_workbook(file: File, sheet: str | None, remembered: Mapping[str, str]) -> Found:
    sheets = sheet_reader.list_sheets(file)
    seen = sheet_choice.look_at_sheets(file, sheets, remembered)
    table = Table(file, sheet=sheet or sheet_choice.choose_sheet(sheets, seen))
    height = sheet_reader.read_outline(file, table.sheet).height
    unseen = [Seen(each.name, 0, 0) for each in sheets[len(seen) :]]
    return Found(table, height, sheets=[*seen, *unseen])


def _sniff_chunks(chunks: Iterable[bytes], sniffer: Sniffer) -> Iterator[bytes]:
    for chunk in chunks:
        sniffer.feed(chunk)
        if sniffer.size > settings.IMPORT_MAX_BYTES:
            most = f"{settings.IMPORT_MAX_BYTES / (1 << 20):,.0f}"
            raise Refusal(refusals.FILE_TOO_LARGE, field="file", most=most)
        yield chunk


def count(*, by: User, version: RecipeVersion, total: int, group: Group | None, name_pattern: str) -> Import:
    """Make an import of so many devices with serials made here; it starts at once. Raises ValidationError by field:
    total, group, name_pattern."""
    _check_total(version, total)
    name_pattern = _check_group_and_pattern(version, group, name_pattern)
    with transaction.atomic():
        importing = Import.objects.create(
            organisation=version.recipe.organisation,
            by=by,
            version=version,
            group=group,
            total=total,
            name_pattern=name_pattern,
            state=State.CHECKED,
        )
        start(importing=importing, by=by)
    importing.refresh_from_db()
    return importing


def _check_total(version: RecipeVersion, total: int) -> None:
    made = format_of(version)
    if not 1 <= total <= settings.IMPORT_MAX_ROWS:
        raise ValidationError({"total": f"Between 1 and {settings.IMPORT_MAX_ROWS:,} devices can be made at once."})
    if version.credential_kind == RecipeVersion.CredentialKind.CERTIFICATE:
        raise ValidationError({"total": "This recipe's devices bring certificates: import a file that has them."})
    if not made.can_generate:
        raise ValidationError(
            {"total": f"Serials of this recipe can't be made here: {made.describe()}. Import a file."}
        )
    if total * 4 > made.capacity:
        raise ValidationError({"total": f"This recipe's format has {made.capacity:,} serials: too few for so many."})


def _check_group_and_pattern(version: RecipeVersion, group: Group | None, name_pattern: str) -> str:
    """Return the pattern as it is kept. Raises ValidationError of group or name_pattern."""
    root = version.recipe.organisation.root.path
    if group is not None and not Group.objects.filter(pk=group.pk, path__startswith=root, numchild=0).exists():
        raise ValidationError({"group": "Devices can only be in a group of this organisation without groups below it."})
    try:
        return clean_pattern(name_pattern)
    except ValidationError as error:
        raise ValidationError({"name_pattern": error.messages}) from None


def preview(
    importing: Import,
    rows: int = 10,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    header_row: int | None = None,
) -> Preview:
    """Return the file's first rows, read as the import says, but for what is given. Raises Refusal."""
    table = _choose_table(importing, encoding, delimiter, sheet)
    header_row = importing.header_row if header_row is None else header_row
    try:
        header = read_header(table, header_row)
        first = _read_filled(table, rows and header_row + rows)
    except Refusal as refusal:
        raise Refusal(refusals.FILE_NOT_READABLE_SO, cause=str(refusal)) from None
    below = [(number, cells) for number, cells in first if number > header_row][:rows]
    numbers, found = [number for number, _ in below], [cells for _, cells in below]
    read = (table.encoding, table.delimiter, importing.dialect, header_row)
    return Preview(header, found, *read, numbers, first[:FIRST], table.sheet)


def _choose_table(importing: Import, encoding: str | None, delimiter: str | None, sheet: str | None) -> Table:
    """Return the import's table, read in another way where one is given. Raises Refusal."""
    table = open_table(importing)
    if table.sheet:
        if sheet and sheet not in importing.sheet_names:
            known = ", ".join(f"“{name}”" for name in importing.sheet_names[:5])
            raise Refusal(refusals.SHEET_UNKNOWN, field="sheet", sheets=known)
        return table._replace(sheet=sheet or table.sheet)
    table = table._replace(encoding=encoding or table.encoding, delimiter=delimiter or table.delimiter)
    if table.encoding not in ENCODINGS or table.delimiter not in DELIMITERS:
        raise Refusal(refusals.READING_UNKNOWN)
    return table


def _read_filled(table: Table, count: int) -> list[tuple[int, list[str]]]:
    """Return so many of the first rows that hold anything, as a page shows them."""
    filled = (
        (number, [cell[:200].replace("\0", "�") for cell in (cells if isinstance(cells, list) else [cells.cause])])
        for number, cells in read_beginning(table)
        if not isinstance(cells, list) or "".join(cells).strip()
    )
    return list(islice(filled, count))


def find_header_row(importing: Import, *, encoding: str, delimiter: str, sheet: str) -> int:
    """Return the row that seems to name the columns of the file read like this; 0 for none. Raises Refusal."""
    table = _choose_table(importing, encoding, delimiter, sheet)
    return detect_header(table, importing.version.recipe.columns)


def match(
    *,
    importing: Import,
    by: User,
    columns: Sequence[str],
    encoding: str | None,
    delimiter: str,
    group: Group | None,
    all_or_nothing: bool,
    name_pattern: str,
    make_serials: bool = False,
    header_row: int | None = None,
    sheet: str | None = None,
    act: str = Import.Act.ADD,
) -> bool:
    """Start the check of every row, and return whether this call did.

    The import has to be uploaded, checked, or failed in its check. `columns`: for each of the file's columns a field of
    FIELDS, `tag:<key>` or ""; UNSAID only beside the serial, for none. One of them is the serial, unless `make_serials`
    asks for serials made here for the rows that have none. `header_row`: where the columns are named, 0 for nowhere;
    None as it is. `encoding`: None takes what was found out, if that is sure. `act`: whether rows are devices to be
    made, or changes of those with these serials. `sheet`: of a workbook, which has neither encoding nor delimiter; None
    as it is.
    Raises ValidationError by field: columns, make_serials, encoding, delimiter, sheet, group, name_pattern; Refusal if
    the file is none in that encoding.
    """
    version, kinds = importing.version.recipe.current, RecipeVersion.CredentialKind  # it may have changed since
    if act == Import.Act.ADD:
        recipes.require_offered(version)
    reading = _check_reading(importing, encoding, delimiter, sheet)
    header_row = importing.header_row if header_row is None else header_row
    header = preview(importing, 0, **reading, header_row=header_row).header
    needs = version.credential_kind == kinds.CERTIFICATE
    fitting = format_of(version)
    asked = {"make_serials": make_serials, "needs_certificate": needs, "changes": act == Import.Act.CHANGE}
    kept = matching.check_columns(columns, header, fitting=fitting, **asked)
    name_pattern = _check_group_and_pattern(version, group, name_pattern)
    fields: dict[str, Any] = {
        "version": version,
        "columns": kept,
        "header": header,
        "header_row": header_row,
        "encoding_guesses": [],
        "group": group,
        **reading,
    }
    fields["dialect"] = matching.guess_columns(header, {}, fitting.can_generate)[1]
    options = {"all_or_nothing": all_or_nothing, "name_pattern": name_pattern, "by": by, "cause": ""}
    options |= {"make_serials": make_serials, "serials_to_make": 0, "act": act}
    if any(getattr(importing, name) != fields[name] for name in ("header_row", *reading)):
        options["corrections"] = None  # of rows and columns that are others now
    return start_check(importing, **fields, **options)


def start_check(importing: Import, **fields: Any) -> bool:
    """Have every row checked, with these fields of the import; return whether that may be done now."""
    open_for_it = Q(state__in=(State.UPLOADED, State.CHECKED)) | Q(state=State.FAILED, delivery=None, made=0)
    with transaction.atomic():
        rows = Import.objects.filter(open_for_it, pk=importing.pk, file__isnull=False)
        if rows.update(state=State.CHECKING, **leases.build_queued_fields(), **fields) != 1:
            return False
        enqueue(Import.TASK, importing.pk)
    importing.refresh_from_db()
    return True


def _check_reading(importing: Import, encoding: str | None, delimiter: str, sheet: str | None) -> dict[str, str]:
    """Return how the file is read, by the import's columns. Raises ValidationError."""
    if importing.sheet:
        if encoding or delimiter:
            raise ValidationError({"encoding" if encoding else "delimiter": "A workbook has none: choose its sheet."})
        if sheet and sheet not in importing.sheet_names:
            raise ValidationError({"sheet": "Choose one of the workbook's sheets."})
        return {"encoding": "", "delimiter": "", "sheet": sheet or importing.sheet}
    if sheet:
        raise ValidationError({"sheet": "This file is no workbook: it has no sheets."})
    encoding = encoding or _require_sure_encoding(importing)
    if encoding not in ENCODINGS:
        raise ValidationError({"encoding": "Choose one of the encodings."})
    if delimiter not in DELIMITERS:
        raise ValidationError({"delimiter": "Choose one of the delimiters."})
    return {"encoding": encoding, "delimiter": delimiter, "sheet": ""}


def _require_sure_encoding(importing: Import) -> str:
    """Return the import's encoding. Raises ValidationError where it is a guess that nobody has confirmed."""
    if not (guesses := importing.encoding_guesses):
        return importing.encoding
    reads = "; ".join(f"{ENCODINGS[guess['encoding']]} reads “{guess['reads'][:READS]}”" for guess in guesses[:3])
    words = f"Say what the file's letters are encoded in: it is not surely Unicode. {reads}."
    raise ValidationError({"encoding": f"{words} A file saved as CSV UTF-8 needs no answer."})


def start(*, importing: Import, by: User) -> bool:
    """Make the devices of a checked import; return whether this call started it. All or nothing refuses rows with
    problems, and no import starts that would make nothing. Raises Refusal of one that changes devices, and where the
    recipe is retired, or has a later version than the check went by."""
    if importing.act == Import.Act.CHANGE:
        raise Refusal(refusals.IMPORT_CHANGES)
    startable = Q(refused=0) | Q(all_or_nothing=False)
    with transaction.atomic():
        rows = Import.objects.filter(startable, pk=importing.pk, state=State.CHECKED, act=Import.Act.ADD)
        rows = rows.exclude(total__lte=F("refused"))
        if rows.update(state=State.WAITING, by=by, made=0, **leases.build_queued_fields()) != 1:
            return False
        recipes.require_offered(importing.version)
        delivery = deliveries.prepare_delivery(organisation=importing.organisation, by=by)
        Import.objects.filter(pk=importing.pk).update(delivery=delivery)
        data: dict[str, Any] = {"import": str(importing.key)}
        organisation = importing.organisation_id
        events.record(Event.Kind.IMPORT_STARTED, organisation=organisation, by=by, **data)
        enqueue(Import.TASK, importing.pk)
    importing.refresh_from_db()
    return True


def cancel(*, importing: Import, by: User) -> bool:
    """End an import that has not ended, at once or within a batch; return whether it will. What batches made, stays."""
    return leases.cancel(importing, settle=partial(worker.settle, importing), idle=(State.UPLOADED, State.CHECKED))
