"""The rotating code on the device's display: TOTP (RFC 6238) from a secret that the device and the site know.

SHA-1, six digits, 30 s; one step early or late counts too, for clocks that are a little off. Each code counts once.
"""

from __future__ import annotations

import hmac
import secrets
from functools import cache
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from devices.models import Device, PresenceSecret
from lib import key_wrapping
from tenants.models import Presence

if TYPE_CHECKING:
    from provisioning.models import WindowQuerySet

STEP_SECONDS = 30
DIGITS = 6
OFF = (-1, 0, 1)  # steps


def compute_code(secret: bytes, step: int, *, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """Return the code of a step of time (RFC 4226, section 5.3)."""
    code = hmac.digest(secret, step.to_bytes(8, "big"), algorithm)
    start = code[-1] & 0xF
    number = int.from_bytes(code[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def prove(waiting: WindowQuerySet, code: str) -> bool:
    """Move the window on, if its device shows this code by the database's clock and it was not used; return whether it
    was. In a transaction, and by the same statements whether the device has a secret or not."""
    of_device = PresenceSecret.objects.filter(Device.may_connect("device__"), device=OuterRef("device"))
    own = of_device.filter(method=Presence.ROTATING_CODE)
    rows = waiting.annotate(sealed=Subquery(own.values("sealed")), clock=Now())
    device, sealed, clock = rows.values_list("device_id", "sealed", "clock").first() or (0, None, timezone.now())
    step = _find_step(sealed, code, int(clock.timestamp()))
    unused = Q(last_step=None) | Q(last_step__lt=step or 0)
    if waiting.filter(Exists(own.filter(unused, sealed=sealed if step else b""))).update(pressed_at=Now()) != 1:
        return False
    mine = PresenceSecret.objects.filter(unused, device=device, method=Presence.ROTATING_CODE)
    if mine.update(last_step=step) == 1:
        return True
    transaction.set_rollback(True)
    return False


def _find_step(sealed: bytes | None, code: str, now: int) -> int | None:
    """Return the last step of those around `now`, in seconds, whose code it is; in a time that tells nothing."""
    secret = key_wrapping.unseal(sealed or _seal_nobodys()) or secrets.token_bytes(20)
    typed = "".join(code.split()).encode(errors="replace")
    steps = [now // STEP_SECONDS + off for off in OFF]
    fitting = [step for step in steps if hmac.compare_digest(typed, compute_code(secret, step).encode())]
    return fitting[-1] if sealed and fitting else None


@cache
def _seal_nobodys() -> bytes:
    return key_wrapping.seal(secrets.token_bytes(20))
