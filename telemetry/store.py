"""Storing reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetry import models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.mqtt.messages import Report


def save(reports: Sequence[Report]) -> list[Report]:
    """Those of the reports that were not stored before."""
    return [report for report in reports if _save(report)]


def _save(report: Report) -> bool:
    assignment = report.device.assignment
    current = assignment if assignment and assignment.opened_at <= report.at else None
    row, created = models.Report.objects.get_or_create(
        device=report.device, at=report.at, defaults={"data": report.data, "assignment": current}
    )
    if created or report.data.items() <= row.data.items():
        return created
    row.data |= report.data
    row.save(update_fields=["data"])
    return True
