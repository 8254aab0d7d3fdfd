"""What the panel's pages say. The markup is in the .html files beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import islice
from pathlib import Path
from string import Template
from typing import Any

from firmware_sim.gateway import Gateway
from firmware_sim.identity import normalise
from firmware_sim.link import Status

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


def state(gateway: Gateway) -> dict[str, Any]:
    reading = gateway.reading
    return {
        **row(gateway),
        "reason": gateway.reason,
        "pluggedIn": gateway.status is not Status.UNPLUGGED,
        "sent": gateway.outbox.sent,
        "dropped": gateway.outbox.dropped,
        "press": gateway.press_result.text,
        "pressSent": gateway.press_result.sent,
        "presses": gateway.press_result.count,
        "command": gateway.last_command,
        "fault": reading.get("fault", "none"),
        "readout": {name: _shown(reading.get(name), places) for name, _, _, places in READOUT},
    }


def row(gateway: Gateway) -> dict[str, Any]:
    return {
        "serial": gateway.serial,
        "printed": gateway.identity.printed,
        "led": gateway.led.value,
        "connection": CONNECTION[gateway.status],
        "buffered": len(gateway.outbox),
        "engineState": gateway.reading.get("engineState", "unknown"),
    }


def _shown(value: object, places: int) -> str:
    return f"{value:,.{places}f}" if isinstance(value, float | int) else "\N{EN DASH}"


def search(gateways: Iterable[Gateway], query: str) -> tuple[list[Gateway], int]:
    """At most 200 of those whose serial has the query in it, and how many there are."""
    wanted = normalise(query)
    found = [gateway for gateway in gateways if wanted in gateway.serial]
    return list(islice(found, MOST_ROWS)), len(found)


def gateway(gateway: Gateway, now: dict[str, Any], *, qr: str, alone: bool) -> str:
    serial = gateway.serial
    body = _template("gateway.html").substitute(
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
    )
    return _page(f"Gateway {serial}", body)


def listing(gateways: Iterable[Gateway], query: str) -> str:
    everything = list(gateways)
    found, total = search(everything, query)
    rows = "".join(_row(each) for each in found)
    body = _template("list.html").substitute(
        query=escape(query),
        total=len(everything),
        online=sum(each.online for each in everything),
        rows=rows,
        more=f"{total - len(found)} more: type more of the serial." if total > len(found) else "",
        none="" if found else "No gateway has this in its serial.",
    )
    return _page("Gateways", body)


def _row(gateway: Gateway) -> str:
    now = {key: escape(str(value)) for key, value in row(gateway).items()}
    return _template("row.html").substitute(now)


def failure(title: str, text: str) -> str:
    return _page(
        title,
        f'<main class="note"><h1>{escape(title)}</h1><p>{escape(text)}</p>'
        '<p><a href="/">Back to the gateways</a></p></main>',
    )


def _page(title: str, body: str) -> str:
    return _template("page.html").substitute(title=escape(title), body=body)


def _template(name: str) -> Template:
    return Template((FILES / name).read_text(encoding="utf-8"))
