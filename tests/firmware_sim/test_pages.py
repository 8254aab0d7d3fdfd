"""What the panel's pages say of gateways, with nothing of theirs taken for markup."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from firmware_sim.gateway import Gateway, Options
from firmware_sim.identity import Identity
from firmware_sim.link import Broker, Dialer, Status
from firmware_sim.panel import pages

READING = {"engineState": "running", "fault": "none", "load": 123.456, "rpm": 1799.6, "runHours": 12_345.67}


def make(serial: str = "7K3M-Q2XW", *, device_id: str = "id1", secret: bytes | None = None) -> Gateway:
    async def read() -> Any:
        return READING

    async def build() -> Gateway:
        dialer = Dialer(Broker("127.0.0.1", 1))
        gateway = Gateway(Identity(serial, device_id, "key", "secret"), read, dialer, Options(presence_secret=secret))
        gateway.reading = await gateway.read_fresh()
        return gateway

    return asyncio.run(build())


def put(gateway: Gateway, status: Status, reason: str = "") -> Gateway:
    cast("Any", gateway)._link.status = status
    gateway.reason = reason
    return gateway


@pytest.mark.parametrize(
    ("status", "connection", "led", "is_in"),
    [
        (Status.ONLINE, "Online", "online", True),
        (Status.CONNECTING, "Connecting", "connecting", True),
        (Status.OFFLINE, "Offline", "off", True),
        (Status.UNPLUGGED, "Unplugged", "off", False),
        (Status.REFUSED, "Refused", "refused", True),
    ],
)
def test_each_status_has_its_words_and_its_light(status: Status, connection: str, led: str, *, is_in: bool) -> None:
    told = pages.describe_state(put(make(), status, "why"))
    assert (told["connection"], told["led"], told["pluggedIn"], told["reason"]) == (connection, led, is_in, "why")


def test_values_are_written_as_a_display_does() -> None:
    told = pages.describe_state(make())
    assert told["readout"] == {
        "load": "123.5",
        "rpm": "1,800",
        "fuelLevel": "–",
        "voltage": "–",
        "current": "–",
        "frequency": "–",
        "coolantTemperature": "–",
        "manifoldTemperature": "–",
        "oilPressure": "–",
        "runHours": "12,345.7",
    }
    assert (told["engineState"], told["fault"], told["printed"]) == ("running", "none", "7K3M-Q2XW")


def test_reports_and_presses_are_counted() -> None:
    gateway = make()
    for number in range(3):
        gateway.outbox.add(bytes([number]))
    gateway.outbox.mark_sending(1)
    gateway.outbox.acknowledge(1)
    gateway.press_result.note("Press received by the broker.", sent=True)
    gateway.press_result.note("Press refused: too often.", sent=False)
    told = pages.describe_state(gateway)
    assert (told["buffered"], told["sent"], told["dropped"]) == (2, 1, 0)
    assert (told["press"], told["pressSent"], told["presses"]) == ("Press refused: too often.", False, 1)
    assert told["led"] == "refused"


def test_the_page_takes_no_text_for_markup() -> None:
    gateway = put(make(), Status.OFFLINE, "<b>why</b>")
    gateway.last_command = '"><script>'
    page = pages.render_gateway(gateway, pages.describe_state(gateway), qr="<svg/>", alone=True)
    assert "<script>" not in page.split("<main")[1]
    assert "&lt;b&gt;why" in page
    assert "<svg/>" in page
    failure = pages.render_failure("Not <found>", "no & such")
    assert "Not &lt;found&gt;" in failure
    assert "no &amp; such" in failure
    waiting = pages.render_waiting("<S>", "<C>", "<W>", "<svg/>")
    assert all(f"&lt;{each}&gt;" in waiting for each in "SCW")


@pytest.mark.parametrize(("secret", "has_keys"), [(None, False), (bytes(32), True)])
def test_keys_are_there_where_it_can_sign(secret: bytes | None, *, has_keys: bool) -> None:
    gateway = make(secret=secret)
    page = pages.render_gateway(gateway, pages.describe_state(gateway), qr="", alone=True)
    assert ("/gateways/7K3MQ2XW/enter" in page) is has_keys


@pytest.mark.parametrize(("status", "action"), [(Status.ONLINE, "unplug"), (Status.UNPLUGGED, "plug-in")])
def test_the_network_is_unplugged_or_plugged_in(status: Status, action: str) -> None:
    gateway = put(make(), status)
    page = pages.render_gateway(gateway, pages.describe_state(gateway), qr="", alone=False)
    assert f"/gateways/7K3MQ2XW/{action}" in page
    assert 'class="back"' in page


PARK = [make(f"AB{number:04}") for number in range(250)]


@pytest.mark.parametrize(
    ("query", "found", "total"),
    [("", 200, 250), ("ab00", 100, 100), ("ab-00 07", 1, 1), ("0249", 1, 1), ("none", 0, 0)],
)
def test_gateways_are_found_by_any_part_of_their_serial(query: str, found: int, total: int) -> None:
    matches, count = pages.find_gateways(PARK, query)
    assert (len(matches), count) == (found, total)


def test_a_list_says_how_many_more_there_are() -> None:
    page = pages.render_list(PARK, "")
    assert "50 more: type more of the serial." in page
    assert page.count("/gateways/AB") >= 200
    page = pages.render_list(PARK, "<none>")
    assert "No gateway has this in its serial." in page
    assert "&lt;none&gt;" in page
    assert "more: type more" not in page
