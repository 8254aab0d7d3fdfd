"""What people do with an import."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q

from devices import events
from devices.credentials import deliveries
from devices.imports import columns as matching
from devices.imports import worker
from devices.imports.csv_reader import (
    DELIMITERS,
    ENCODINGS,
    Preview,
    Sniffer,
    Unreadable,
    beginning,
    delimiter_of,
    header_of,
)
from devices.imports.row_parser import clean_pattern
from devices.jobs import files, leases
from devices.models import Event, Import, RecipeVersion
from devices.recipes.organisation_format import format_of
from lib.tasks import enqueue
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tenants.models import User

State = Import.State


def upload(*, by: User, version: RecipeVersion, name: str, chunks: Iterable[bytes]) -> Import:
    """Keeps the file and guesses its columns. Raises Unreadable, with nothing kept."""
    organisation = version.recipe.organisation
    sniffer = Sniffer()
    keep = timedelta(days=settings.IMPORT_KEEP_DAYS)
    with transaction.atomic():
        tasted = _tasted(chunks, sniffer)
        file = files.store(organisation=organisation, name=name, content_type="text/csv", chunks=tasted, keep=keep)
        if not file.size:
            raise Unreadable("The file is empty. It should have a header, and a row for each device below it.")
        encoding = sniffer.encoding()
        delimiter = delimiter_of(file, encoding)
        header = header_of(file, encoding, delimiter)
        columns, dialect = matching.guess(header, version.recipe.columns, format_of(version).can_generate)
        return Import.objects.create(
            organisation=organisation,
            by=by,
            version=version,
            file=file,
            total=min(sniffer.rows, settings.IMPORT_MAX_ROWS),
            encoding=encoding,
            delimiter=delimiter,
            dialect=dialect,
            header=header,
            columns=columns,
        )


def _tasted(chunks: Iterable[bytes], sniffer: Sniffer) -> Iterator[bytes]:
    for chunk in chunks:
        sniffer.feed(chunk)
        if sniffer.size > settings.IMPORT_MAX_BYTES:
            most = settings.IMPORT_MAX_BYTES / (1 << 20)
            raise Unreadable(f"The file is larger than {most:,.0f} MB. Split it, and import its parts one by one.")
        yield chunk


def count(*, by: User, version: RecipeVersion, total: int, group: Group | None, name_pattern: str) -> Import:
    """So many devices with serials made here; it starts at once. Raises ValidationError by field: total, group,
    name_pattern."""
    _check_total(version, total)
    name_pattern = _checked(version, group, name_pattern)
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
        raise ValidationError({"total": f"Serials of this recipe can't be made here: {made.words()}. Import a file."})
    if total * 4 > made.capacity:
        raise ValidationError({"total": f"This recipe's format has {made.capacity:,} serials: too few for so many."})


def _checked(version: RecipeVersion, group: Group | None, name_pattern: str) -> str:
    """Return the pattern as it is kept."""
    root = version.recipe.organisation.root.path
    if group is not None and not Group.objects.filter(pk=group.pk, path__startswith=root, numchild=0).exists():
        raise ValidationError({"group": "Devices can only be in a group of this organisation without groups below it."})
    try:
        return clean_pattern(name_pattern)
    except ValidationError as error:
        raise ValidationError({"name_pattern": error.messages}) from None


def preview(importing: Import, rows: int = 10, *, encoding: str | None = None, delimiter: str | None = None) -> Preview:
    """The file's first rows, by the import's encoding and delimiter or by those given. Raises Unreadable."""
    encoding, delimiter = encoding or importing.encoding, delimiter or importing.delimiter
    if importing.file is None:
        raise Unreadable("The uploaded file is no longer kept. Upload it again.")
    if encoding not in ENCODINGS or delimiter not in DELIMITERS:
        raise Unreadable("Choose one of the encodings and delimiters.")
    header = header_of(importing.file, encoding, delimiter)
    found: list[list[str]] = []
    first = beginning(importing.file, encoding, delimiter)
    next(first)
    for _, cells in first:
        if len(found) == rows:
            break
        if isinstance(cells, list) and "".join(cells).strip():
            found.append([cell[:200].replace("\0", "�") for cell in cells])
    return Preview(header, found, encoding, delimiter, importing.dialect)


def match(
    *,
    importing: Import,
    by: User,
    columns: Sequence[str],
    encoding: str,
    delimiter: str,
    group: Group | None,
    all_or_nothing: bool,
    name_pattern: str,
) -> bool:
    """Starts the check; whether this call did.

    For an import that is uploaded, checked, or failed in its check. `columns`: for each of the file's columns a field
    of FIELDS, `tag:<key>` or "". Raises ValidationError by field: columns, encoding, delimiter, group, name_pattern;
    Unreadable if the file is none in that encoding.
    """
    version, kinds = importing.version, RecipeVersion.CredentialKind
    if encoding not in ENCODINGS:
        raise ValidationError({"encoding": "Choose one of the encodings."})
    if delimiter not in DELIMITERS:
        raise ValidationError({"delimiter": "Choose one of the delimiters."})
    header = preview(importing, 0, encoding=encoding, delimiter=delimiter).header
    needs = version.credential_kind == kinds.CERTIFICATE
    made = format_of(version).can_generate
    kept = matching.check(columns, header, can_generate=made, needs_certificate=needs)
    name_pattern = _checked(version, group, name_pattern)
    fields = {"columns": kept, "header": header, "encoding": encoding, "delimiter": delimiter, "group": group}
    fields["dialect"] = matching.guess(header, {}, made)[1]
    options = {"all_or_nothing": all_or_nothing, "name_pattern": name_pattern, "by": by, "cause": ""}
    open_for_it = Q(state__in=(State.UPLOADED, State.CHECKED)) | Q(state=State.FAILED, delivery=None, made=0)
    with transaction.atomic():
        found = Import.objects.filter(open_for_it, pk=importing.pk, file__isnull=False)
        if found.update(state=State.CHECKING, **leases.asked(), **fields, **options) != 1:
            return False
        enqueue(Import.TASK, importing.pk)
    importing.refresh_from_db()
    return True


def start(*, importing: Import, by: User) -> bool:
    """Makes the devices of a checked import; whether this call started it. All or nothing refuses rows with problems,
    and no import starts that would make nothing."""
    startable = Q(refused=0) | Q(all_or_nothing=False)
    with transaction.atomic():
        found = Import.objects.filter(startable, pk=importing.pk, state=State.CHECKED).exclude(total__lte=F("refused"))
        if found.update(state=State.WAITING, by=by, made=0, **leases.asked()) != 1:
            return False
        delivery = deliveries.prepare(organisation=importing.organisation, by=by)
        Import.objects.filter(pk=importing.pk).update(delivery=delivery)
        data: dict[str, Any] = {"import": str(importing.key)}
        organisation = importing.organisation_id
        events.record(Event.Kind.IMPORT_STARTED, organisation=organisation, by=by, **data)
        enqueue(Import.TASK, importing.pk)
    importing.refresh_from_db()
    return True


def cancel(*, importing: Import, by: User) -> bool:
    """Ends an import that has not ended, at once or within a batch; whether it will. What batches made, stays."""
    return leases.cancel(importing, settle=partial(worker.settle, importing), idle=(State.UPLOADED, State.CHECKED))
