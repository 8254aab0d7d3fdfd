"""What is handed back, as CSV streamed by the line; no cell begins a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.models import Import


def problems_csv(importing: Import) -> Iterator[str]:
    """Row, column and cause of every problem."""
    raise NotImplementedError


def report_csv(importing: Import) -> Iterator[str]:
    """The file's columns with device ID and error added; without secrets, as often as it is wanted."""
    raise NotImplementedError


def result_csv(importing: Import, key: bytes) -> Iterator[str]:
    """The file's columns with device ID, access key, access secret and error added; `key` is what
    `deliveries.take` gave for `importing.delivery`."""
    raise NotImplementedError
