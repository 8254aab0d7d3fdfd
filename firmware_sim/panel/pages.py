"""What the panel's pages say. The markup is in the .html files beside this one."""

from __future__ import annotations

from html import escape
from itertools import islice
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from firmware_sim.identity import normalise_serial
from firmware_sim.link import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firmware_sim.gateway import Gateway

FILES = Path(__file__).parent
MOST_ROWS = 200
CONNECTION = {
    Status.ONLINE: "Online",
    Status.CONNECTING: "Connecting",
    Status.OFFLINE: "Offline",
    Status.UNPLUGGED: "Unplugged",
    Status.REFUSED: "Refused",
}
READOUT = (
    ("load", "Load", "kW", 1),
    ("rpm", "Speed", "rpm", 0),
    ("fuelLevel", "Fuel", "%", 1),
    ("voltage", "Voltage", "V", 0),
    ("current", "Current", "A", 0),
    ("frequency", "Frequency", "Hz", 2),
    ("coolantTemperature", "Coolant", "°C", 1),
    ("manifoldTemperature", "Manifold", "°C", 0),
    ("oilPressure", "Oil", "kPa", 0),
    ("runHours", "Run hours", "h", 1),
)


def describe_state(gateway: Gateway) -> dict[str, Any]:
    reading = gateway.reading
    return {
        **describe_row(gateway),
        "reason": gateway.reason,
        "pluggedIn": gateway.status is not Status.UNPLUGGED,
        "sent": gateway.outbox.sent,
        "dropped": gateway.outbox.dropped,
        "press": gateway.press_result.text,
        "pressSent": gateway.press_result.sent,
        "presses": gateway.press_result.count,
        "command": gateway.last_command,
        "fault": reading.get("fault", "none"),
        "readout": {name: _format_value(reading.get(name), places) for name, _, _, places in READOUT},
    }


def describe_row(gateway: Gateway) -> dict[str, Any]:
    return {
        "serial": gateway.serial,
        "printed": gateway.identity.printed_serial,
        "led": gateway.led.value,
        "connection": CONNECTION[gateway.status],
        "buffered": len(gateway.outbox),
        "engineState": gateway.reading.get("engineState", "unknown"),
    }


def _format_value(value: object, places: int) -> str:
    return f"{value:,.{places}f}" if isinstance(value, float | int) else "\N{EN DASH}"


def find_gateways(gateways: Iterable[Gateway], query: str) -> tuple[list[Gateway], int]:
    """Return at most 200 of those whose serial has the query in it, and how many there are."""
    wanted = normalise_serial(query)
    matches = [gateway for gateway in gateways if wanted in gateway.serial]
    return list(islice(matches, MOST_ROWS)), len(matches)


def render_gateway(gateway: Gateway, now: dict[str, Any], *, qr: str, alone: bool) -> str:
    serial = gateway.serial
    body = _read_template("gateway.html").substitute(
        {key: escape(str(value)) for key, value in now.items() if key != "readout"},
        qr=qr,
        readout="".join(
            f'<div><dt>{title}</dt><dd><span data-value="{name}">{now["readout"][name]}</span> '
            f"<small>{unit}</small></dd></div>"
            for name, title, unit, _ in READOUT
        ),
        back="" if alone else '<a class="back" href="/">All gateways</a>',
        plug_action="unplug" if now["pluggedIn"] else "plug-in",
        plug_text="Unplug network" if now["pluggedIn"] else "Plug network in",
        device_id=escape(gateway.identity.device_id),
        keys=_read_template("keys.html").substitute(serial=serial) if gateway.has_keys else "",
    )
    return _render_page(f"Gateway {serial}", body)


def render_list(gateways: Iterable[Gateway], query: str) -> str:
    gateways = list(gateways)
    matches, total = find_gateways(gateways, query)
    rows = "".join(_render_row(gateway) for gateway in matches)
    body = _read_template("list.html").substitute(
        query=escape(query),
        total=len(gateways),
        online=sum(gateway.online for gateway in gateways),
        rows=rows,
        more=f"{total - len(matches)} more: type more of the serial." if total > len(matches) else "",
        none="" if matches else "No gateway has this in its serial.",
    )
    return _render_page("Gateways", body)


def _render_row(gateway: Gateway) -> str:
    now = {key: escape(str(value)) for key, value in describe_row(gateway).items()}
    return _read_template("row.html").substitute(now)


def render_waiting(serial: str, code: str, words: str, qr: str) -> str:
    """Return what a gateway shows that waits to be let in; `qr` is markup."""
    texts = {"serial": escape(serial), "code": escape(code), "words": escape(words)}
    return _render_page(f"Gateway {serial}", _read_template("waiting.html").substitute(texts, qr=qr))


def render_failure(title: str, text: str) -> str:
    return _render_page(
        title,
        f'<main class="note"><h1>{escape(title)}</h1><p>{escape(text)}</p>'
        '<p><a href="/">Back to the gateways</a></p></main>',
    )


def _render_page(title: str, body: str) -> str:
    return _read_template("page.html").substitute(title=escape(title), body=body)


def _read_template(name: str) -> Template:
    return Template((FILES / name).read_text(encoding="utf-8"))
