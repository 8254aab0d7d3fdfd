"""The challenge: digits that the window's page alone shows, entered at the device, which answers with its signature.

That somebody carries the digits from the page to the device proves that they are there; the signature proves which
device it is. docs/decisions/0039 says why the digits don't go to the device by its own connection.
"""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import segno
from django.conf import settings
from django.db.models import F, Q, Sum
from django.db.models.functions import Now

from devices import events
from devices.connections.refused_attempts import Counted, record_attempts
from devices.models import Credential, Device, Event, PresenceSecret
from lib import key_wrapping
from lib.refusals import Refusal
from provisioning import refusals
from provisioning.models import Window
from provisioning.presence import signatures
from tenants.models import Presence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devices.mqtt.messages import Answer
    from provisioning.models import WindowQuerySet

DIGITS = 8
DOOR = "presence"
SPAN = timedelta(hours=1)
MOST_AT_ONCE = 3  # different answers of a device that are looked at, of those that are stored together
EARLIER = 3  # windows whose answers are known again


def make_challenge(device: Device) -> str:
    """Return digits that no earlier window on the device had: what was signed for one fits no other."""
    had = Window.objects.filter(device=device, method=Presence.CHALLENGE)
    while had.filter(challenge=(digits := f"{secrets.randbelow(10**DIGITS):0{DIGITS}}")).exists():
        pass
    return digits


def write_messages(device: Device, challenge: str) -> list[bytes]:
    """Return what a device may sign: it knows its device ID, or else the serial as it stands on its label."""
    return [f"presence:{name}:{challenge}".encode() for name in (device.device_id, device.serial)]


def draw_symbol(challenge: str) -> str:
    """Return the QR code of the digits, for readers, as the address of an image."""
    return segno.make(challenge, micro=False).svg_data_uri(border=4, scale=4, dark="#000", light="#fff", omitsize=True)


def count_answers(answers: Sequence[Answer]) -> list[str]:
    """Move the open windows on whose digits were signed; to be called inside the transaction that stores the reports.

    An answer counts if it is handled while its window is open, by the database's clock: it may have waited on the way,
    since nothing before the window can have had its digits. What is refused is counted at the device. Returns the live
    topics to announce after the commit.
    """
    devices = {answer.device.pk: answer.device for answer in answers}
    if not devices:
        return []
    said: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for answer in answers:
        said[answer.device.pk][answer.text] = None
    windows, keys = _find_windows(devices), _find_keys(devices)
    refused: Counter[tuple[int, str]] = Counter()
    facts: dict[tuple[int, str], Refusal] = {}
    topics = []
    for pk in sorted(devices):  # two processes wait for no circle
        asked = Asked(devices[pk], windows.get(pk, []), keys.get(pk))
        for text in list(said[pk])[-MOST_AT_ONCE:]:
            refusal = _judge(asked, text)
            if isinstance(refusal, str):
                topics.append(refusal)
            elif refusal is not None:
                refused[pk, refusal.code] += 1
                facts[pk, refusal.code] = refusal
    record_attempts(
        [
            Counted(pk, devices[pk].assignment_id, DOOR, facts[pk, code].kind, facts[pk, code].facts, times)
            for (pk, code), times in refused.items()
        ]
    )
    return topics


class Asked(NamedTuple):
    """Hold a device that answers, its latest windows, the last one first, and its secret, if it has one."""

    device: Device
    windows: list[Window]
    secret: bytes | None


def _find_windows(devices: Iterable[int]) -> dict[int, list[Window]]:
    lately = Window.objects.with_state().filter(
        device__in=devices, method=Presence.CHALLENGE, opened_at__gt=Now() - SPAN
    )
    found: defaultdict[int, list[Window]] = defaultdict(list)
    for window in lately.order_by("-pk"):
        if len(found[window.device_id]) <= EARLIER:
            found[window.device_id].append(window)
    return found


def _find_keys(devices: Iterable[int]) -> dict[int, bytes | None]:
    rows = PresenceSecret.objects.filter(device__in=devices, method=Presence.CHALLENGE).exclude(sealed=None)
    return {row.device_id: key_wrapping.unseal(row.sealed or b"") for row in rows}


