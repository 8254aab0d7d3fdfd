from __future__ import annotations

import asyncio
import json
import logging
import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from firmware_sim import gateway as gateway_module
from firmware_sim.gateway import Led, PressRefused
from firmware_sim.link import Broker, Dialer, Status, compute_backoff

from .conftest import IDENTITY, BrokerProcess, Listener, ScriptedBroker, running, soon

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

ATTRIBUTES = {
    "engineState",
    "rpm",
    "load",
    "current",
    "voltage",
    "frequency",
    "manifoldTemperature",
    "coolantTemperature",
    "oilPressure",
    "fuelLevel",
    "runHours",
    "registerButton",
}


def at(broker: BrokerProcess) -> Broker:
    return Broker("127.0.0.1", broker.port)


def scripted(
    act: Callable[[ScriptedBroker, Broker], Awaitable[None]],
    *,
    connack: int = 0,
    acknowledge: bool = True,
) -> None:
    async def main() -> None:
        server = ScriptedBroker(connack=connack, acknowledge=acknowledge)
        address = await server.start()
        try:
            await act(server, address)
        finally:
            await server.stop()

    asyncio.run(main())


def test_reports_its_generator(broker: BrokerProcess, listener: Listener) -> None:
    async def main() -> None:
        async with running(at(broker), interval=0.7) as gateway:
            await soon(lambda: len(listener.reports) >= 2)
            assert gateway.led is Led.ONLINE

    started = int(time.time() * 1000)
    asyncio.run(main())
    topic, report = listener.reports[0]
    assert topic == f"devices/{IDENTITY.device_id}/state"
    assert set(report["data"]) == ATTRIBUTES
    assert report["data"]["engineState"] == "running"
    assert report["data"]["registerButton"] is False
    assert started <= report["time"] <= time.time() * 1000
    assert listener.times == sorted(set(listener.times))


def test_press_travels_without_waiting_for_the_period(broker: BrokerProcess, listener: Listener) -> None:
    async def main() -> None:
        async with running(at(broker), interval=60) as gateway:
            await soon(lambda: len(listener.reports) == 1)
            await gateway.press()
            assert gateway.led is Led.PRESSED
            await soon(lambda: listener.presses)

    asyncio.run(main())
    [press] = listener.presses
    assert press["data"] == {"registerButton": True}
    assert press["time"] > listener.times[0]


def test_broker_killed_and_back(broker: BrokerProcess, listener: Listener) -> None:
    """Every report made meanwhile arrives, oldest first, with the time at which it was made."""

    async def main() -> None:
        dialer = Dialer(at(broker), at_once=1)
        async with running(dialer, interval=0.7) as gateway:
            await soon(lambda: gateway.outbox.sent >= 1)
            broker.kill()
            await soon(lambda: not gateway.online)
            with pytest.raises(PressRefused):
                await gateway.press()
            await soon(lambda: len(gateway.outbox) >= 4)
            async with dialer._at_once:
                await asyncio.to_thread(broker.start)
                await soon(listener.client.is_connected)
                await asyncio.sleep(0.2)
            made = gateway._clock.last
            await soon(lambda: made in listener.times, 15)

    asyncio.run(main())
    assert len(listener.reports) >= 5
    assert listener.times == sorted(set(listener.times))
    gaps = [b - a for a, b in zip(listener.times, listener.times[1:], strict=False)]
    assert max(gaps) < 1400, "a report is missing"
    assert not listener.presses, "a press was kept for later"


def test_unacknowledged_report_is_sent_again_with_its_time() -> None:
    async def act(server: ScriptedBroker, address: Broker) -> None:
        async with running(address, interval=60) as gateway:
            await soon(lambda: server.published)
            assert (gateway.outbox.sent, len(gateway.outbox)) == (0, 1)
            server.acknowledge = True
            server.cut()
            await soon(lambda: gateway.outbox.sent == 1)
            assert len(gateway.outbox) == 0
        first, second = server.published
        assert first == second

    scripted(act, acknowledge=False)


def test_acknowledged_report_is_not_sent_again() -> None:
    async def act(server: ScriptedBroker, address: Broker) -> None:
        async with running(address, interval=60) as gateway:
            await soon(lambda: gateway.outbox.sent == 1)
            server.cut()
            await soon(lambda: len(server.connects) == 2 and gateway.online)
            await asyncio.sleep(0.2)
        assert len(server.published) == 1

    scripted(act)


def test_backlog_is_paced() -> None:
    async def act(server: ScriptedBroker, address: Broker) -> None:
        async with running(address, interval=60) as gateway:
            await soon(lambda: gateway.outbox.sent == 1)
            for number in range(50):
                gateway.outbox.add(json.dumps({"data": {}, "time": number}).encode())
            gateway._pump()
            await asyncio.sleep(2.0)
            assert 3 <= len(server.published) <= 5
            before = len(server.published)
            await gateway.press()
            assert len(server.published) - before <= 2
            assert any(report["data"].get("registerButton") for report in server.published)

    scripted(act)


def test_silent_broker_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "ACK_TIMEOUT", 0.5)

    async def act(server: ScriptedBroker, address: Broker) -> None:
        async with running(address, interval=0.7):
            await soon(lambda: len(server.connects) >= 2)

    scripted(act, acknowledge=False)


