"""How long an organisation keeps what its devices report: what comes later than that is not stored, to be deleted."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from tenants.models import Organisation

if TYPE_CHECKING:
    from datetime import datetime

DAY = timedelta(days=1)
FRESH_SECONDS = 30.0

_known: dict[int, tuple[int | None, float]] = {}


def is_past(at: datetime, received_at: datetime, organisation: int) -> bool:
    """Decide whether what was reported for this moment would be deleted at once.

    What is younger than a day everybody keeps. For the rest an organisation is asked anew every half minute.
    """
    age = received_at - at
    if age <= DAY:
        return False
    days, until = _known.get(organisation, (None, 0.0))
    if time.monotonic() > until:
        days = Organisation.objects.filter(pk=organisation).values_list("kept_days", flat=True).get()
        _known[organisation] = days, time.monotonic() + FRESH_SECONDS
    return days is not None and age > days * DAY
