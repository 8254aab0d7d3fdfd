"""Select, preview, run and undo in a real browser: on a phone, on a desktop, and without JavaScript."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.e2e.browser import DESKTOP, PHONE, faults, launch, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.stack import Stack

pytestmark = pytest.mark.e2e

OWNER = "admin@kanarra.example"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


def sound(page: Page) -> None:
    assert faults(page) == []


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_select_preview_lock_and_undo(stack: Stack, browser: Browser, size: ViewportSize) -> None:
    page = browser.new_page(viewport=size)
    sign_in(page, stack, OWNER)
    if size is PHONE:
        page.get_by_role("link", name="Select", exact=True).click()
        page.wait_for_url("**select=1**")
    boxes = page.locator("[data-pick]")
    for number in (0, 1):
        boxes.nth(number).locator("..").click()
    expect(page.locator(".selection-words")).to_have_text("2 selected")
    sound(page)
    page.reload()
    expect(boxes.nth(1)).to_be_checked()
    page.get_by_role("button", name="Continue").click()
    sound(page)
    page.get_by_role("button", name=re.compile("^Lock")).click()
    expect(page.get_by_text("2 of 2 devices will change")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Lock").click()
    expect(page.get_by_text("Type the number of devices that change: 2.")).to_be_visible()
    page.get_by_label("Type 2 to confirm").fill("2")
    page.get_by_role("button", name="Lock").click()
    expect(page.get_by_role("heading", name="Lock")).to_be_visible()
    sound(page)
    page.goto(f"{stack.url}/?status=locked")
    expect(page.locator(".device")).to_have_count(3)  # the demo has one
    page.goto(f"{stack.url}/actions/")
    sound(page)
    page.get_by_role("link", name="Lock", exact=True).first.click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Undo: Lock")).to_be_visible()
    expect(page.locator(".facts .value").first).to_have_text("2")
    page.goto(f"{stack.url}/?status=locked")
    expect(page.locator(".device")).to_have_count(1)
    page.close()


def test_all_that_match_less_one_by_keyboard(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=DESKTOP)
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/?q=Waiting")
    total = page.locator("[data-pick]").count()
    page.get_by_label("Select this page").press("Space")
    page.get_by_role("button", name="Select all").press("Enter")
    page.locator("[data-pick]").first.press("Space")
    expect(page.locator(".selection-words")).to_have_text(f"All {total} that match, less 1")
    page.get_by_role("button", name="Continue").press("Enter")
    expect(page.get_by_text(f"{total - 1} devices")).to_be_visible()
    page.go_back()
    page.goto(f"{stack.url}/?status=never")  # another filter: that selection is over
    expect(page.locator("[data-pick]:checked")).to_have_count(0)
    page.close()


def test_without_javascript(stack: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, stack, OWNER)
    page.get_by_role("link", name="Select", exact=True).click()
    page.locator("[data-pick]").first.check(force=True)
    page.get_by_role("button", name="Continue with ticked").click()
    page.get_by_role("button", name=re.compile("^Add a tag")).click()
    page.get_by_label("Tag").fill("site")
    page.get_by_label("Value").fill("roof")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Add a tag").click()
    expect(page.get_by_role("heading", name="Add a tag")).to_be_visible()
    page.goto(f"{stack.url}/?tag=site:roof&select=1")
    expect(page.locator(".device")).to_have_count(1)
    page.get_by_role("button", name="Continue with all 1 that match").click()
    expect(page.get_by_text("1 device selected")).to_be_visible()
    context.close()


def test_one_devices_own_menu(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=PHONE)
    sign_in(page, stack, OWNER)
    page.locator(".device-link").first.click()
    page.get_by_text("Manage", exact=True).click()
    sound(page)
    page.get_by_role("link", name="Edit name and tags").click()
    sound(page)
    page.get_by_label("Description").fill("Behind the chimney")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_text("Manage", exact=True).click()
    page.get_by_role("button", name="Lock").click()
    page.get_by_role("button", name="Lock").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Undo: Lock")).to_be_visible()
    page.close()
