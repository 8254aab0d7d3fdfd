"""Real processes: started, stopped in reverse, restarted, and none left behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from config.console import Console
from config.demo import supervisor
from config.demo.supervisor import Failed, Process, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
POLITE = "import signal; print('up'); signal.pause()"
SAYS_BYE = "import signal, sys; signal.signal(15, lambda *_: sys.exit(print('bye'))); print('up'); signal.pause()"
STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print('up')\nwhile True: signal.pause()"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-u', '-c', {STUBBORN!r}]); {POLITE}"


class Running:
    def __init__(self, **processes: str) -> None:
        command = [sys.executable, "-u", "-m", "tests.config.pretend"]
        command += [f"{name}={code}" for name, code in processes.items()]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.until("demo      | ready")

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip())

    def until(self, line: str, times: int = 1) -> None:
        until = time.monotonic() + 20
        while self.lines.count(line) < times:
            assert time.monotonic() < until, self.lines
            time.sleep(0.02)

    def family(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def end(self, number: signal.Signals) -> list[str]:
        """What it said after the signal."""
        said = len(self.lines)
        self.process.send_signal(number)
        self.process.wait(20)
        self._reader.join(5)
        return self.lines[said:]


@pytest.fixture
def run() -> Iterator[type[Running]]:
    started: list[Running] = []

    class Kept(Running):
        def __init__(self, **processes: str) -> None:
            started.append(self)
            super().__init__(**processes)

    yield Kept
    for each in started:
        family = each.family() if each.process.poll() is None else []
        for process in (each.process, *family):
            process.kill()
        each.process.wait()


def gone(processes: list[psutil.Process]) -> bool:
    """A zombie is gone: whoever adopted it has yet to bury it."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    return not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stops_in_reverse_order(run: type[Running], number: signal.Signals) -> None:
    running = run(first=SAYS_BYE, second=SAYS_BYE)
    running.until("second    | up")
    family = running.family()
    assert [line for line in running.end(number) if "bye" in line] == ["second    | bye", "first     | bye"]
    assert running.process.returncode == 0
    assert gone(family)


def test_kills_what_does_not_stop(run: type[Running]) -> None:
    running = run(stubborn=STUBBORN)
    running.until("stubborn  | up")
    family = running.family()
    began = time.monotonic()
    assert "demo      | stubborn did not stop in time: killed" in running.end(signal.SIGTERM)
    assert time.monotonic() - began < supervisor.STOP_WITHIN + 3
    assert gone(family)


def test_kills_what_a_process_left_behind(run: type[Running]) -> None:
    running = run(parent=PARENT)
    running.until("parent    | up", times=2)
    family = running.family()
    assert len(family) == 2
    running.end(signal.SIGTERM)
    assert gone(family)


def test_a_second_signal_kills_at_once(run: type[Running]) -> None:
    running = run(stubborn=STUBBORN)
    running.until("stubborn  | up")
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    began = time.monotonic()
    running.end(signal.SIGINT)
    assert time.monotonic() - began < supervisor.STOP_WITHIN / 2


def test_killed_itself_it_takes_its_children_along(run: type[Running]) -> None:
    running = run(first=POLITE, stubborn=STUBBORN)
    running.until("stubborn  | up")
    family = running.family()
    running.end(signal.SIGKILL)
    assert gone(family)


def test_starts_again_what_dies_and_says_so(run: type[Running]) -> None:
    running = run(first=POLITE)
    running.until("first     | up")
    os.kill(running.family()[0].pid, signal.SIGKILL)
    running.until("demo      | first ended with code -9: starting it again in 2 s")
    running.until("first     | up", times=2)


def test_what_never_gets_ready_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "READY_WITHIN", 0.5)
    output = io.StringIO()
    runner = Supervisor(output)
    broken = Process("broken", [sys.executable, "-c", "raise SystemExit('no such setting')"], os.environ, lambda: False)
    with pytest.raises(Failed, match="broken did not come up"):
        runner.start(broken)
    runner.stop()
    assert "broken    | no such setting" in output.getvalue()


def test_a_terminal_that_is_stopped_stops_nobody(tmp_path: Path) -> None:
    """As by Ctrl-S, or in a pager: nobody reads."""
    done = tmp_path / "done"
    code = f"for n in range(20_000): print('line', n)\nopen({str(done)!r}, 'w').close()\nimport signal; signal.pause()"
    command = [sys.executable, "-u", "-m", "tests.config.pretend", f"talks={code}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        until = time.monotonic() + 60
        while not done.exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_a_terminal_that_goes_on_shows_the_last_and_says_how_much_it_missed() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as output, os.fdopen(reading, "rb") as terminal:
        console = Console(output)
        for number in range(200_000):
            console.say(f"line {number}")
        shown = b""
        while not shown.endswith(b"line 199999\n"):
            shown += os.read(terminal.fileno(), 65536)
    assert b"lines were not shown while the terminal was stopped)" in shown


def test_a_line_that_alarms_for_nothing_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "READY_WITHIN", 0.5)
    output = io.StringIO()
    runner = Supervisor(output)
    code = "print('WARNING of memory'); print('WARNING of disk')"
    warns = Process("store", [sys.executable, "-c", code], os.environ, lambda: False, unsaid="of memory")
    with pytest.raises(Failed):
        runner.start(warns)
    runner.stop()
    assert "store     | WARNING of disk" in output.getvalue()
    assert "of memory" not in output.getvalue()
