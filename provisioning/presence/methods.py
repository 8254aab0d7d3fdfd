"""What a window may ask for, a module a method: the press, which the device sends, and codes, which people enter."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.presence import claim_code, rotating_code
from tenants.models import Presence

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.models import WindowQuerySet


class Method(NamedTuple):
    """Say how a code is asked for, and check it: `prove` moves the one waiting window on, or returns False."""

    label: str
    help_text: str
    prove: Callable[[WindowQuerySet, str], bool]


CODES: dict[str, Method] = {
    Presence.CLAIM_CODE: Method(
        "Claim code",
        "It stands on the device's label, or is in its QR code alone: then scan that. Some makers call it an owner "
        "token. Capitals, spaces and dashes don't matter.",
        claim_code.prove,
    ),
    Presence.ROTATING_CODE: Method(
        "Code on the display",
        "The six digits that the device shows now. Each counts once: if it was used, wait for the next one.",
        rotating_code.prove,
    ),
}