def test_connects_as_the_contract_says() -> None:
    async def act(server: ScriptedBroker, address: Broker) -> None:
        async with running(address):
            await soon(lambda: server.connects)

    async def check(server: ScriptedBroker, address: Broker) -> None:
        await act(server, address)
        body = server.connects[0]
        assert body[:7] == b"\x00\x04MQTT\x04"
        assert body[7] == 0xC0, "user name and password; neither clean session nor a will"
        assert int.from_bytes(body[8:10]) == 30
        for text in (IDENTITY.device_id, IDENTITY.access_key, IDENTITY.access_secret):
            assert len(text).to_bytes(2) + text.encode() in body

    scripted(check)


@pytest.mark.parametrize("code", [4, 5])
def test_refused_credentials_are_said_and_retried_slowly(code: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def act(server: ScriptedBroker, address: Broker) -> None:
        async with running(address) as gateway:
            await soon(lambda: gateway.status is Status.REFUSED)
            assert gateway.led is Led.REFUSED
            assert f"code {code}" in gateway.reason
            await asyncio.sleep(1.5)
            assert len(server.connects) == 1
            with pytest.raises(PressRefused, match="refused"):
                await gateway.press()

    scripted(act, connack=code)
    assert f"code {code}" in caplog.text
    assert IDENTITY.access_secret not in caplog.text


def test_press_that_is_not_acknowledged_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "PRESS_TIMEOUT", 0.3)

    async def act(server: ScriptedBroker, address: Broker) -> None:
        async with running(address) as gateway:
            await soon(lambda: gateway.online)
            with pytest.raises(PressRefused, match="did not acknowledge"):
                await gateway.press()
            assert gateway.led is Led.REFUSED
            press = asyncio.create_task(gateway.press())
            await asyncio.sleep(0.05)
            server.cut()
            with pytest.raises(PressRefused, match="connection was lost"):
                await press
            server.acknowledge = True
            await soon(lambda: gateway.outbox.sent)
            presses = [r for r in server.published if r["data"].get("registerButton")]
            assert len(presses) == 2, "a refused press was sent again"

    scripted(act, acknowledge=False)


def test_too_many_presses_are_refused() -> None:
    async def act(_server: ScriptedBroker, address: Broker) -> None:
        async with running(address) as gateway:
            await soon(lambda: gateway.online)
            for _ in range(4):
                await gateway.press()
            with pytest.raises(PressRefused, match="too often"):
                await gateway.press()

    scripted(act)


def test_unplugged_buffers_and_plugged_in_delivers() -> None:
    async def act(server: ScriptedBroker, address: Broker) -> None:
        async with running(address, interval=0.7) as gateway:
            await soon(lambda: gateway.outbox.sent == 1)
            gateway.unplug()
            assert gateway.led is Led.OFF
            with pytest.raises(PressRefused, match="unplugged"):
                await gateway.press()
            await soon(lambda: len(gateway.outbox) == 3)
            assert len(server.connects) == 1
            gateway.plug_in()
            await soon(lambda: gateway.outbox.sent >= 4)
            assert [r["time"] for r in server.published] == sorted(r["time"] for r in server.published)

    scripted(act)


def test_a_command_is_done_and_answered_once(
    broker: BrokerProcess, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stop = {"id": "c1", "name": "stop", "payload": None, "expires": {"$date": "2999-01-01T00:00:00.000Z"}}

    def answers() -> list[dict[str, object]]:
        return [report["data"]["commandAnswer"] for _, report in listener.reports if "commandAnswer" in report["data"]]

    async def main() -> None:
        async with running(at(broker), interval=60) as gateway:
            await soon(lambda: listener.reports)
            topic = f"devices/{IDENTITY.device_id}/command"
            for sent in (stop, stop, stop | {"id": "c2", "name": "explode"}, stop | {"id": "c3", "name": "identify"}):
                listener.client.publish(topic, json.dumps(sent), qos=1)
            await soon(lambda: len(answers()) == 4)
            assert gateway.led is Led.IDENTIFIES

    asyncio.run(main())
    done = {"id": "c1", "status": "done", "result": {"engineState": "cooldown"}}
    refused = {"id": "c2", "status": "refused", "reason": "it knows no explode"}
    assert answers() == [done, done, refused, {"id": "c3", "status": "done"}]
    assert "explode" in caplog.text


def test_backoff_grows_to_a_minute_and_is_spread() -> None:
    first = {compute_backoff(0) for _ in range(50)}
    assert len(first) > 10
    assert min(first) >= 1
    assert max(first) <= 1.25
    assert all(3 <= compute_backoff(2) <= 5 for _ in range(50))
    assert all(45 <= compute_backoff(40) <= 60 for _ in range(50))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Self-signed, for localhost: the key and the certificate."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-days", "2"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@pytest.mark.parametrize("trusted", [True, False])
def test_tls(trusted: bool, certificate: tuple[Path, Path]) -> None:
    key, cert = certificate
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(cert, key)
    trust = ssl.create_default_context(cafile=cert if trusted else None)

    async def main() -> None:
        server = ScriptedBroker()
        plain = await server.start(served)
        async with running(Broker("localhost", plain.port, trust)) as gateway:
            if trusted:
                await soon(lambda: gateway.outbox.sent)
                await gateway.press()
                gateway.unplug()
                await soon(lambda: gateway.status is Status.UNPLUGGED)
                gateway.plug_in()
                await soon(lambda: gateway.online)
            else:
                await soon(lambda: "certificate" in gateway.reason)
                assert not server.connects
        await server.stop()

    asyncio.run(main())
