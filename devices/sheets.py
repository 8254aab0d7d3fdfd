"""Printing labels: at once, or many of them by a worker that may be killed at any time."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING
from uuid import UUID, uuid4

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from devices import files, live
from devices.forms.label import SheetForm
from devices.labels import pdf
from devices.labels.layout import Label, TooSmall, draw
from devices.models import Event, Sheet
from tenants.models import ApiToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from devices.forms.label import LabelForm
    from devices.labels.layout import Drawing, Options
    from devices.models import Device
    from tenants.models import User

log = logging.getLogger(__name__)

TASK = "devices.tasks.make_sheet"
STRAIGHT = 500  # labels made while the browser waits: a second
KEPT = timedelta(days=1)
LEASE = timedelta(minutes=2)  # a worker that has not been heard of for so long is dead


class Refused(Exception):
    """The labels can't be made, and why."""


class _Lost(Exception):
    """Cancelled, or another worker took over."""


def topic(key: UUID) -> str:
    return f"sheet:{key}"


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
    """For a worker to make; the caller tells one, and beat finds what no worker was told of.

    With `token` the worker finds no more than the token may see.
    """
    given: dict[str, object] = {
        name: str(value) for name, value in form.data.items() if name not in {"csrfmiddlewaretoken", "token"}
    }
    given |= {"token": token.pk} if token else {}
    assert by.organisation is not None
    return Sheet.objects.create(
        organisation=by.organisation, by=by, given=given, words=form.words(), origin=origin, total=total
    )


def cancel(*, sheet: Sheet, by: User) -> bool:
    """Whether it was still to be made."""
    going = Sheet.objects.of(by).filter(pk=sheet.pk, state__in=[Sheet.State.WAITING, Sheet.State.RUNNING])
    won = going.update(state=Sheet.State.CANCELLED, cancel_asked_at=Now(), finished_at=Now(), claim=None) == 1
    live.announce([topic(sheet.key)])
    return won


def unclaimed() -> list[int]:
    """Sheets that no living worker makes."""
    free = Q(claimed_until=None, created_at__lte=Now() - LEASE) | Q(claimed_until__lte=Now())
    waiting = Sheet.objects.filter(free, state__in=[Sheet.State.WAITING, Sheet.State.RUNNING])
    return list(waiting.values_list("pk", flat=True))


def make(pk: int) -> None:
    """Claims it, makes it, keeps it for a day; a second worker, or a second time, changes nothing."""
    claim = uuid4()
    if not _claim(pk, claim):
        return
    sheet = Sheet.objects.select_related("by__organisation__root", "organisation").get(pk=pk)
    try:
        with TemporaryFile() as out:
            count = _write(_form(sheet), out, sheet.origin, sheet.total, partial(_renew, sheet, claim))
            out.seek(0)
            _finish(sheet, claim, count, out)
    except _Lost:
        log.info("labels %s: cancelled, or another worker makes them", sheet.key)
    except (Refused, TooSmall) as error:
        _fail(sheet, claim, str(error))
    except DatabaseError:
        raise  # beat finds it again
    except Exception:
        log.exception("labels %s", sheet.key)
        _fail(sheet, claim, "Something went wrong on our side. Ask for the labels again; if it fails again, tell us.")


def _claim(pk: int, claim: UUID) -> bool:
    free = Q(claimed_until=None) | Q(claimed_until__lte=Now())
    going = Sheet.objects.filter(free, pk=pk, state__in=[Sheet.State.WAITING, Sheet.State.RUNNING])
    started = Coalesce("started_at", Now())
    return (
        going.update(state=Sheet.State.RUNNING, claim=claim, claimed_until=Now() + LEASE, started_at=started, done=0)
        == 1
    )


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


def _write(form: SheetForm, out: IO[bytes], origin: str, total: int, written: pdf.Written = pdf.unheard) -> int:
    return pdf.write_all(out, form.labels(), *_looks(form, origin), total=total, written=written)


def _looks(form: LabelForm, origin: str) -> tuple[Options, Image | None]:
    logo = pdf.logo_of(form.organisation.logo) if form.cleaned_data.get("with_logo") else None
    return form.options(origin=origin, logo_shape=logo.width / logo.height if logo else None), logo


def _renew(sheet: Sheet, claim: UUID, done: int) -> None:
    mine = Sheet.objects.filter(pk=sheet.pk, claim=claim, state=Sheet.State.RUNNING)
    if mine.update(done=done, claimed_until=Now() + LEASE) != 1:
        raise _Lost
    live.announce([topic(sheet.key)])


def _finish(sheet: Sheet, claim: UUID, count: int, out: IO[bytes]) -> None:
    several = count > pdf.PART
    name = f"labels-{sheet.created_at:%Y-%m-%d}-{count}.{'zip' if several else 'pdf'}"
    kind = "application/zip" if several else "application/pdf"
    with transaction.atomic():
        file = files.store(
            organisation=sheet.organisation, name=name, content_type=kind, chunks=_chunks(out), keep=KEPT
        )
        mine = Sheet.objects.filter(pk=sheet.pk, claim=claim, state=Sheet.State.RUNNING)
        ended = {"state": Sheet.State.DONE, "file": file, "done": count, "total": count, "finished_at": Now()}
        if mine.update(claim=None, **ended) != 1:
            raise _Lost
        assert sheet.by is not None
        _record(by=sheet.by, count=count, words=sheet.words)
        transaction.on_commit(partial(live.announce, [topic(sheet.key)]))


def _fail(sheet: Sheet, claim: UUID, cause: str) -> None:
    mine = Sheet.objects.filter(pk=sheet.pk, claim=claim, state=Sheet.State.RUNNING)
    mine.update(state=Sheet.State.FAILED, cause=cause, finished_at=Now(), claim=None)
    live.announce([topic(sheet.key)])


def _chunks(out: IO[bytes]) -> Iterator[bytes]:
    while chunk := out.read(files.PART):
        yield chunk


def _record(*, by: User, count: int, words: str) -> None:
    assert by.organisation is not None
    data = {"count": count, "of": words}
    Event.objects.create(organisation=by.organisation, by=by, kind=Event.Kind.LABELS_PRINTED, data=data)
