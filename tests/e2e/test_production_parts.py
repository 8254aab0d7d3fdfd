"""The main job again, with PostgreSQL, Redis and RabbitMQ named by environment alone."""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import psutil
import pytest

from tests import parts
from tests.mqtt.presses import press_until
from tests.mqtt.rabbitmq import rabbitmq
from tests.stack import PASSWORD, demo
from tests.web import Browser, Page, option_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def postgresql() -> Iterator[str]:
    server = parts.PostgreSQL(parts.needs("postgresql"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def redis() -> Iterator[str]:
    server = parts.Redis()
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def stack(postgresql: str, redis: str, tmp_path: Path) -> Iterator[Stack]:
    port, secret = str(parts.free_port()), secrets.token_hex(16)
    with rabbitmq(tmp_path, f"127.0.0.1:{port}", secret, parts.free_port()) as broker:
        urls = {
            "DATABASE_URL": postgresql,
            "REDIS_URL": redis,
            "MQTT_URL": f"mqtt://handover:{secrets.token_hex(16)}@127.0.0.1:{broker.port}",
        }
        with demo(PORT=port, BROKER_AUTH_SECRET=secret, **urls) as running:
            yield running


def until(look: Callable[[], Page], says: str) -> Page:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        page = look()
        if says in page.text:
            return page
        time.sleep(0.2)
    raise AssertionError(f"{says!r} never came: {page.text[:3000]}")


def press(stack: Stack, serial: str) -> None:
    url = f"{stack.panel}/gateways/{serial}/press"
    with urlopen(Request(url, method="POST", headers={"Origin": stack.panel}), timeout=10) as answer:
        assert json.load(answer)["pressed"] is True


def test_scan_press_place_watch(stack: Stack) -> None:
    assert "postgresql" in stack.log
    family = [" ".join(each.cmdline()) for each in psutil.Process(stack.process.pid).children(recursive=True)]
    assert len(family) == 6  # site, TLS end, hooks, worker, beat, simulator; not what the environment names
    assert not [each for each in family if "valkey" in each or "manage.py broker" in each]
    serial = re.findall(r"/gateways/(\w{12}):", stack.log)[0]
    browser = Browser(stack.url)
    browser.sign_in("technician@sadler.example", PASSWORD)
    window = browser.post("/register/scan/", text=serial)
    path = window.url.removeprefix(stack.url)
    until(lambda: browser.get(path), "Online")
    press_until(lambda: 'data-state="pressed"' in browser.get(path).text, lambda: press(stack, serial))
    form = browser.get(path)
    fields = {
        "name": "KP002",
        "group": option_value(form.text, "Kaiser Permanente Anaheim"),
        "model": option_value(form.text, "KG-250"),
    }
    dashboard = browser.post(f"{path}place/", **fields)
    assert dashboard.url == f"{stack.url}/devices/{serial}/"
    until(lambda: browser.get(f"/devices/{serial}/live/"), "Engine speed")
