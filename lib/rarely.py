"""What others can make happen again and again is told for the first, the tenth, the hundredth time.

So nobody fills the log.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

MOST = 10_000  # keys whose times are counted


class Rarely:
    def __init__(self) -> None:
        self._times: Counter[Hashable] = Counter()

    def count(self, key: Hashable) -> int:
        """Count once more; return which time it is, if that is to be told, else 0."""
        if len(self._times) > MOST:
            self._times.clear()
        self._times[key] += 1
        times = self._times[key]
        return times if str(times).rstrip("0") == "1" else 0
