"""What a gateway keeps of itself over a restart: the credential that a door gave it, for its owner alone."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from .identity import BadInput, Identity, normalise_serial

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


@dataclass(frozen=True)
class Kept:
    """Hold what a gateway connects with; `mqtt_url` where its door told it, `label` where that is more than its
    serial."""

    serial: str
    device_id: str
    access_key: str
    access_secret: str = field(repr=False)
    mqtt_url: str = ""
    label: str = field(default="", repr=False)

    @property
    def identity(self) -> Identity:
        """Return who connects. Raises ValueError."""
        return Identity(self.serial, self.device_id, self.access_key, self.access_secret)


def read_kept(path: Path, serial: str) -> Kept | None:
    """Return what was kept of the gateway with this serial; None if nothing was. Raises BadInput."""
    try:
        kept = Kept(**json.loads(path.read_text(encoding="utf-8")))
        owner = kept.identity.serial
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror}. Name another file with --flash.") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path} is no file that this program kept. Name another one with --flash.") from error
    if owner != normalise_serial(serial):
        raise BadInput(f"{path} is of the gateway {owner}. Name another file for {serial} with --flash.")
    return kept


class Draft:
    """A place for what a door is about to give: made before it is asked, since it may not say it twice.

    Of several starts at once each has its own; what was kept last counts.
    """

    def __init__(self, path: Path) -> None:
        """Raise BadInput where nothing can be kept."""
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._number, self._name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        except OSError as error:
            raise BadInput(
                f"Cannot keep anything in {path}: {error.strerror}. Name another file with --flash."
            ) from error

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._number)
        with suppress(FileNotFoundError):
            os.unlink(self._name)

    def keep(self, kept: Kept) -> None:
        """Keep it whole or not at all, with mode 0600. Raises BadInput."""
        try:
            os.write(self._number, json.dumps(asdict(kept), indent=2).encode() + b"\n")
            os.fsync(self._number)
            os.replace(self._name, self._path)
        except OSError as error:
            raise BadInput(
                f"The door gave a credential, but {self._path} can't be written: {error.strerror}. It is lost: an "
                "admin can give the device another one on its page."
            ) from error
