"""What proves that somebody is at a device: making it, and ending it. A new one takes the former's place.

A claim code stands on the label and is typed by hand, so it is short: at rest there is its digest under the site's
secret, and wrong ones are limited (provisioning.windows.proofs). Rotating codes and signed answers are computed
here and in the device, so their secrets are sealed.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from devices import batches, events
from devices.identity import serials
from devices.models import Event, PresenceSecret
from devices.refusals import DEVICE_HANDED_OVER
from lib import key_wrapping
from lib.refusals import Refusal
from tenants.models import Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from devices.models import Device, RecipeVersion
    from tenants.models import User

CODE_LENGTH = 16
"""Characters of a claim code that is made here: 80 bits."""
SHORTEST_CODE, LONGEST_CODE = 8, 128
_BETWEEN = re.compile(r"[\s=_-]+")


def fold_code(text: str) -> str:
    """Return a claim code as it is compared: without case, spacing and padding, and look-alikes as one."""
    return serials.fold(_BETWEEN.sub("", text))


def explain_code(text: str) -> str:
    """Return why a maker's code can't be a claim code; empty if it can."""
    code = fold_code(text)
    if not text.isascii() or not text.isprintable():
        return "A claim code has letters, digits and signs of ASCII. Write it as it stands on the label."
    if not SHORTEST_CODE <= len(code) <= LONGEST_CODE or len(text) > LONGEST_CODE:
        bounds = f"{SHORTEST_CODE} to {LONGEST_CODE}"
        return f"A claim code has {bounds} characters, without spaces and dashes. This has {len(code)}."
    if len(set(code)) < 4:
        return "This is too easily guessed for a claim code. Give each device one of its own."
    return ""


def list_code_digests(text: str) -> list[bytes]:
    """Return the digests under which a claim code may be kept; the first is the one to keep."""
    return key_wrapping.list_digests(fold_code(text))


@dataclass(frozen=True, repr=False)
class Made:
    """Hold what is shown exactly once."""

    method: str
    secret: str


def make_presence_secret(*, device: Device, method: str, by: User | None) -> Made:
    """Make the device's secret of the method, instead of the one that it has; in the assignment that it was read with.

    Raises Refusal if that is over.
    """
    secret, kept = MAKERS[method]()
    with transaction.atomic():
        if not batches.hold_as_read([device]):
            raise Refusal(DEVICE_HANDED_OVER)
        fresh = {"assignment_id": device.assignment_id, "issued_at": Now(), "spent_at": None, "last_step": None, **kept}
        PresenceSecret.objects.update_or_create(device=device, method=method, defaults=fresh)
        events.record(Event.Kind.PRESENCE_SECRET_MADE, device=device, by=by, method=method)
    return Made(method, secret)


def _make_claim_code() -> tuple[str, dict[str, object]]:
    code = "".join(secrets.choice(serials.ALPHABET) for _ in range(CODE_LENGTH))
    return "-".join(code[at : at + 4] for at in range(0, CODE_LENGTH, 4)), {"digest": list_code_digests(code)[0]}


def _make_challenge_secret() -> tuple[str, dict[str, object]]:
    """Make one of 256 bits, as long as what SHA-256 gives (RFC 2104, section 3)."""
    secret = secrets.token_bytes(32)
    return secret.hex(), {"sealed": key_wrapping.seal(secret)}


def _make_rotating_secret() -> tuple[str, dict[str, object]]:
    """Make one of 160 bits, as long as what SHA-1 gives (RFC 4226, section 4)."""
    secret = secrets.token_bytes(20)
    return base64.b32encode(secret).decode(), {"sealed": key_wrapping.seal(secret)}


MAKERS: dict[str, Callable[[], tuple[str, dict[str, object]]]] = {
    Presence.CLAIM_CODE.value: _make_claim_code,
    Presence.ROTATING_CODE.value: _make_rotating_secret,
    Presence.CHALLENGE.value: _make_challenge_secret,
}
"""By method: what makes a secret, as it is shown once, with the columns in which it is kept."""
LABELS: dict[str, str] = {
    Presence.CLAIM_CODE.value: "Claim code",
    Presence.ROTATING_CODE.value: "Secret of its rotating code",
    Presence.CHALLENGE.value: "Secret with which it signs digits",
}
CHOICES = list(LABELS.items())


def spend_claim_code(device: int, proven_at: datetime | None) -> bool:
    """Spend the code with which presence was proven then; return whether this call did."""
    codes = PresenceSecret.objects.filter(device=device, method=Presence.CLAIM_CODE)
    return codes.filter(spent_at=None, issued_at__lte=proven_at).update(spent_at=Now()) == 1


def end_issued_secrets(devices: Collection[int]) -> None:
    """End what was made for the locked `devices` in the assignments that they leave now; the factory's stays."""
    PresenceSecret.objects.filter(device__among=devices, assignment__isnull=False).delete()


def choose_method(device: Device) -> Presence:
    """Return what a window on the device asks for: as its recipe says, or else its organisation."""
    return Presence(device.version.presence or device.organisation.presence)


def find_wanted_secret(version: RecipeVersion) -> str:
    """Return the name of what each device of the recipe needs for a window, as it is given it; empty if nothing."""
    return LABELS.get(version.presence or version.recipe.organisation.presence, "")


def describe_presence(device: Device) -> dict[str, object]:
    """Return what a window on the device asks for, in words, and by method which secret it has."""
    found = find_secrets(device)
    rows = [{"name": method, "label": LABELS[method], "secret": found.get(method)} for method in MAKERS]
    return {"asked": choose_method(device).label, "presence": rows}


def find_secrets(device: Device) -> dict[str, PresenceSecret]:
    """Return what the device has, by method."""
    return {row.method: row for row in PresenceSecret.objects.filter(device=device)}
