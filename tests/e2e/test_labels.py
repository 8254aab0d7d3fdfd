"""Labels as an admin makes them: both sizes, both themes, the preview that follows, and the PDF that is read again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.devices.labels.reading import codes, pictures
from tests.devices.labels.zpl_reader import Printer
from tests.e2e.browser import DESKTOP, PHONE, faults, faults_by_day_and_night, launch, sign_in
from tests.stack import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ViewportSize

    from tests.stack import Stack

pytestmark = pytest.mark.e2e

OWNER = "admin@kanarra.example"
WAITING = 10  # devices of the demo that are in no group
FLEET = 600  # more than are made while the browser waits


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with demo() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["phone", "desktop"])
def test_the_pages(stack: Stack, browser: Browser, size: ViewportSize, scheme: str) -> None:
    context = browser.new_context(viewport=size, color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    sign_in(page, stack, OWNER)
    device = page.locator(".device-link").first.get_attribute("href")
    own = "/labels/?stock=own-a4&width=60&height=30&columns=3&rows=8&inset_left=2"
    for url in ("/labels/?with_logo=on&start=5", own, "/labels/?q=none", f"{device}label/?stock=none"):
        page.goto(stack.url + url)
        assert faults_by_day_and_night(page) == [], url
    context.close()


def test_the_preview_follows_and_the_pdf_is_read_again(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=DESKTOP)
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/labels/?waiting=1")
    count = page.locator(".sheets-count")
    expect(count).to_have_text(f"{WAITING} labels on 1 sheet")
    page.get_by_label("Labels", exact=True).select_option("l4731")
    page.get_by_label("Printer", exact=True).select_option("300")
    expect(page.get_by_text("Modules of 0.25 mm are hard to scan")).to_be_visible()
    page.get_by_label("Labels", exact=True).select_option("roll-62x29")
    expect(count).to_have_text(f"{WAITING} labels")
    page.get_by_label("The code holds").select_option("url")
    expect(page.get_by_text("hard to scan")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PDF").click()
    found = [text for sheet in pictures(Path(download.value.path()).read_bytes(), 300) for text in codes(sheet)]
    assert len(found) == WAITING
    assert {text.rsplit("/", 1)[0] for text in found} == {f"{stack.url}/D".upper()}
    expect(page.get_by_label("Width, in mm")).to_be_hidden()
    page.get_by_label("Labels", exact=True).select_option("own-roll")
    page.get_by_label("Width, in mm").fill("40")
    page.get_by_label("Height, in mm").fill("20")
    expect(page.locator("#label-columns")).to_be_hidden()
    page.get_by_label("File").select_option("zpl")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download ZPL").click()
    labels = Printer().run(Path(download.value.path()).read_bytes())
    assert sorted(text for label in labels for text in codes(label)) == sorted(found)
    assert {label.size for label in labels} == {(472, 236)}
    page.close()


def test_an_error_stands_in_the_preview_and_nothing_is_lost(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=PHONE)
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/labels/")
    page.get_by_label("Only these serials").fill("N0SUCHDEV1CE")
    expect(page.locator("#preview")).to_contain_text("Not found among your devices: N0SUCHDEV1CE")
    page.get_by_role("button", name="Download").click()
    expect(page.locator(".field-error")).to_contain_text("Not found among your devices: N0SUCHDEV1CE")
    expect(page.get_by_label("Only these serials")).to_have_value("N0SUCHDEV1CE")
    page.close()


def test_without_javascript(stack: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/labels/?waiting=1")
    page.get_by_label("Labels", exact=True).select_option("roll-25x25")
    page.get_by_role("button", name="Show a preview").click()
    expect(page.locator(".sheets-count")).to_have_text(f"{WAITING} labels")
    expect(page.get_by_label("Labels", exact=True)).to_have_value("roll-25x25")
    context.close()


def test_many_are_made_while_one_looks_on(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=DESKTOP)
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/devices/new/?how=many")
    page.get_by_label("Recipe").select_option(label="Generator gateway")
    page.get_by_label("How many").fill(str(FLEET))
    page.get_by_role("button", name="Make them").click()
    expect(page.get_by_role("heading", name=f"{FLEET} devices added")).to_be_visible(timeout=60_000)
    page.goto(f"{stack.url}/labels/?output=pdf")  # else as they were printed last
    page.get_by_role("button", name=f"Make {FLEET + 24} labels").click()
    link = page.get_by_role("link", name="Download labels-")
    expect(link).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        link.click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    assert faults(page) == []
    page.close()
