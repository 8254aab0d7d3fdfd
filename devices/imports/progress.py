"""How far an import is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from devices.models import Import


class Progress(NamedTuple):
    state: str
    rows: int  # gone through
    total: int  # while a file is being checked, as many as it has lines
    rate: float  # rows a second
    seconds_left: float | None
    percent: int  # 100 only once it ended


def progress(importing: Import) -> Progress:
    """As it is now, whatever `importing` was read as."""
    raise NotImplementedError


def topic(importing: Import) -> str:
    """What `devices.live` announces at each step."""
    return f"import:{importing.key}"
