"""Reports that come after their time was summed: the hours that they belong to are noted, and summed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.prepared import prepared
from telemetry.models import LateReport, RollUpMark

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

HOUR = 3600


def note_late(keys: Iterable[tuple[int, datetime]]) -> None:
    """Note which of these (device, at) are late, in the transaction that wrote them, after it did.

    That order is what counts: who moves `RollUpMark.until` waits for all who had begun to write before
    (`roller.move_mark`), so what read the former one is seen by the sums. Each note is a row of its own, even where the
    same stands: whoever sums may be about to delete that one, without having seen this report.
    """
    for (until,) in _select_until():  # none where nothing was summed yet
        late = {(device, int(at.timestamp()) // HOUR * HOUR) for device, at in keys if at.timestamp() < until}
        if late:
            LateReport.objects.bulk_create(LateReport(device_id=device, hour=hour) for device, hour in sorted(late))


@prepared
def _select_until() -> QuerySet[RollUpMark, tuple[int]]:
    return RollUpMark.objects.values_list("until")
