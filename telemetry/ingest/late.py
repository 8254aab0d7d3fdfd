"""Reports that come after their time was summed: the hours that they belong to are noted, and summed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetry.models import LateReport

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

HOUR = 3600


def note_late(keys: Iterable[tuple[int, datetime]], *, until: int | None) -> None:
    """Note which of these (device, at) are late, in the transaction that wrote them. `until` is `RollUpMark.until`,
    read in that transaction too, by a statement after the one that wrote; None where nothing was summed yet.

    That order is what counts: who moves `until` waits for all who had begun to write before (`roller.move_mark`), so
    what read the former one is seen by the sums. Each note is a row of its own, even where the same stands: whoever
    sums may be about to delete that one, without having seen this report.
    """
    if until is None:
        return
    late = {(device, int(at.timestamp()) // HOUR * HOUR) for device, at in keys if at.timestamp() < until}
    if late:
        LateReport.objects.bulk_create(LateReport(device_id=device, hour=hour) for device, hour in sorted(late))
