"""Whoever writes to a terminal never waits for it: what it can't take is dropped, counted, and told."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest

from config import console
from config.console import Console

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(io.StringIO):
    """Stop while it is told to, as by Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.goes, self.waits = threading.Event(), threading.Event()
        self.goes.set()
        self.is_gone = False

    def write(self, text: str) -> int:
        if self.is_gone:
            raise OSError("hung up")
        if not self.goes.is_set():
            self.waits.set()
            self.goes.wait(10)
        return super().write(text)


def stopped() -> tuple[Terminal, Console]:
    """Return a terminal that is stopped while it takes its first line."""
    terminal = Terminal()
    terminal.goes.clear()
    own = Console(terminal)
    own.say("first")
    assert terminal.waits.wait(10)
    return terminal, own


def test_lines_come_in_their_order() -> None:
    terminal = Terminal()
    own = Console(terminal)
    for number in range(100):
        own.say(f"line {number}")
    own.drain(10)
    assert terminal.getvalue().splitlines() == [f"line {number}" for number in range(100)]


def test_of_too_many_the_oldest_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "MOST_LINES", 3)
    terminal, own = stopped()
    for number in range(7):
        own.say(f"line {number}")
    terminal.goes.set()
    own.drain(10)
    assert terminal.getvalue().splitlines() == [
        "first",
        "(4 lines were not shown while the terminal was stopped)",
        "line 4",
        "line 5",
        "line 6",
    ]
    own.say("later")
    own.drain(10)
    assert terminal.getvalue().endswith("line 6\nlater\n")


def test_nobody_waits_for_good() -> None:
    terminal, own = stopped()
    own.drain(0.001)
    assert terminal.getvalue() == ""
    terminal.goes.set()


def test_a_terminal_that_is_gone_stops_nothing() -> None:
    terminal = Terminal()
    own = Console(terminal)
    terminal.is_gone = True
    own.say("lost")
    own.drain(10)
    terminal.is_gone = False
    own.say("seen")
    own.drain(10)
    assert terminal.getvalue() == "seen\n"


def test_a_file_is_written_past_its_buffer_whatever_the_letters(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as out:
        own = Console(out)
        own.say("Öl \ud800")
        own.drain(10)
        assert (tmp_path / "out").read_bytes() == "Öl ?\n".encode()
