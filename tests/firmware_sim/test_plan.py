"""What the command line comes to: a bound for each number, and what goes together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from firmware_sim import cli
from firmware_sim.fleet import FLEET_BUFFER, Plan
from firmware_sim.identity import BadInput, Identity
from firmware_sim.link import Broker
from firmware_sim.receiver import Place

if TYPE_CHECKING:
    from pathlib import Path

ONE = ("--serial", "7K3MQ2XW9TBC", "--device-id", "66f0c0ffee66f0c0ffee0001", "--access-key", "k")
SECRET = "00" * 32


def plan(*arguments: Any, **env: str) -> Plan:
    given = {"ACCESS_SECRET": "s", **env}
    return cli.build_plan(cli.build_parser(given).parse_args([*ONE, *map(str, arguments)]), given)


def refuse(*arguments: Any, **env: str) -> str:
    with pytest.raises(BadInput) as refused:
        plan(*arguments, **env)
    return str(refused.value)


def test_what_is_told_is_planned() -> None:
    told = plan(
        *("--interval", "0.6", "--speed", "60", "--seed", "x", "--buffer", "9", "--press-after", "1.5"),
        *("--panel", "0", "--panel-host", "0.0.0.0", "--label-url", "https://h/d/"),
    )
    assert (told.interval, told.speed, told.seed, told.press_after) == (0.6, 60.0, "x", 1.5)
    assert (told.panel, told.label_url, told.options.buffer) == (("0.0.0.0", 0), "https://h/d/", 9)
    assert told.most_refusals is None


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--interval", ["0", "0.59", "-1", "inf", "nan", "x"]),
        ("--speed", ["0", "-1", "inf", "nan", "x"]),
        ("--buffer", ["0", "-1", "1.5", "x"]),
        ("--fleet", ["0", "-1", "x"]),
        ("--panel", ["-1", "65536", "x"]),
        ("--log-level", ["loud"]),
        ("--door", ["window"]),
    ],
)
def test_a_value_out_of_bounds_is_one_line(option: str, values: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for value in values:
        with pytest.raises(SystemExit) as left:
            cli.build_parser({}).parse_args([f"{option}={value}"])
        error = capsys.readouterr().err
        assert (left.value.code, error.count("\n")) == (2, 1)
        assert option in error


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://b.example", ("b.example", 1883, False)),
        ("mqtts://b.example", ("b.example", 8883, True)),
        ("mqtt://user:pass@[2001:db8::7]:7", ("2001:db8::7", 7, False)),
        ("mqtts://b.example:1884/path", ("b.example", 1884, True)),
    ],
)
def test_an_address_of_the_broker(url: str, broker: tuple[str, int, bool]) -> None:
    told = plan("--mqtt-url", url).broker
    assert (told.host, told.port, told.tls is not None) == broker
    assert plan(MQTT_URL=url).broker.host == told.host


@pytest.mark.parametrize("url", ["b.example", "http://b.example", "mqtt://", "mqtt://b:port", "mqtt://[::1", "ws://b"])
def test_what_is_no_address_of_one(url: str) -> None:
    assert "Bad --mqtt-url" in refuse("--mqtt-url", url)


def test_a_ca_goes_with_tls_alone(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    assert "--ca-file without TLS" in refuse("--ca-file", tmp_path / "ca.pem")
    assert "Cannot use --ca-file" in refuse("--ca-file", tmp_path / "ca.pem", "--tls")
    assert "Cannot use --ca-file" in refuse("--ca-file", tmp_path / "none.pem", "--mqtt-url", "mqtts://b")


def test_a_presence_secret_is_one_gateways(factory_file: Path) -> None:
    assert plan("--presence-secret", SECRET).presence_secret == bytes(32)
    assert plan(PRESENCE_SECRET=f" {SECRET}\n").options.presence_secret == bytes(32)
    assert plan().presence_secret is None
    assert "Bad --presence-secret" in refuse("--presence-secret", "00")
    several = cli.build_parser({}).parse_args(["--devices", str(factory_file), "--presence-secret", SECRET])
    with pytest.raises(BadInput, match=r"and there are 4\. Choose one with --only"):
        cli.build_plan(several, {})
    assert "presence_secret" not in repr(plan("--presence-secret", SECRET))


def test_places_are_read_with_the_plan(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text("serial,latitude,longitude\n7k3mq2xw9tbc,1,2\n")
    assert plan("--places", tmp_path / "places.csv").places == {"7K3MQ2XW9TBC": Place(1, 2)}
    assert plan().places == {}


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--only", "A1"), "choose from a file"),
        (("--except", "A1"), "choose from a file"),
        (("--fleet", "2"), "choose from a file"),
        (("--site", "http://s"), "Say which with --door"),
        (("--organisation", "o"), "Say which with --door"),
        (("--given", "f"), "Say which with --door"),
        (("--flash", "f"), "Say which with --door"),
        (("--devices", "f.csv"), "exclude each other"),
    ],
)
def test_what_does_not_go_together_is_told(arguments: tuple[str, ...], cause: str) -> None:
    assert cause in refuse(*arguments)


@pytest.mark.parametrize("missing", ["--serial", "--device-id", "--access-key"])
def test_what_is_missing_is_named(missing: str) -> None:
    at = ONE.index(missing)
    given = cli.build_parser({}).parse_args([*ONE[:at], *ONE[at + 2 :]])
    with pytest.raises(BadInput, match=f"Missing {missing}, --access-secret"):
        cli.build_plan(given, {})


@pytest.mark.parametrize(
    ("number", "buffer", "chatty"),
    [(1, 17_280, True), (5, 17_280, True), (6, 17_280, False), (100, 2_000, False), (10_000, 60, False)],
)
def test_a_fleet_shares_one_bound_on_memory(number: int, buffer: int, *, chatty: bool) -> None:
    identity = Identity("A1", "id", "key", "secret")
    options = Plan([identity] * number, Broker("h", 1)).options
    assert (options.buffer, options.chatty) == (buffer, chatty)
    assert number * buffer <= max(FLEET_BUFFER, 60 * number)


def test_the_same_bad_gateway_is_told_without_its_secret() -> None:
    told = refuse("--access-secret", "s3cret", "--serial", "a/b")
    assert "Bad gateway: serial has characters" in told
    assert "s3cret" not in told
