"""Printing labels: at once, or many of them by a worker that may be killed at any time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Coalesce, Now

from devices import events, refusals
from devices.jobs import files, leases
from devices.labels import documents, pdf, zpl
from devices.labels.forms import MOST, PrintJobForm
from devices.labels.layout import Label, draw, fit_label
from devices.labels.notes import Notes, note_letters
from devices.models import Device, Event, LabelPrintJob
from lib import live
from lib.refusals import Refusal
from lib.tasks import enqueue
from tenants.models import ApiToken, User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from devices.jobs.leases import Lease
    from devices.labels.forms import LabelForm
    from devices.labels.layout import Drawing, Options
    from devices.labels.notes import Note
    from devices.models import File

NOTED = 1_000  # labels whose letters are looked at for a preview
STRAIGHT = 500  # labels made while the browser waits: a second
KEPT = timedelta(days=1)


def print_now(*, form: PrintJobForm, by: User, origin: str) -> bytes:
    """Make the file now, and record that. Raises Refusal."""
    out = BytesIO()
    count = _write(form, out, origin, total=0)
    _record(by=by, count=count, words=form.describe_choice())
    return out.getvalue()


def note_label(*, form: LabelForm, device: Device, origin: str) -> list[Note]:
    """Say what is to be known of one device's label, whether or not it fits."""
    notes, label = Notes(), _describe_device(device)
    options, _ = _build_looks(form, origin)
    try:
        notes.add_drawing(label, draw(label, options))
    except Refusal:
        notes.add(label, fit_label(label, options))
    return notes.tell()


def _describe_device(device: Device) -> Label:
    return Label(device.serial, device.name, str(device.model or ""))


def print_label(*, form: LabelForm, device: Device, origin: str, output: str = "pdf") -> bytes:
    """Return one device's label as PDF or ZPL. Raises Refusal."""
    out = BytesIO()
    documents.OUTPUTS[output].write(out, [_describe_device(device)], *_build_looks(form, origin))
    return out.getvalue()


def refuse_count(count: int) -> None:
    """Raise Refusal where there is nothing to print, or too much."""
    if not count:
        raise Refusal(refusals.NO_DEVICES)
    if count > MOST:
        raise Refusal(refusals.TOO_MANY_LABELS, count=f"{count:,}", most=f"{MOST:,}")


def draw_first_label(*, form: PrintJobForm, origin: str) -> tuple[Drawing, Options] | None:
    """Draw the first label as it will look; None if there is none. Raises Refusal."""
    label = next(form.labels(), None)
    options, _ = _build_looks(form, origin)
    if form.chosen_output == "zpl":
        zpl.refuse_sheet(options)
    return (draw(label, options), options) if label else None


def note_preview(*, form: PrintJobForm, origin: str) -> list[Note]:
    """Say what is to be known of the letters before anything is printed."""
    return note_letters(form.labels(), _build_looks(form, origin)[0], NOTED)


def remember_looks(*, form: LabelForm, by: User) -> None:
    """Begin with the same printer and labels the next time that this person prints on the page."""
    User.objects.filter(pk=by.pk).update(label_looks=form.list_looks())


def queue_print_job(
    *, form: PrintJobForm, by: User, origin: str, total: int, token: ApiToken | None = None
) -> LabelPrintJob:
    """Ask a worker to make the labels; beat finds what no worker was told of.

    With `token` the worker finds no more than the token may see.
    """
    given: dict[str, object] = {
        name: str(value) for name, value in form.data.items() if name not in {"csrfmiddlewaretoken", "token"}
    }
    given |= {"token": token.pk} if token else {}
    assert by.organisation is not None
    asked = {
        "given": given,
        "words": form.describe_choice(),
        "origin": origin,
        "total": total,
        "held_until": leases.compute_lease_end(),
    }
    with transaction.atomic():
        sheet = LabelPrintJob.objects.create(organisation=by.organisation, by=by, **asked)
        enqueue(LabelPrintJob.TASK, sheet.pk)
    return sheet


def cancel(*, sheet: LabelPrintJob, by: User) -> bool:
    """Cancel the print job; return whether it was still to be made."""
    return (
        leases.cancel(sheet, settle=lambda: None)
        if LabelPrintJob.objects.of(by).filter(pk=sheet.pk).exists()
        else False
    )


