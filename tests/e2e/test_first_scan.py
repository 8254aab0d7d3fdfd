"""The way from the tap to the press: the scanner is there before, the camera starts by itself, and nothing moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from playwright.sync_api import expect, sync_playwright

from provisioning.windows import operations as windows
from tests.e2e import fakecamera
from tests.e2e.browser import PHONE, launch
from tests.e2e.live_pages import SOON, address, has_form, lose_once, press, sign_in
from tests.e2e.scannerpage import scan
from tests.mqtt.processes import eventually
from tests.provisioning.conftest import end_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from provisioning.models import Window
    from tests.conftest import World
    from tests.e2e.silentproxy import SilentProxy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

KEPT = """async () => {
    const names = await caches.keys();
    const kept = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return kept.flat().map(({ url }) => new URL(url).pathname);
}"""
PRELOADS = """async () =>
    (await (await navigator.serviceWorker.ready).navigationPreload.getState()).enabled"""
# By how much the layout shifted, as browsers measure it: shifts within half a second of a tap don't count.
WATCH = """() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) if (!each.hadRecentInput) window.shifts.push(each);
    }).observe({ type: "layout-shift", buffered: true });
}"""
SHIFTED = """() => window.shifts.reduce((sum, { value }) => sum + value, 0)"""
WHAT = """() => window.shifts.flatMap(({ value, sources }) =>
    sources.map(({ node }) => `${value.toFixed(3)} ${node?.outerHTML?.slice(0, 80)}`))"""


def root(proxy: SilentProxy) -> str:
    return f"http://127.0.0.1:{proxy.port}"


def keeps(page: Page, name: str) -> bool:
    return any(name in path for path in page.evaluate(KEPT))


def stands_still(page: Page) -> None:
    assert page.evaluate(SHIFTED) < 0.02, page.evaluate(WHAT)


@pytest.fixture
def filming(beside_a_loop: None, world: World, tmp_path: Path) -> Iterator[Browser]:
    """A browser whose camera sees the label of the waiting device."""
    film = fakecamera.film(tmp_path / "label.mjpeg", [fakecamera.scene(world.waiting.serial)])
    with sync_playwright() as playwright, launch(playwright, *fakecamera.flags(film), whole=True) as running:
        yield running


def test_the_scanner_is_fetched_ahead_and_starts_by_itself(filming: Browser, proxy: SilentProxy, world: World) -> None:
    with filming.new_context(viewport=PHONE, permissions=["camera"]) as context:
        sign_in(context, world.technician)
        page = context.new_page()
        page.add_init_script(f"({WATCH})()")
        page.goto(root(proxy) + reverse("devices:list"))
        eventually(lambda: keeps(page, "zxing_reader"))
        assert page.evaluate(PRELOADS)
        proxy.asked.clear()
        page.goto(root(proxy) + reverse("provisioning:register"))
        expect(page.get_by_role("heading", name="Bring the device online")).to_be_visible(timeout=2 * SOON)
        assert [path for path in proxy.asked if "zxing" in path or "/scan" in path] == []
        assert proxy.asked.count(reverse("provisioning:register")) == 1
        window = world.waiting.windows.get()
        windows.cancel_window(window=window, by=world.technician)
        page.route("**/register/scan/", lambda route: route.fulfill(status=204))
        page.goto(root(proxy) + reverse("provisioning:register"))  # from here on its room is kept before
        expect(page.locator("[data-scanner]")).to_have_attribute("data-state", "found", timeout=SOON)
        stands_still(page)


def test_parts_of_the_scanner_that_did_not_arrive_are_asked_for_again(
    filming: Browser, proxy: SilentProxy, world: World
) -> None:
    with filming.new_context(viewport=PHONE, permissions=["camera"]) as context:
        sign_in(context, world.technician)
        page = context.new_page()
        lost = lose_once(page, "scan-reader", "scan-live")
        page.goto(root(proxy) + reverse("provisioning:register"))
        eventually(lambda: page.evaluate("'ScanReader' in window && 'ScanLive' in window"))
        assert not lost
        scan(page)
        expect(page.get_by_role("heading", name="Bring the device online")).to_be_visible(timeout=2 * SOON)


def test_nothing_is_fetched_ahead_for_who_may_not_register(
    context: BrowserContext, proxy: SilentProxy, world: World
) -> None:
    sign_in(context, world.viewer)
    page = context.new_page()
    page.goto(root(proxy) + reverse("devices:list"))
    eventually(lambda: keeps(page, "offline"))
    page.wait_for_timeout(1_000)
    assert not keeps(page, "zxing")


def test_the_window_stands_still(page: Page, window: Window, proxy: SilentProxy) -> None:
    page.add_init_script(f"({WATCH})()")
    page.goto(address(proxy, window))
    page.context.set_offline(True)
    expect(page.locator("[data-live-says=lost]")).to_be_visible(timeout=SOON)
    page.context.set_offline(False)
    press(window)
    has_form(page)
    expect(page.locator("[data-live-says=lost]")).to_be_hidden()
    end_in(window, seconds=-1)
    expect(page.get_by_role("heading", name="The time is up")).to_be_visible(timeout=SOON)
    stands_still(page)
