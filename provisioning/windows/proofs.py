"""Codes by which a technician proves to be at the device: checked, and wrong ones limited.

A wrong code is counted and committed before the next one is looked at, so that of many at once no more than the limit
are. Whether the device has a code at all is told by no answer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Now

from devices import events
from devices.credentials.presence_secrets import LONGEST_CODE
from devices.models import Event
from lib import live
from lib.refusals import Refusal
from provisioning import refusals
from provisioning.models import Window
from provisioning.presence.methods import CODES
from provisioning.windows.operations import WHY_NOT, refuse_barred
from tenants.models import Presence

if TYPE_CHECKING:
    from tenants.models import User

SPAN = timedelta(hours=1)


def prove_presence(*, window: Window, by: User, code: str) -> None:
    """Move the window on to its form; one that is proven already stays so. Raises Refusal."""
    if window.method not in CODES:
        raise Refusal(refusals.NO_CODE_ASKED)
    waiting = Window.objects.open().filter(pk=window.pk, technician=by, pressed_at=None)
    refuse_barred(window.device)
    if not waiting.update(wrong_codes=F("wrong_codes") + 1):  # until it was right
        _refuse_unless_proven(window)
        return
    _refuse_beyond_limits(window)
    with transaction.atomic():
        if CODES[window.method].prove(waiting, code):
            Window.objects.filter(pk=window.pk).update(wrong_codes=F("wrong_codes") - 1)
            proven = Event.Kind.PRESENCE_PROVEN
            events.record(proven, device=window.device, by=by, window=str(window.key), method=window.method)
            transaction.on_commit(lambda: live.announce([window.topic]))
            return
    _refuse_unless_proven(window)


def prove_by_label(*, window: Window, by: User, token: str) -> Refusal | None:
    """Take the `token` of the scanned label as claim code, where the window asks for one; return why it is not taken.

    The window is open then as before: the code may be typed.
    """
    if not token or window.method != Presence.CLAIM_CODE:
        return None
    try:
        prove_presence(window=window, by=by, code=token[:LONGEST_CODE])
    except Refusal as refusal:
        return refusal
    return None


def _refuse_unless_proven(window: Window) -> None:
    now = Window.objects.with_state().filter(pk=window.pk).first()
    state = now.state if now else ""
    if state == Window.State.WAITING:
        raise Refusal(refusals.WRONG_CODE, field="code")
    if state != Window.State.PRESSED:
        raise Refusal(WHY_NOT.get(state, refusals.WINDOW_ENDED))


def _refuse_beyond_limits(window: Window) -> None:
    """Raise Refusal beyond the wrong codes of an hour: of the person at all devices, of all people at the device."""
    lately = Window.objects.filter(opened_at__gt=Now() - SPAN, method__in=CODES)  # a device may send wrong answers
    of_person, of_device = Q(technician=window.technician_id), Q(device=window.device_id)
    counted = lately.filter(of_person | of_device).aggregate(
        person=Sum("wrong_codes", filter=of_person), device=Sum("wrong_codes", filter=of_device)
    )
    if counted["person"] > settings.PROOF_PERSON_LIMIT or counted["device"] > settings.PROOF_DEVICE_LIMIT:
        # It is not looked at: counted, it would use up what the device has left for others.
        Window.objects.filter(pk=window.pk).update(wrong_codes=F("wrong_codes") - 1)
        raise Refusal(refusals.TOO_MANY_CODES, field="code", retry_seconds=int(SPAN.total_seconds()))
