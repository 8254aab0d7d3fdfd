"""A site, a phone, and a proxy between them that can fall silent: for what pages do under a bad signal.

Heartbeats are four times as quick as a site's, and so is the watchdog that counts them: three seconds, not twelve.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import redis
from django.conf import settings
from playwright.sync_api import expect, sync_playwright

from devices.mqtt import heartbeat
from provisioning.windows import operations as windows
from tests import parts
from tests.e2e.browser import PHONE, launch
from tests.e2e.live_pages import HEARD, address, hear, sign_in
from tests.e2e.scannerpage import serving
from tests.e2e.silentproxy import SilentProxy
from tests.mqtt.processes import python, running
from tests.stack import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

    from provisioning.models import Window
    from tests.conftest import World
    from tests.mqtt.processes import Process
    from tests.stack import Stack

expect.set_options(timeout=20_000)  # milliseconds: a busy machine is slow, not wrong


@pytest.fixture(scope="module")
def beside_a_loop() -> Iterator[None]:
    """Playwright runs an event loop in this thread, and rows are made in it all the same."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """One demo for all modules that take it: what others changed in it does not matter to them."""
    with demo() as running:
        yield running


@pytest.fixture(scope="package")
def site(django_db_setup: None) -> Iterator[Process]:
    port = parts.free_port()
    command = ["-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "critical"]
    command += ["--timeout-graceful-shutdown", "1"]
    with running(python(*command, port=port, STREAM_HEARTBEAT_SECONDS="1", STREAMS_PERSON="2")) as process:
        yield process


@pytest.fixture
def proxy(site: Process) -> Iterator[SilentProxy]:
    made = SilentProxy(site.port)
    yield made
    made.close()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module", name="address")
def serve_scanner() -> Iterator[str]:
    """The address of a page with the scanner alone."""
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def browser(beside_a_loop: None, playwright: Playwright) -> Iterator[Browser]:
    with launch(playwright) as running:
        yield running


@pytest.fixture
def store() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    hear(client)
    yield client
    client.delete(heartbeat.KEY)


@pytest.fixture
def context(browser: Browser, store: redis.Redis) -> Iterator[BrowserContext]:
    with browser.new_context(viewport=PHONE) as made:
        yield made


@pytest.fixture
def window(world: World) -> Window:
    return windows.open_window(device=world.waiting, by=world.technician)


@pytest.fixture
def page(context: BrowserContext, proxy: SilentProxy, world: World, window: Window) -> Page:
    """The window's, waiting for the press, with its stream open."""
    sign_in(context, world.technician)
    page = context.new_page()
    page.goto(address(proxy, window))
    page.evaluate(HEARD)
    return page
