"""The factory's file: every demo device with its credential, as an import would deliver it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from django.db import transaction

from devices.credentials import operations as credentials
from devices.models import Credential, Device
from lib.private_file import open_private
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

COLUMNS = ("serial", "device_id", "access_key", "access_secret")


def renew_file(file: Path, devices: Iterable[Device]) -> None:
    """Keep the rows whose credential still works; the others get a new one instead of those that are lost."""
    known = _read_rows(file)
    _write_rows(file, [_renew_row(device, known.get(device.serial)) for device in devices])


def _read_rows(file: Path) -> dict[str, dict[str, str]]:
    if not file.exists():
        return {}
    with file.open(newline="") as lines:
        return {row["serial"]: row for row in csv.DictReader(lines)}


def _renew_row(device: Device, row: dict[str, str] | None) -> dict[str, str]:
    return row if row and _is_current(device, row) else _reissue(device)


def _is_current(device: Device, row: dict[str, str]) -> bool:
    """Return whether the row has the device's credential, be the device locked or not."""
    standing = Credential.objects.of(device).standing()
    return bool(
        credentials.find_credential(access_key=row["access_key"], access_secret=row["access_secret"], among=standing)
    )


@transaction.atomic
def _reissue(device: Device) -> dict[str, str]:
    admin = User.objects.filter(organisation=device.organisation).earliest("pk")
    for lost in Credential.objects.filter(device=device, revoked_at=None):
        credentials.revoke_credential(credential=lost, by=admin)
    issued = credentials.issue_credential(device=device, by=admin)
    return dict(zip(COLUMNS, (device.serial, device.device_id, issued.access_key, issued.access_secret), strict=True))


def _write_rows(file: Path, rows: Iterable[Mapping[str, str]]) -> None:
    with open_private(file) as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