def _judge(asked: Asked, text: str) -> str | Refusal | None:
    """Return the topic of the window that the answer moved on, why it moved none, or None where it did before."""
    window = asked.windows[0] if asked.windows else None
    if window is None or window.state != Window.State.WAITING:
        return _refuse_unasked(asked, text)
    waiting = Window.objects.open().filter(pk=window.pk, pressed_at=None)
    if not waiting.update(wrong_codes=F("wrong_codes") + 1):  # until it was right; and its row is held
        window.refresh_from_db(fields=["pressed_at"])
        return _refuse_unasked(asked, text)
    if refusal := _refuse_beyond_limits(window) or _refuse_unfit(asked, window, text):
        return refusal
    return window.topic if _move_on(waiting, window, asked.device) else Refusal(refusals.ANSWER_UNASKED)


def _move_on(waiting: WindowQuerySet, window: Window, device: Device) -> bool:
    asked = waiting.filter(Device.may_connect("device__"), challenge=window.challenge)
    if asked.update(pressed_at=Now(), wrong_codes=F("wrong_codes") - 1) != 1:
        return False
    proven = Event.Kind.PRESENCE_PROVEN
    events.record(proven, device=device, window=str(window.key), method=window.method)
    return True


def _refuse_unasked(asked: Asked, text: str) -> Refusal | None:
    """Say why an answer counts for nothing that nobody waits for; but one that counted already is only repeated."""
    fitting = next((window for window in asked.windows if _fits(asked, window, text)), None)
    if fitting is None:
        return Refusal(refusals.ANSWER_UNASKED)
    return None if fitting.pressed_at else Refusal(refusals.ANSWER_LATE)


def _refuse_beyond_limits(window: Window) -> Refusal | None:
    """Refuse beyond the wrong answers of an hour, of the device: in one person's windows, and in all people's."""
    lately = Window.objects.filter(opened_at__gt=Now() - SPAN, device=window.device_id, method=Presence.CHALLENGE)
    counted = lately.aggregate(
        person=Sum("wrong_codes", filter=Q(technician=window.technician_id)), device=Sum("wrong_codes")
    )
    if counted["person"] <= settings.PROOF_PERSON_LIMIT and counted["device"] <= settings.PROOF_DEVICE_LIMIT:
        return None
    Window.objects.filter(pk=window.pk).update(wrong_codes=F("wrong_codes") - 1)  # it is not looked at
    return Refusal(refusals.ANSWERS_TOO_MANY)


def _refuse_unfit(asked: Asked, window: Window, text: str) -> Refusal | None:
    try:
        answer = signatures.read_answer(text)
    except ValueError as error:
        return Refusal(refusals.ANSWER_UNREADABLE, what=str(error))
    if answer.certificate and not _is_own(asked.device, answer.certificate):
        return Refusal(refusals.ANSWER_CERTIFICATE)
    if not answer.certificate and asked.secret is None:
        return Refusal(refusals.ANSWER_NO_KEY)
    if _fits(asked, window, text):
        return None
    earlier = any(_fits(asked, each, text) for each in asked.windows[1:])
    return Refusal(refusals.ANSWER_EARLIER if earlier else refusals.ANSWER_WRONG)


def _is_own(device: Device, certificate: bytes) -> bool:
    own = Credential.objects.live().filter(device=device, kind=Credential.Kind.CERTIFICATE)
    return bool(own.filter(access_key=signatures.compute_fingerprint(certificate)).exists())


def _fits(asked: Asked, window: Window, text: str) -> bool:
    """Decide whether it is the device's signature of the window's digits."""
    try:
        answer = signatures.read_answer(text)
    except ValueError:
        return False
    messages, signature = write_messages(asked.device, window.challenge), answer.signature
    if answer.certificate:
        own = _is_own(asked.device, answer.certificate)
        return own and any(signatures.is_signed_by(answer.certificate, each, signature) for each in messages)
    secret = asked.secret
    return secret is not None and any(signatures.is_made_with(secret, each, signature) for each in messages)
