"""Places for what goes on for long: so many at once for a person, for an organisation, and in this process."""

from __future__ import annotations

import threading
import weakref
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from django.http.response import HttpResponseBase

R = TypeVar("R", bound="HttpResponseBase")


class Bound(NamedTuple):
    """Say whose places are counted together, under which word, how many there are; for which part of those people."""

    word: str
    whose: Hashable
    most: int
    part: Hashable = None


class Place:
    """Hold a place that is taken; `left` is called once, with the word of the bound, when somebody newer needs it."""

    def __init__(self, places: Places, bounds: tuple[Bound, ...], left: Callable[[str], None] | None) -> None:
        self._places, self.bounds, self.left = places, bounds, left

    def end(self) -> None:
        """Give it back; more than once does nothing."""
        self._places.give_back(self)

    def held_by(self, answer: R, unless: Callable[[], bool] = bool) -> R:
        """Return the answer; the place is given back when it is closed, or is lost before it was sent, `unless` what
        holds it by then says so."""

        def end() -> None:
            if not unless():
                self.end()

        answer._resource_closers.append(end)  # type: ignore[attr-defined]
        weakref.finalize(answer, end)
        return answer


class Places:
    """Give out places, and take the oldest back first. Used from any thread."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, Hashable], dict[Place, None]] = defaultdict(dict)
        self._lock = threading.RLock()

    def take(self, *bounds: Bound, left: Callable[[str], None] | None = None) -> Place | Bound:
        """Take a place. Where all of a bound are taken, the oldest of the part that has most goes, if it has a `left`;
        else return that bound, but to a part that has none: nobody takes up what is for all."""
        with self._lock:
            for bound in bounds:
                held = self._held.get((bound.word, bound.whose), {})
                while len(held) >= bound.most:
                    oldest = _find_oldest(held, bound)
                    if oldest is None or oldest.left is None or left is None:
                        if bound.part is not None and bound.part not in {_part(place, bound.word) for place in held}:
                            break
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

    def end_all(self, word: str) -> None:
        """Take back every place of those who leave when told."""
        with self._lock:
            places = {place for held in self._held.values() for place in held if place.left is not None}
        for place in places:
            place.end()
            if place.left is not None:
                place.left(word)

    def count(self, word: str, whose: Hashable = None) -> int:
        """Return how many are taken."""
        with self._lock:
            return len(self._held.get((word, whose), ()))


def _part(place: Place, word: str) -> Hashable:
    return next(bound.part for bound in place.bounds if bound.word == word)


def _find_oldest(held: dict[Place, None], bound: Bound) -> Place | None:
    """Return the oldest place of the part that would have most of them, whoever asks counted in."""
    parts = [_part(place, bound.word) for place in held]
    counted = Counter([*parts, bound.part])
    most = max((counted[part] for part in parts), default=0)
    return next((place for place, part in zip(held, parts, strict=True) if counted[part] == most), None)
