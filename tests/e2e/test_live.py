"""What a page does when its connection dies, each fault by itself: the window's page has its form soon after the press.

Heartbeats are four times as quick as a site's, and so is the watchdog that counts them: three seconds, not twelve.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect, sync_playwright

from devices.mqtt import heartbeat
from lib import live
from provisioning.windows import operations as windows
from tests import parts
from tests.e2e.browser import PHONE, launch
from tests.e2e.silentproxy import SilentProxy
from tests.mqtt.processes import python, running
from tests.provisioning.conftest import report_press

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Route

    from provisioning.models import Window
    from tenants.models import User
    from tests.conftest import World
    from tests.mqtt.processes import Process

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

HEARD = """new Promise((heard) => { document.addEventListener("live:heard", heard, { once: true }); }).then(() => 0)"""
SOON = 8_000  # of ten seconds


@pytest.fixture(scope="module", autouse=True)
def _beside_a_loop() -> Iterator[None]:
    """Playwright runs an event loop in this thread, and rows are made in it all the same."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
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
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


@pytest.fixture
def store() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    hear(client)
    yield client
    client.delete(heartbeat.KEY)


def hear(store: redis.Redis, **facts: bool) -> None:
    store.set(heartbeat.KEY, json.dumps({"time": 0, "connected": True, "failing": False} | facts))


@pytest.fixture
def context(browser: Browser, store: redis.Redis) -> Iterator[BrowserContext]:
    with browser.new_context(viewport=PHONE) as made:
        yield made


@pytest.fixture
def window(world: World) -> Window:
    return windows.open_window(device=world.waiting, by=world.technician)


def sign_in(context: BrowserContext, user: User) -> None:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "domain": "127.0.0.1", "path": "/"}])


@pytest.fixture
def page(context: BrowserContext, proxy: SilentProxy, world: World, window: Window) -> Page:
    """The window's, waiting for the press, with its stream open."""
    sign_in(context, world.technician)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{proxy.port}{reverse('provisioning:window', kwargs={'key': window.key})}")
    page.evaluate(HEARD)
    return page


def press(window: Window) -> None:
    live.announce(report_press(window.device))


def has_form(page: Page, within: int = SOON) -> None:
    expect(page.get_by_label("Name")).to_be_visible(timeout=within)


def test_a_press_shows_the_form(page: Page, window: Window) -> None:
    press(window)
    has_form(page)
    assert page.evaluate("document.activeElement.id")


def test_a_refresh_that_fails_is_tried_again(page: Page, window: Window) -> None:
    answers = [lambda route: route.abort(), lambda route: route.fulfill(status=500, body="")]

    def fail(route: Route) -> None:
        answers.pop()(route) if answers else route.continue_()

    page.route(f"**/register/{window.key}/", fail)
    press(window)
    has_form(page)
    assert not answers


def test_a_connection_that_falls_silent_is_noticed(page: Page, window: Window, proxy: SilentProxy) -> None:
    proxy.silence()
    press(window)
    has_form(page)


def test_a_silent_connection_is_opened_anew(page: Page, window: Window, proxy: SilentProxy) -> None:
    with page.expect_response(lambda answer: "/stream/" in answer.url, timeout=3 * SOON):
        proxy.silence()
    press(window)
    has_form(page)


def test_a_page_that_slept_looks_again_when_it_wakes(page: Page, window: Window, proxy: SilentProxy) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    proxy.silence()
    press(window)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    has_form(page)


def test_a_restart_of_the_site_is_lived_through(page: Page, window: Window, site: Process) -> None:
    site.stop()
    try:
        press(window)
        expect(page.locator("[data-live-says=lost]")).to_be_visible(timeout=SOON)
    finally:
        site.start()
    has_form(page, 10_000)
    expect(page.locator("[data-live-says=lost]")).to_be_hidden()


def test_says_that_the_site_hears_nothing_and_that_it_does_again(
    page: Page, window: Window, store: redis.Redis
) -> None:
    deaf = page.locator("[data-live-says=deaf]")
    expect(deaf).to_be_hidden()
    hear(store, failing=True)
    expect(deaf).to_be_visible(timeout=2 * SOON)
    hear(store)
    expect(deaf).to_be_hidden(timeout=2 * SOON)


def test_no_connection_goes_when_values_are_live_again(
    context: BrowserContext, proxy: SilentProxy, world: World
) -> None:
    sign_in(context, world.viewer)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{proxy.port}{reverse('telemetry:dashboard', kwargs={'serial': world.placed.serial})}")
    expect(page.locator("[data-live-says=lost]")).to_be_hidden()
    context.set_offline(True)
    expect(page.locator("[data-live-says=lost]")).to_be_visible(timeout=SOON)
    context.set_offline(False)
    expect(page.locator("[data-live-says=lost]")).to_be_hidden(timeout=2 * SOON)


def test_the_oldest_of_too_many_pages_says_so_and_can_go_on(
    context: BrowserContext, proxy: SilentProxy, world: World
) -> None:
    sign_in(context, world.viewer)
    address = f"http://127.0.0.1:{proxy.port}{reverse('telemetry:dashboard', kwargs={'serial': world.placed.serial})}"
    pages = [context.new_page() for _ in range(3)]
    for page in pages:
        page.goto(address)
        page.evaluate(HEARD)
    expect(pages[0].get_by_text("More live pages are open than fit")).to_be_visible(timeout=SOON)
    pages[0].get_by_role("button", name="Go on live here").click()
    expect(pages[0].get_by_text("More live pages are open than fit")).to_be_hidden(timeout=SOON)
