"""Places for what goes on for long: so many at once for a person, for an organisation, and in this process."""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from django.http.response import HttpResponseBase

R = TypeVar("R", bound="HttpResponseBase")


class Bound(NamedTuple):
    """Whose places are counted together, under which word, and how many there are."""

    word: str
    whose: Hashable
    most: int


class Place:
    """One that is taken; `left` is called once, with the word of the bound, when somebody newer needs it."""

    def __init__(self, places: Places, bounds: tuple[Bound, ...], left: Callable[[str], None] | None) -> None:
        self._places, self.bounds, self.left = places, bounds, left

    def end(self) -> None:
        """Give it back; more than once does nothing."""
        self._places.give_back(self)

    def held_by(self, answer: R) -> R:
        """Return the answer; the place is given back when it is closed, or is lost before it was sent."""
        answer._resource_closers.append(self.end)  # type: ignore[attr-defined]
        weakref.finalize(answer, self.end)
        return answer


class Places:
    """The oldest comes first. Used from any thread."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, Hashable], dict[Place, None]] = defaultdict(dict)
        self._lock = threading.RLock()

    def take(self, *bounds: Bound, left: Callable[[str], None] | None = None) -> Place | Bound:
        """Take a place. Where all of a bound are taken the oldest goes, if it has a `left`; else return that bound."""
        with self._lock:
            for bound in bounds:
                held = self._held.get((bound.word, bound.whose), {})
                while len(held) >= bound.most:
                    oldest = next(iter(held), None)
                    if oldest is None or oldest.left is None or left is None:
                        return bound
                    oldest.end()
                    oldest.left(bound.word)
            place = Place(self, bounds, left)
            for bound in bounds:
                self._held[bound.word, bound.whose][place] = None
            return place

    def give_back(self, place: Place) -> None:
        with self._lock:
            for bound in place.bounds:
                key = (bound.word, bound.whose)
                self._held.get(key, {}).pop(place, None)
                if key in self._held and not self._held[key]:
                    del self._held[key]

    def count(self, word: str, whose: Hashable = None) -> int:
        """How many are taken."""
        with self._lock:
            return len(self._held.get((word, whose), ()))
