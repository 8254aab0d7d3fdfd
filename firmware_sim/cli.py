"""The command line: what to simulate, which broker to speak to, and what to show."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import ssl
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from . import entering, presence
from .entering import Refused
from .fleet import Fleet, Plan
from .identity import BadInput, Identity, normalise_serial, read_factory_file
from .link import Broker
from .outbox import Pacer
from .receiver import read_places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PORTS = {"mqtt": 1883, "mqtts": 8883}
MQTT_URL = "mqtt://127.0.0.1:1883"
EXAMPLES = """\
examples:
  # one gateway, its label and button on http://127.0.0.1:8090/
  ACCESS_SECRET=... python -m firmware_sim --serial HYER63P4RGEE \\
      --device-id 66f0c0ffee66f0c0ffee0001 --access-key KEY --panel 8090

  # the first 300 of the factory's file, except the one that is provisioned live
  python -m firmware_sim --devices result.csv --fleet 300 --except HYER63P4RGEE

  # one gateway of that file, over TLS, pressed 5 s after it came online
  python -m firmware_sim --devices result.csv --only HYER63P4RGEE \\
      --mqtt-url mqtts://broker.example --ca-file ca.pem --press-after 5

  # one gateway from the shelf: it asks a door for its credential, keeps it, and connects
  TOKEN=... python -m firmware_sim --door jwt --serial HYER63P4RGEE --site https://handover.example

environment: MQTT_URL, PANEL_PORT, ACCESS_SECRET and PRESENCE_SECRET stand in for the options of these names; with
--door also SITE, ORGANISATION, SERIAL, TOKEN and DEVICE_ID.
exit codes: 0 stopped by SIGINT, SIGTERM or q; 1 a fault of this program; 2 bad input; 3 refused by the
door, or by the broker what the door gave.
"""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line, as for every other bad input, and exit with 2."""
        self.exit(2, f"firmware_sim: {message}. See --help.\n")


def positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def interval(text: str) -> float:
    number = positive(text)
    if number < Pacer.REPORT_SPACING:
        raise argparse.ArgumentTypeError(
            f"{text} is under {Pacer.REPORT_SPACING} s: the broker takes 30 messages in 15 s"
        )
    return number


def count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to 65535; 0 takes a free one)")
    return number


