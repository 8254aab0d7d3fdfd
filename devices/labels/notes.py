"""What is to be known of printed labels: of which devices, and which letters."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypedDict

from devices.labels.layout import fit_label
from devices.labels.letters import STAND_IN, Words
from devices.labels.scripts import name_script

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from devices.labels.layout import Drawing, Label, Options

SERIALS = 5  # named of each kind
LETTERS = 20
KINDS = 20  # of other warnings
NEXT_STEP = "Leave the names out, change them, or have the site's operator name a font that has them (LABEL_FONTS)."


class Note(TypedDict):
    text: str
    next_step: str  # what can be done about letters
    count: int  # labels
    serials: list[str]  # the first of them
    letters: str  # the first that are not printed


class _Kind:
    def __init__(self) -> None:
        self.count, self.serials, self.letters = 0, list[str](), dict[str, None]()

    def add(self, serial: str, letters: str = "") -> None:
        self.count += 1
        if len(self.serials) < SERIALS:
            self.serials.append(serial)
        if len(self.letters) < LETTERS:
            self.letters |= dict.fromkeys(letters)

    def tell(self, text: str) -> Note:
        letters = "".join(list(self.letters)[:LETTERS])
        next_step = NEXT_STEP if letters else ""
        return Note(text=text, next_step=next_step, count=self.count, serials=self.serials, letters=letters)


class Notes:
    """Gather what is to be known of one label after the other."""

    def __init__(self) -> None:
        self.missing, self.joined = _Kind(), _Kind()
        self.others: dict[str, _Kind] = {}

    def add(self, label: Label, words: Iterable[Words]) -> None:
        told = list(words)
        if missing := "".join(each.missing for each in told):
            self.missing.add(label.serial, missing)
        if joined := "".join(each.joined for each in told):
            self.joined.add(label.serial, joined)

    def add_drawing(self, label: Label, drawing: Drawing) -> None:
        self.add(label, drawing.words)
        for warning in drawing.warnings:
            if warning in self.others or len(self.others) < KINDS:
                self.others.setdefault(warning, _Kind()).add(label.serial)

    def tell(self) -> list[Note]:
        """Return what is to be known, letters first."""
        return [*self._tell_letters(), *(kind.tell(text) for text, kind in self.others.items())]

    def _tell_letters(self) -> Iterator[Note]:
        if self.missing.count:
            letters = _list_some(list(self.missing.letters), LETTERS)
            yield self.missing.tell(f"The font has no {letters}: printed as “{STAND_IN}” {_of(self.missing)}.")
        if self.joined.count:
            scripts = _list_some(sorted({name_script(each) for each in self.joined.letters}), LETTERS)
            yield self.joined.tell(
                f"{scripts} letters have to be joined or put in order, and no font here has all of such a name: "
                f"printed as “{STAND_IN}” {_of(self.joined)}."
            )


def note_letters(labels: Iterable[Label], options: Options, most: int) -> list[Note]:
    """Say which letters of the first `most` labels are not printed, without drawing them."""
    notes = Notes()
    for label in islice(labels, most):
        notes.add(label, fit_label(label, options))
    return notes.tell()


def _of(kind: _Kind) -> str:
    return f"on {kind.count:,} label{'s' if kind.count > 1 else ''}: {_list_some(kind.serials, SERIALS, kind.count)}"


def _list_some(words: list[str], most: int, count: int | None = None) -> str:
    count = len(words) if count is None else count
    more = f" and {count - most:,} more" if count > most else ""
    return ", ".join(words[:most]) + more
