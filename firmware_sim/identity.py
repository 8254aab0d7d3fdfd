"""What the factory flashed into a gateway: its serial, its device ID and its credentials."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS = ("serial", "device_id", "access_key", "access_secret")


class BadInput(Exception):
    """A cause and a next step, in one line."""


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
        if not (self.serial.isascii() and self.serial.isalnum()):
            raise ValueError("serial has characters other than letters, digits, spaces and dashes")
        if not (self.device_id.isascii() and self.device_id.isalnum()):
            raise ValueError("device_id has characters other than letters and digits")

    @property
    def serial(self) -> str:
        """Ungrouped and upper-case: what the QR code and the URLs hold."""
        return normalise(self.label_serial)

    @property
    def printed(self) -> str:
        """As it was given if it was grouped, else in fours."""
        given = self.label_serial.upper()
        if given != self.serial:
            return given
        return " ".join(given[at : at + 4] for at in range(0, len(given), 4))


def normalise(serial: str) -> str:
    return "".join(serial.replace("-", "").split()).upper()


def read_factory_file(path: Path) -> Iterator[Identity]:
    """The rows of a CSV with the columns serial, device_id, access_key, access_secret."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _identities(path, csv.DictReader(file, skipinitialspace=True))
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror}. Give the factory's file with --devices.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a UTF-8 CSV file: {error}. Export it again.") from error


def _identities(path: Path, rows: csv.DictReader[str]) -> Iterator[Identity]:
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise BadInput(f"{path} lacks the column {', '.join(missing)}. Its first line must name: {','.join(COLUMNS)}.")
    seen: dict[str, int] = {}
    for row in rows:
        try:
            identity = Identity(*((row[name] or "").strip() for name in COLUMNS))
        except ValueError as error:
            raise BadInput(f"{path}, line {rows.line_num}: {error}. Correct that row.") from error
        if first := seen.get(identity.serial):
            raise BadInput(
                f"{path}, line {rows.line_num}: serial {identity.serial} is already on line "
                f"{first}. Remove one of the two."
            )
        seen[identity.serial] = rows.line_num
        yield identity