def build_parser(env: Mapping[str, str]) -> argparse.ArgumentParser:
    top = Parser(
        prog="python -m firmware_sim",
        description="Pretend gateways on pretend generators: they report by MQTT, and their "
        "register button can be pressed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_broker(top, env)
    _add_one(top)
    _add_many(top)
    _add_keys(top)
    entering.add_options(top)
    _add_behaviour(top)
    _add_panel(top, env)
    return top


def _add_broker(top: argparse.ArgumentParser, env: Mapping[str, str]) -> None:
    group = top.add_argument_group("broker")
    group.add_argument(
        "--mqtt-url",
        metavar="URL",
        default=env.get("MQTT_URL") or None,
        help="mqtt://host[:port] or mqtts://host[:port]; env MQTT_URL; user info in it is ignored, "
        "each device has its own (default: mqtt://127.0.0.1:1883)",
    )
    group.add_argument("--tls", action="store_true", help="TLS, as mqtts:// does")
    group.add_argument("--ca-file", type=Path, metavar="FILE", help="trust this CA instead of the system's")


def _add_one(top: argparse.ArgumentParser) -> None:
    group = top.add_argument_group("one gateway")
    group.add_argument("--serial", help="as on the label; spaces and dashes are for the eye")
    group.add_argument("--device-id", metavar="ID", help="24 hex digits; the MQTT client id")
    group.add_argument("--access-key", metavar="KEY", help="the MQTT user name")
    group.add_argument(
        "--access-secret",
        metavar="SECRET",
        help="the MQTT password; other users of this machine can see arguments: prefer env ACCESS_SECRET",
    )


def _add_keys(top: argparse.ArgumentParser) -> None:
    top.add_argument_group("keys").add_argument(
        "--presence-secret",
        metavar="HEX",
        help="with which it signs digits that are entered on its panel; env PRESENCE_SECRET",
    )


def _add_many(top: argparse.ArgumentParser) -> None:
    group = top.add_argument_group("gateways of a factory's file")
    group.add_argument(
        "--devices",
        type=Path,
        metavar="FILE",
        help="CSV with the columns serial,device_id,access_key,access_secret",
    )
    group.add_argument("--only", action="append", default=[], metavar="SERIAL", help="just this one; repeatable")
    group.add_argument(
        "--except",
        action="append",
        default=[],
        dest="excluded",
        metavar="SERIAL",
        help="all but this one; repeatable",
    )
    group.add_argument("--fleet", type=count, metavar="N", help="the first N that remain (default: all)")


def _add_behaviour(top: argparse.ArgumentParser) -> None:
    group = top.add_argument_group("behaviour")
    group.add_argument(
        "--interval",
        type=interval,
        default=5.0,
        metavar="SECONDS",
        help="between two reports (default: 5)",
    )
    group.add_argument(
        "--press-after",
        type=float,
        metavar="SECONDS",
        help="press each button once, this long after the gateway first came online",
    )
    group.add_argument(
        "--speed",
        type=positive,
        default=1.0,
        metavar="FACTOR",
        help="how fast the generators' time runs (default: 1)",
    )
    group.add_argument("--seed", default="0", help="other generators from another seed")
    group.add_argument(
        "--buffer",
        type=count,
        metavar="N",
        help="reports kept per gateway while offline, oldest dropped first "
        "(default: 17280; in a fleet 200000 shared out)",
    )
    group.add_argument(
        "--places",
        type=Path,
        metavar="FILE",
        help="CSV with the columns serial,latitude,longitude: these gateways report where they stand, as the "
        "attribute position, at their start and hourly",
    )
    group.add_argument("--quiet", action="store_true", help="only warnings and errors")
    group.add_argument(
        "--log-level",
        choices=["debug", "info", "warning", "error"],
        default="info",
        metavar="LEVEL",
    )


def _add_panel(top: argparse.ArgumentParser, env: Mapping[str, str]) -> None:
    group = top.add_argument_group("panel", "A web page with the gateway, its label and button.")
    group.add_argument(
        "--panel",
        type=port,
        metavar="PORT",
        default=env.get("PANEL_PORT") or None,
        help="serve it on this port; env PANEL_PORT",
    )
    group.add_argument(
        "--panel-host",
        metavar="HOST",
        default="127.0.0.1",
        help="whoever reaches it can press the buttons (default: 127.0.0.1)",
    )
    group.add_argument(
        "--label-url",
        metavar="PREFIX",
        default="",
        help="the QR code holds PREFIX + serial, such as https://host/d/, instead of the serial",
    )


def build_plan(options: argparse.Namespace, env: Mapping[str, str]) -> Plan:
    """Turn the options into a plan; a gateway from the shelf comes in by its door. Raises BadInput, Refused."""
    if options.door:
        entry = entering.read_entry(options, env)
        parse_broker(options, entry.mqtt_url)  # bad ones are told before a door is asked
        kept = entering.enter(entry, quiet=options.quiet)
        identities, mqtt_url, label = [kept.identity], entry.mqtt_url or kept.mqtt_url, kept.label
    else:
        identities, mqtt_url, label = read_identities(options, env), options.mqtt_url or "", ""
    return Plan(
        identities=identities,
        presence_secret=_read_presence_secret(options, env, len(identities)),
        places=read_places(options.places) if options.places else {},
        broker=parse_broker(options, mqtt_url),
        interval=options.interval,
        speed=options.speed,
        seed=options.seed,
        buffer=options.buffer,
        press_after=options.press_after,
        panel=None if options.panel is None else (options.panel_host, options.panel),
        label_url=options.label_url,
        label=label,
        most_refusals=entering.MOST_REFUSALS if options.door else None,
    )


def _read_presence_secret(options: argparse.Namespace, env: Mapping[str, str], gateways: int) -> bytes | None:
    text = options.presence_secret or env.get("PRESENCE_SECRET", "")
    if text and gateways != 1:
        raise BadInput(f"--presence-secret is one gateway's, and there are {gateways}. Choose one with --only.")
    return presence.read_secret(text.strip()) if text else None


def parse_broker(options: argparse.Namespace, mqtt_url: str) -> Broker:
    try:
        url = urlsplit(mqtt_url or MQTT_URL)
        scheme, host, number = url.scheme, url.hostname, url.port
    except ValueError as error:
        raise BadInput(f"Bad --mqtt-url: {error}. Give mqtt://host:port.") from error
    if scheme not in PORTS or not host:
        raise BadInput("Bad --mqtt-url: it must look like mqtt://host:port or mqtts://host:port.")
    if options.ca_file and scheme == "mqtt" and not (options.tls or options.door):
        raise BadInput("--ca-file without TLS. Give mqtts://host or --tls as well.")
    if options.tls:
        scheme = "mqtts"
    return Broker(host, number or PORTS[scheme], _make_tls(options) if scheme == "mqtts" else None)


def _make_tls(options: argparse.Namespace) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:
        raise BadInput(
            f"Cannot use --ca-file {options.ca_file}: {error.strerror or error}. Give a CA certificate in PEM."
        ) from error


def read_identities(options: argparse.Namespace, env: Mapping[str, str]) -> list[Identity]:
    single = (options.serial, options.device_id, options.access_key, options.access_secret)
    if options.devices is None:
        return [_read_one(options, env)]
    if any(single):
        raise BadInput("--devices and the options of one gateway exclude each other. Use --only.")
    identities = list(islice(_choose_identities(options), options.fleet))
    if options.fleet and len(identities) < options.fleet:
        raise BadInput(
            f"--fleet {options.fleet}, but {options.devices} has {len(identities)} gateways to choose "
            "from. Ask for fewer or give a longer file."
        )
    if not identities:
        raise BadInput(f"{options.devices} has no gateways to run. Check --only and --except.")
    return identities


def _read_one(options: argparse.Namespace, env: Mapping[str, str]) -> Identity:
    if options.fleet or options.only or options.excluded:
        raise BadInput("--fleet, --only and --except choose from a file. Give it with --devices.")
    if options.site or options.organisation or options.token or options.given or options.flash:
        raise BadInput("--site, --organisation, --token, --given and --flash are a door's. Say which with --door.")
    secret = options.access_secret or env.get("ACCESS_SECRET", "")
    values = {
        "--serial": options.serial,
        "--device-id": options.device_id,
        "--access-key": options.access_key,
        "--access-secret": secret,
    }
    if missing := [name for name, value in values.items() if not value]:
        raise BadInput(f"Missing {', '.join(missing)}. Give them, or --devices FILE.")
    try:
        return Identity(*(str(value).strip() for value in values.values()))
    except ValueError as error:
        raise BadInput(f"Bad gateway: {error}. See its row in the factory's file.") from error


def _choose_identities(options: argparse.Namespace) -> Iterator[Identity]:
    """Yield in the file's order. Raises BadInput at its end for a serial that the file lacks."""
    only = {normalise_serial(serial) for serial in options.only}
    excluded = {normalise_serial(serial) for serial in options.excluded}
    unseen = set(only)
    for identity in read_factory_file(options.devices):
        unseen.discard(identity.serial)
        if identity.serial not in excluded and (not only or identity.serial in only):
            yield identity
        if only and not unseen:
            return
    if unseen:
        raise BadInput(f"{options.devices} lacks serial {min(unseen)}. Check --only.")


def main(arguments: Sequence[str] | None = None) -> int:
    options = build_parser(os.environ).parse_args(arguments)
    level = "WARNING" if options.quiet else options.log_level.upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    try:
        return asyncio.run(Fleet(build_plan(options, os.environ)).run())
    except BadInput as error:
        sys.stderr.write(f"firmware_sim: {error}\n")
        return 2
    except Refused as error:
        sys.stderr.write(f"firmware_sim: {error}\n")
        return 3
    except KeyboardInterrupt:
        return 0
