from __future__ import annotations

import fcntl
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from firmware_sim import cli
from firmware_sim.identity import BadInput
from tests.parts import free_port

from .conftest import ROOT, BrokerProcess, Listener, simulate, until

if TYPE_CHECKING:
    from pathlib import Path

    from firmware_sim.fleet import Plan

HEADER = "serial,device_id,access_key,access_secret\n"
ONE = ("--serial", "7K3MQ2XW9TBC", "--device-id", "66f0c0ffee66f0c0ffee0001", "--access-key", "k")


def planned(*arguments: Any, **env: str) -> Plan:
    return cli.build_plan(cli.build_parser(env).parse_args([str(each) for each in arguments]), env)


def serials(*arguments: Any) -> list[str]:
    return [identity.serial for identity in planned(*arguments).identities]


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The one line that bad input gets."""
    try:
        code: Any = cli.main([str(each) for each in arguments])
    except SystemExit as left:
        code = left.code
    error = capsys.readouterr().err
    assert code == 2
    assert error.count("\n") == 1
    return error


def test_one_gateway_takes_its_secret_from_the_environment() -> None:
    [identity] = planned(*ONE, ACCESS_SECRET="s3cret").identities
    assert identity.access_secret == "s3cret"
    assert "s3cret" not in repr(identity)
    assert identity.printed_serial == "7K3M Q2XW 9TBC"


def test_printed_serial_keeps_the_spacing_it_was_given() -> None:
    arguments = [*ONE, "--access-secret", "s"]
    arguments[1] = "7k3mq2-xw9tbc"
    [identity] = planned(*arguments).identities
    assert (identity.printed_serial, identity.serial) == ("7K3MQ2-XW9TBC", "7K3MQ2XW9TBC")


def test_defaults_and_environment() -> None:
    plan = planned(*ONE, ACCESS_SECRET="s")
    assert (plan.broker.host, plan.broker.port, plan.panel) == ("127.0.0.1", 1883, None)
    plan = planned(*ONE, ACCESS_SECRET="s", MQTT_URL="mqtt://u:p@b.example:1", PANEL_PORT="8090")
    assert (plan.broker.host, plan.broker.port) == ("b.example", 1)
    assert plan.panel == ("127.0.0.1", 8090)


def test_tls() -> None:
    plan = planned(*ONE, "--mqtt-url", "mqtts://b.example", ACCESS_SECRET="s")
    assert plan.broker.port == 8883
    assert plan.broker.tls is not None
    assert planned(*ONE, "--tls", ACCESS_SECRET="s").broker.tls is not None


def test_choosing_from_the_file(factory_file: Path) -> None:
    everyone = [f"7K3MQ2XW9TB{number}" for number in "1234"]
    file = ("--devices", factory_file)
    assert serials(*file) == everyone
    assert serials(*file, "--fleet", 2) == everyone[:2]
    assert serials(*file, "--except", "7k3m q2xw 9tb1", "--fleet", 2) == everyone[1:3]
    assert serials(*file, "--only", everyone[3], "--only", everyone[1]) == everyone[1::2]


def test_a_fleet_shares_its_memory(factory_file: Path) -> None:
    one = planned("--devices", factory_file, "--fleet", 1).options
    assert (one.buffer, one.chatty) == (17_280, True)
    plan = planned("--devices", factory_file)
    many = replace(plan, identities=list(plan.identities) * 75).options
    assert (many.buffer, many.chatty) == (666, False)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("serial,device_id,access_key\nA,b,c\n", "access_secret"),
        ("", "serial, device_id"),
        (HEADER + "A1,b,c,d\nA2,b,,d\n", "line 3: access_key is empty"),
        (HEADER + "A1,b\n", "line 2: access_key is empty"),
        (HEADER + "A1,b/#,c,d\n", "line 2: device_id has"),
        (HEADER + "A1,b,c,d\nA-1,b,c,d\n", "line 3: serial A1 is already on line 2"),
        (HEADER, "no gateways"),
    ],
)
def test_bad_file(content: str, cause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)
    assert cause in refused(capsys, "--devices", path)


def test_binary_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"\xff\xfe\x00serial")
    assert "not a UTF-8 CSV" in refused(capsys, "--devices", path)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ((), "Missing --serial, --device-id, --access-key, --access-secret"),
        (("--devices", "/no/such.csv"), "No such file"),
        (("--fleet", "3"), "--devices"),
        ((*ONE, "--access-secret", "s", "--mqtt-url", "http://x"), "mqtt://host:port"),
        ((*ONE, "--access-secret", "s", "--mqtt-url", "mqtt://x:99999"), "--mqtt-url"),
        ((*ONE, "--access-secret", "s", "--tls", "--ca-file", "/no/ca"), "--ca-file"),
        ((*ONE, "--interval", "0.1"), "30 messages in 15 s"),
        ((*ONE, "--speed", "-1"), "positive"),
        ((*ONE, "--panel", "hello"), "--panel"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_bad_arguments(
    arguments: tuple[str, ...],
    cause: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ACCESS_SECRET", raising=False)
    assert cause in refused(capsys, *arguments)


def test_fleet_larger_than_the_file(factory_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "has 4 gateways" in refused(capsys, "--devices", factory_file, "--fleet", 5)


def test_unknown_only(factory_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "lacks serial NOSUCH" in refused(capsys, "--devices", factory_file, "--only", "NOSUCH")


def test_identity_errors_never_tell_the_secret() -> None:
    with pytest.raises(BadInput) as caught:
        planned(*ONE[:3], "bad id", *ONE[4:], ACCESS_SECRET="s3cret")
    assert "s3cret" not in str(caught.value)


def test_panel_port_in_use(factory_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = simulate("--devices", factory_file, "--panel", taken.getsockname()[1])
        _, error = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "Address already in use" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("reachable", [True, False], ids=["online", "offline"])
def test_signal_stops_cleanly(
    number: signal.Signals, reachable: bool, steady_broker: BrokerProcess, factory_file: Path
) -> None:
    url = steady_broker.url if reachable else f"mqtt://127.0.0.1:{free_port()}"
    process = simulate("--devices", factory_file, "--mqtt-url", url, "--panel", 0)
    assert process.stderr
    word = "online" if reachable else "cannot reach"
    said = next(line for line in process.stderr if word in line)
    assert said
    sent = time.monotonic()
    process.send_signal(number)
    _, error = process.communicate(timeout=5)
    assert time.monotonic() - sent < 3
    assert process.returncode == 0
    assert "Traceback" not in error


def test_press_after(broker: BrokerProcess, listener: Listener, factory_file: Path) -> None:
    process = simulate(*("--devices", factory_file, "--fleet", 2, "--press-after", 0.2), MQTT_URL=broker.url)
    until(lambda: len(listener.presses) == 2)
    process.terminate()
    _, error = process.communicate(timeout=5)
    assert "secret-1" not in error


def take_terminal(terminal: int) -> None:
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def test_keys_press_and_the_terminal_is_restored(broker: BrokerProcess, listener: Listener) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-m", "firmware_sim", *ONE, "--mqtt-url", broker.url],
        cwd=ROOT,
        env=os.environ | {"ACCESS_SECRET": "s"},
        stdin=theirs,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(take_terminal, theirs),
    )
    until(lambda: listener.reports)

    def pressed(times: int) -> bool:
        return len(listener.presses) == times

    for count, key in enumerate((b"r", b" ", b"\r"), 1):
        os.write(ours, key)
        until(partial(pressed, count))
    os.write(ours, b"q")
    process.communicate(timeout=5)
    assert process.returncode == 0
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_help_tells_of_the_risk(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "other users of this machine can see arguments" in text
    assert "examples:" in text
