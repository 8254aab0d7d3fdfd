"""Placing a device where there are more groups than a list can hold: by keys, by one tap, and without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tenants.picker import LISTED
from tests.e2e.browser import PHONE, faults, launch, sign_in
from tests.e2e.test_main_job import press, waiting_serials
from tests.stack import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with demo() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


@pytest.fixture(scope="module")
def waiting(stack: Stack, browser: Browser) -> list[str]:
    """Serials of devices to place, in a customer's tree with many leaves."""
    page = browser.new_context().new_page()
    serials = waiting_serials(stack, page)
    groups = f"{stack.url}/api/v1/groups/"
    cookies: Any = page.context.cookies()
    headers = {"X-CSRFToken": next(each["value"] for each in cookies if "csrf" in each["name"])}
    found = page.request.get(f"{groups}?q=Sadler").json()["results"]
    campus = page.request.post(groups, data={"name": "Campus", "parent": found[0]["id"]}, headers=headers).json()
    for n in range(LISTED + 1):
        made = page.request.post(groups, data={"name": f"Hall {n:03}", "parent": campus["id"]}, headers=headers)
        assert made.status == 201
    page.context.close()
    return serials


def form(stack: Stack, browser: Browser, serial: str, **options: Any) -> Page:
    """The technician's, after the press."""
    page = browser.new_context(viewport=PHONE, **options).new_page()
    sign_in(page, stack, "technician@sadler.example")
    page.goto(f"{stack.url}/register/")
    page.get_by_label("Serial").fill(serial)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Press the register button")).to_be_visible()
    press(stack, browser, serial)
    expect(page.get_by_label("Name", exact=True)).to_be_visible(timeout=15_000)
    return page


def finish(page: Page, stack: Stack, serial: str) -> None:
    page.get_by_label("Name", exact=True).fill("New one")
    page.get_by_role("button", name="Finish registration").click()
    expect(page).to_have_url(f"{stack.url}/devices/{serial}/")


def test_by_keys_then_by_one_tap(stack: Stack, browser: Browser, waiting: list[str]) -> None:
    page = form(stack, browser, waiting[0])
    group = page.get_by_role("combobox", name="Group")
    group.fill("")
    group.press_sequentially("hall 15")
    options = page.locator(".picker-option")
    expect(options).to_have_count(10)
    assert faults(page) == []
    group.press("ArrowDown")
    group.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    group.press("Enter")
    expect(group).to_have_value("Hall 151")
    expect(options.first).to_be_hidden()
    finish(page, stack, waiting[0])

    page = form(stack, browser, waiting[1])
    recent = page.get_by_role("radio", name="Hall 151")
    assert faults(page) == []
    box = page.locator(".picker-offer").first.bounding_box()
    assert box
    assert box["height"] >= 48
    recent.check()
    expect(page.get_by_role("combobox", name="Group")).to_have_value("Hall 151")
    finish(page, stack, waiting[1])
    expect(page.locator("body")).to_contain_text("placed in Hall 151")


def test_by_parent_by_finger_and_nothing_found(stack: Stack, browser: Browser, waiting: list[str]) -> None:
    page = form(stack, browser, waiting[2], has_touch=True)
    group = page.get_by_role("combobox", name="Group")
    group.fill("nowhere")
    expect(page.get_by_text("No group is called that.")).to_be_visible()
    group.fill("campus")
    expect(page.locator(".picker-option")).to_have_count(20)
    page.get_by_role("option", name="Hall 003").tap()
    expect(group).to_have_value("Hall 003")
    group.press("Backspace")  # what is edited is no choice any more
    page.get_by_role("button", name="Finish registration").click()
    expect(page.locator(".field-error", has_text="Several groups fit")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("radio", name="Hall 004").check()
    finish(page, stack, waiting[2])


def test_without_javascript(stack: Stack, browser: Browser, waiting: list[str]) -> None:
    page = form(stack, browser, waiting[3], java_script_enabled=False)
    page.get_by_role("combobox", name="Group").fill("Hall 16")
    page.get_by_label("Name", exact=True).fill("New one")
    page.get_by_role("button", name="Finish registration").click()
    page.get_by_role("radio", name="Hall 162").check()
    finish(page, stack, waiting[3])
    expect(page.locator("body")).to_contain_text("Hall 162")