def take_file(*, sheet: LabelPrintJob, by: User) -> File:
    """Return the file, if `by` manages every device in it now. Raises Refusal: also where it is not there (any
    more)."""
    if sheet.file is None or sheet.devices is None:
        raise Refusal(refusals.FILE_EXPIRED)
    gone = len(sheet.devices) - Device.objects.manageable_by(by).filter(pk__among=sheet.devices).count()
    if gone:
        count = "1 of these devices is" if gone == 1 else f"{gone:,} of these devices are"
        raise Refusal(refusals.DEVICES_DEPARTED, count=count)
    return sheet.file


def run_print_job(pk: int) -> None:
    """Claim it, make it, keep it for a day; a second worker, or a second time, changes nothing."""
    started = Coalesce("started_at", Now())
    lease = leases.claim(LabelPrintJob, pk, state=LabelPrintJob.State.RUNNING, started_at=started, done=0)
    if lease is None:
        return
    sheet = LabelPrintJob.objects.select_related("by__organisation__root", "organisation").get(pk=pk)

    def draw_all() -> None:
        drawn: list[int] = []
        notes = Notes()
        report = partial(_report_progress, sheet, lease)
        with TemporaryFile() as out:
            count = _write(_rebuild_form(sheet), out, sheet.origin, sheet.total, report, drawn, notes)
            out.seek(0)
            _finish(sheet, lease, count, out, drawn, notes)

    leases.work(lease, draw_all, end=partial(_end, sheet, lease))


def _rebuild_form(sheet: LabelPrintJob) -> PrintJobForm:
    """Ask again with what the user may print now. Raises Refusal."""
    if sheet.by is None or not sheet.by.is_active:
        raise Refusal(refusals.STARTER_GONE)
    form = PrintJobForm(sheet.given, user=_find_asker(sheet, sheet.by), organisation=sheet.organisation, plain=False)
    if not form.is_valid():
        cause = " ".join(str(error) for errors in form.errors.values() for error in errors)
        raise Refusal(refusals.LABELS_NOT_PRINTABLE, cause=cause[:400])
    return form


def _find_asker(sheet: LabelPrintJob, by: User) -> User:
    if "token" in sheet.given:
        token = ApiToken.objects.live().filter(pk=sheet.given["token"], user=by).first()
        if token is None:
            raise Refusal(refusals.TOKEN_ENDED)
        by.grants = token.narrow(by.grants)
    return by


def _write(
    form: PrintJobForm,
    out: IO[bytes],
    origin: str,
    total: int,
    on_progress: documents.OnProgress = documents.ignore_progress,
    drawn: list[int] | None = None,
    notes: Notes | None = None,
) -> int:
    labels, looks = form.labels(drawn), _build_looks(form, origin)
    return documents.write_all(
        out, labels, *looks, total=total, on_progress=on_progress, notes=notes, output=form.chosen_output
    )


def _build_looks(form: LabelForm, origin: str) -> tuple[Options, Image | None]:
    logo = pdf.read_logo(form.organisation.logo) if form.cleaned_data.get("with_logo") else None
    return form.options(origin=origin, logo_shape=logo.width / logo.height if logo else None), logo


def _report_progress(sheet: LabelPrintJob, lease: Lease[LabelPrintJob], done: int) -> None:
    lease.update(done=done)
    live.announce([leases.topic(sheet)])


def _finish(
    sheet: LabelPrintJob, lease: Lease[LabelPrintJob], count: int, out: IO[bytes], drawn: list[int], notes: Notes
) -> None:
    made = documents.OUTPUTS[sheet.given.get("output") or "pdf"]
    suffix, kind = ("zip", documents.ZIP) if sheet.total > documents.PART else (made.suffix, made.content_type)
    name = f"labels-{sheet.created_at:%Y-%m-%d}-{count}.{suffix}"
    with transaction.atomic():
        file = files.store_file(
            organisation=sheet.organisation, name=name, content_type=kind, chunks=_read_chunks(out), keep=KEPT
        )
        lease.update(file=file, done=count, total=count, devices=drawn, notes=notes.tell())
        lease.end(state=LabelPrintJob.State.DONE)
        assert sheet.by is not None
        _record(by=sheet.by, count=count, words=sheet.words)
        transaction.on_commit(partial(live.announce, [leases.topic(sheet)]))


def _end(sheet: LabelPrintJob, lease: Lease[LabelPrintJob], state: str, cause: str) -> None:
    lease.end(state=state, cause=cause[:500])
    live.announce([leases.topic(sheet)])


def _read_chunks(out: IO[bytes]) -> Iterator[bytes]:
    while chunk := out.read(files.PART):
        yield chunk


def _record(*, by: User, count: int, words: str) -> None:
    assert by.organisation is not None
    events.record(Event.Kind.LABELS_PRINTED, organisation=by.organisation.pk, by=by, count=count, of=words)
