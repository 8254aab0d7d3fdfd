"""What the factory flashed into a gateway: its serial, its device ID and its credentials."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = ("serial", "device_id", "access_key", "access_secret")


class BadInput(Exception):
    """Tell a cause and a next step, in one line."""


@dataclass(frozen=True)
class Identity:
    label_serial: str
    device_id: str
    access_key: str
    access_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("label_serial", "device_id", "access_key", "access_secret"):
            if not getattr(self, name):
                raise ValueError(f"{name.removeprefix('label_')} is empty")
        require_serial(self.label_serial)
        if not (self.device_id.isascii() and self.device_id.isalnum()):
            raise ValueError("device_id has characters other than letters and digits")

    @property
    def serial(self) -> str:
        """Return it ungrouped and upper-case: what the QR code and the URLs hold."""
        return normalise_serial(self.label_serial)

    @property
    def printed_serial(self) -> str:
        """Return it as it was given if it was grouped, else in fours."""
        serial = self.label_serial.upper()
        if serial != self.serial:
            return serial
        return " ".join(serial[at : at + 4] for at in range(0, len(serial), 4))


def require_serial(text: str) -> None:
    """Raise ValueError for what can't stand on a label."""
    serial = normalise_serial(text)
    if not (serial.isascii() and serial.isalnum()):
        raise ValueError("serial has characters other than letters, digits, spaces and dashes")


def normalise_serial(serial: str) -> str:
    return "".join(serial.replace("-", "").split()).upper()


def read_factory_file(path: Path) -> Iterator[Identity]:
    """Read a CSV with the columns serial, device_id, access_key, access_secret. Raises BadInput."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _parse_rows(path, csv.DictReader(file, skipinitialspace=True))
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror}. Give the factory's file with --devices.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a UTF-8 CSV file: {error}. Export it again.") from error


def _parse_rows(path: Path, rows: csv.DictReader[str]) -> Iterator[Identity]:
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise BadInput(f"{path} lacks the column {', '.join(missing)}. Its first line must name: {','.join(COLUMNS)}.")
    line_of: dict[str, int] = {}
    for row in rows:
        try:
            identity = Identity(*((row[name] or "").strip() for name in COLUMNS))
        except ValueError as error:
            raise BadInput(f"{path}, line {rows.line_num}: {error}. Correct that row.") from error
        if first := line_of.get(identity.serial):
            raise BadInput(
                f"{path}, line {rows.line_num}: serial {identity.serial} is already on line "
                f"{first}. Remove one of the two."
            )
        line_of[identity.serial] = rows.line_num
        yield identity
