"""The main job as its user meets it: scan the label with a phone, press the gateway's button, place it, watch it.

Everything is real: the demo's processes, Chromium with a camera that shows the rendered label, the simulator's panel.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e import fakecamera
from tests.e2e.browser import PHONE, faults_by_day_and_night, launch, sign_in
from tests.stack import demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Playwright

    from tests.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with demo() as running:
        yield running


def waiting_serials(stack: Stack, page: Page) -> list[str]:
    """Simulated devices that wait for a technician: what an admin's list shows."""
    sign_in(page, stack, "admin@kanarra.example")
    page.goto(f"{stack.url}/?q=Waiting")
    shown = page.locator("main").inner_text().replace(" ", "")
    spares = {device.serial for device in stack.devices[-2:]}
    return [device.serial for device in stack.devices if device.serial in shown and device.serial not in spares]


@pytest.fixture(scope="module")
def waiting(stack: Stack, playwright: Playwright) -> Iterator[list[str]]:
    with launch(playwright) as browser:
        yield waiting_serials(stack, browser.new_page())


def phone(browser: Browser, **options: object) -> Page:
    return browser.new_context(viewport=PHONE, **options).new_page()  # type: ignore[arg-type]


SHAPE = """step => {
    const { width, height } = step.querySelector(".step-pulse").getBoundingClientRect();
    return { pulse: [width, height], before: getComputedStyle(step, "::before").content };
}"""


def press(stack: Stack, browser: Browser, serial: str) -> None:
    panel = browser.new_page()
    panel.goto(f"{stack.panel}/gateways/{serial}")
    panel.get_by_role("button", name=re.compile("register", re.IGNORECASE)).click()
    panel.wait_for_timeout(300)
    panel.close()


def test_label_to_dashboard(stack: Stack, playwright: Playwright, waiting: list[str], tmp_path: Path) -> None:
    serial = waiting[0]
    film = fakecamera.film(tmp_path / "label.mjpeg", [fakecamera.scene(serial)])
    with launch(playwright, *fakecamera.flags(film)) as browser:
        page = phone(browser, permissions=["camera"])
        sign_in(page, stack, "technician@sadler.example")
        started, taps = time.monotonic(), 0
        page.locator('a[href$="/register/"]:visible').first.click()
        taps += 1
        # The camera was allowed before, and starts by itself.
        expect(page.get_by_role("heading", name="Press the register button")).to_be_visible(timeout=15_000)
        assert page.locator(".step-now").evaluate(SHAPE) == {"pulse": [16, 16], "before": "none"}
        press(stack, browser, serial)
        expect(page.get_by_label("Name")).to_be_visible(timeout=5_000)
        page.get_by_label("Group").select_option(label="Kaiser Permanente Anaheim")
        taps += 2  # open the list, choose
        page.get_by_label("Name").fill("KP002")
        page.get_by_role("button", name="Finish registration").click()
        taps += 1
        expect(page).to_have_url(f"{stack.url}/devices/{serial}/")
        expect(page.get_by_role("heading", name="KP002")).to_be_visible()
        assert taps <= 5
        assert time.monotonic() - started < 60
        _watch(page)


def _watch(page: Page) -> None:
    """The dashboard's numbers move by themselves."""
    live = page.get_by_role("region", name="Latest values")
    expect(live).to_contain_text("rpm", timeout=15_000)
    before = live.inner_text()
    expect(live).not_to_have_text(before, timeout=15_000)


def test_by_typed_serial_without_javascript(stack: Stack, playwright: Playwright, waiting: list[str]) -> None:
    serial = waiting[1]
    with launch(playwright) as browser:
        page = phone(browser, java_script_enabled=False)
        sign_in(page, stack, "technician@sadler.example")
        page.goto(f"{stack.url}/register/")
        page.get_by_label("Serial").fill(serial.lower())
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Press the register button")).to_be_visible()
        press(stack, browser, serial)
        expect(page.get_by_label("Name")).to_be_visible(timeout=15_000)  # it refreshes itself
        page.get_by_label("Group").select_option(label="Kaiser Permanente Anaheim")
        page.get_by_role("button", name="Finish registration").click()
        expect(page).to_have_url(f"{stack.url}/devices/{serial}/")


def test_finishing_without_signal_keeps_the_form(stack: Stack, playwright: Playwright, waiting: list[str]) -> None:
    serial = waiting[2]
    with launch(playwright) as browser:
        page = phone(browser)
        sign_in(page, stack, "technician@sadler.example")
        page.goto(f"{stack.url}/register/")
        page.get_by_label("Serial").fill(serial)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Press the register button")).to_be_visible()
        press(stack, browser, serial)
        page.get_by_label("Name").fill("")
        page.get_by_label("Group").select_option(label="Harbor Medical Center")
        page.get_by_label("Name").fill("x" * 120)
        page.context.set_offline(True)
        finish = page.get_by_role("button", name="Finish registration")
        finish.click()
        expect(page.get_by_text("No connection").first).to_be_visible()
        expect(finish).to_be_visible()
        expect(page.get_by_label("Name")).to_have_value("x" * 120)
        page.context.set_offline(False)
        page.get_by_label("Name").fill("KP003")
        finish.click()
        expect(page).to_have_url(f"{stack.url}/devices/{serial}/")
        expect(page.get_by_text("KP003 is placed in Harbor Medical Center.")).to_be_visible()


def test_by_photo(stack: Stack, playwright: Playwright, waiting: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "label.jpg"
    fakecamera.scene(waiting[3], size=(2016, 1512), module=11).rotate(7, expand=True).save(picture)
    with launch(playwright) as browser:
        page = phone(browser)
        sign_in(page, stack, "technician@sadler.example")
        page.goto(f"{stack.url}/register/")
        page.locator("#scan-photo").set_input_files(picture)
        expect(page.get_by_role("heading", name="Press the register button")).to_be_visible(timeout=15_000)
        before = page.locator("[data-window-time]").inner_text()
        page.wait_for_timeout(2500)
        page.reload()
        assert page.locator("[data-window-time]").inner_text() < before
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Registration cancelled")).to_be_visible()


def test_every_page_is_accessible_and_fits(stack: Stack, playwright: Playwright, waiting: list[str]) -> None:
    with launch(playwright) as browser:
        page = phone(browser, color_scheme="light")
        sign_in(page, stack, "technician@sadler.example")
        placed = page.locator('a[href^="/devices/"]').first.get_attribute("href") or ""
        for path in ("/", "/register/", placed, f"{placed}events/", f"{placed}label/", "/nowhere/"):
            page.goto(stack.url + path)
            page.wait_for_timeout(400)
            _check(page)
        page.goto(f"{stack.url}/register/")
        page.get_by_label("Serial").fill(waiting[3])
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Press the register button")).to_be_visible()
        _check(page)
        press(stack, browser, waiting[3])
        expect(page.get_by_label("Name")).to_be_visible(timeout=5_000)
        _check(page)
        page.get_by_role("button", name="Cancel").click()


def _check(page: Page) -> None:
    assert faults_by_day_and_night(page) == []


def test_healthz(stack: Stack, playwright: Playwright) -> None:
    with launch(playwright) as browser:
        answer = browser.new_page().goto(f"{stack.url}/healthz")
        assert answer is not None
        assert answer.status == 200
