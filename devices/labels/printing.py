"""Printing labels: at once, or many of them by a worker that may be killed at any time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Coalesce, Now

from devices import events
from devices.jobs import files, leases
from devices.labels import pdf
from devices.labels.forms import SheetForm
from devices.labels.layout import Label, TooSmall, draw
from devices.models import Device, Event, Sheet
from lib import live
from lib.tasks import enqueue
from tenants.models import ApiToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from devices.jobs.leases import Lease
    from devices.labels.forms import LabelForm
    from devices.labels.layout import Drawing, Options
    from devices.models import File
    from tenants.models import User

STRAIGHT = 500  # labels made while the browser waits: a second
KEPT = timedelta(days=1)


class Refused(Exception):
    """The labels can't be made or taken, and why."""


def printed(*, form: SheetForm, by: User, origin: str) -> bytes:
    """A PDF, now. Raises TooSmall."""
    out = BytesIO()
    count = _write(form, out, origin, total=0)
    _record(by=by, count=count, words=form.words())
    return out.getvalue()


def single(*, form: LabelForm, device: Device, origin: str) -> bytes:
    """The PDF of one device's label. Raises TooSmall."""
    out = BytesIO()
    label = Label(device.serial, device.name, str(device.model or ""))
    pdf.write(out, [label], *_looks(form, origin))
    return out.getvalue()


def first(*, form: SheetForm, origin: str) -> tuple[Drawing, Options] | None:
    """The first label as it will look; none if there is none. Raises TooSmall."""
    label = next(form.labels(), None)
    options, _ = _looks(form, origin)
    return (draw(label, options), options) if label else None


def ask(*, form: SheetForm, by: User, origin: str, total: int, token: ApiToken | None = None) -> Sheet:
    """For a worker to make; beat finds what no worker was told of.

    With `token` the worker finds no more than the token may see.
    """
    given: dict[str, object] = {
        name: str(value) for name, value in form.data.items() if name not in {"csrfmiddlewaretoken", "token"}
    }
    given |= {"token": token.pk} if token else {}
    assert by.organisation is not None
    asked = {"given": given, "words": form.words(), "origin": origin, "total": total, "held_until": leases.held()}
    with transaction.atomic():
        sheet = Sheet.objects.create(organisation=by.organisation, by=by, **asked)
        enqueue(Sheet.TASK, sheet.pk)
    return sheet


def cancel(*, sheet: Sheet, by: User) -> bool:
    """Whether it was still to be made."""
    return leases.cancel(sheet, settle=lambda: None) if Sheet.objects.of(by).filter(pk=sheet.pk).exists() else False


def taken(*, sheet: Sheet, by: User) -> File:
    """The file, if `by` manages every device in it now. Raises Refused: also where it is not there (any more)."""
    if sheet.file is None or sheet.devices is None:
        raise Refused("The file is kept for a day. Print the labels again.")
    gone = len(sheet.devices) - Device.objects.manageable_by(by).filter(pk__among=sheet.devices).count()
    if gone:
        were = "1 of these devices is" if gone == 1 else f"{gone:,} of these devices are"
        raise Refused(f"{were} no longer yours to manage. Print the labels of the others again.")
    return sheet.file


def make(pk: int) -> None:
    """Claims it, makes it, keeps it for a day; a second worker, or a second time, changes nothing."""
    started = Coalesce("started_at", Now())
    lease = leases.claim(Sheet, pk, state=Sheet.State.RUNNING, started_at=started, done=0)
    if lease is None:
        return
    sheet = Sheet.objects.select_related("by__organisation__root", "organisation").get(pk=pk)

    def draw_all() -> None:
        drawn: list[int] = []
        with TemporaryFile() as out:
            count = _write(_form(sheet), out, sheet.origin, sheet.total, partial(_written, sheet, lease), drawn)
            out.seek(0)
            _finish(sheet, lease, count, out, drawn)

    leases.work(lease, draw_all, end=partial(_end, sheet, lease), why=_why)


def _why(error: Exception) -> str | None:
    return str(error) if isinstance(error, Refused | TooSmall) else None


def _form(sheet: Sheet) -> SheetForm:
    """Asked again with what the user may print now."""
    if sheet.by is None or not sheet.by.is_active:
        raise Refused("Whoever asked for these labels has no account any more.")
    form = SheetForm(sheet.given, user=_asker(sheet, sheet.by), organisation=sheet.organisation, plain=False)
    if not form.is_valid():
        raise Refused(" ".join(str(error) for errors in form.errors.values() for error in errors)[:500])
    return form


def _asker(sheet: Sheet, by: User) -> User:
    if "token" in sheet.given:
        token = ApiToken.objects.live().filter(pk=sheet.given["token"], user=by).first()
        if token is None:
            raise Refused("The token with which these labels were asked for has ended.")
        by.grants = token.narrow(by.grants)
    return by


def _write(
    form: SheetForm,
    out: IO[bytes],
    origin: str,
    total: int,
    written: pdf.Written = pdf.unheard,
    drawn: list[int] | None = None,
) -> int:
    return pdf.write_all(out, form.labels(drawn), *_looks(form, origin), total=total, written=written)


def _looks(form: LabelForm, origin: str) -> tuple[Options, Image | None]:
    logo = pdf.logo_of(form.organisation.logo) if form.cleaned_data.get("with_logo") else None
    return form.options(origin=origin, logo_shape=logo.width / logo.height if logo else None), logo


def _written(sheet: Sheet, lease: Lease[Sheet], done: int) -> None:
    lease.update(done=done)
    live.announce([leases.topic(sheet)])


def _finish(sheet: Sheet, lease: Lease[Sheet], count: int, out: IO[bytes], drawn: list[int]) -> None:
    several = count > pdf.PART
    name = f"labels-{sheet.created_at:%Y-%m-%d}-{count}.{'zip' if several else 'pdf'}"
    kind = "application/zip" if several else "application/pdf"
    with transaction.atomic():
        file = files.store(
            organisation=sheet.organisation, name=name, content_type=kind, chunks=_chunks(out), keep=KEPT
        )
        lease.update(file=file, done=count, total=count, devices=drawn)
        lease.end(state=Sheet.State.DONE)
        assert sheet.by is not None
        _record(by=sheet.by, count=count, words=sheet.words)
        transaction.on_commit(partial(live.announce, [leases.topic(sheet)]))


def _end(sheet: Sheet, lease: Lease[Sheet], state: str, cause: str) -> None:
    lease.end(state=state, cause=cause[:500])
    live.announce([leases.topic(sheet)])


def _chunks(out: IO[bytes]) -> Iterator[bytes]:
    while chunk := out.read(files.PART):
        yield chunk


def _record(*, by: User, count: int, words: str) -> None:
    assert by.organisation is not None
    events.record(Event.Kind.LABELS_PRINTED, organisation=by.organisation.pk, by=by, count=count, of=words)
