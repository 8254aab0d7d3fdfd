"""The recipe's page in a browser: rows with a script and without one, and what fits while one fills in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.e2e.browser import DESKTOP, PHONE, launch, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.stack import Stack

pytestmark = pytest.mark.e2e

OWNER = "admin@kanarra.example"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


def test_rows_are_added_moved_and_removed_by_keyboard(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=DESKTOP)
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/recipes/new/")
    page.get_by_label("Name", exact=True).first.fill("By keyboard")
    add = page.get_by_role("button", name="Add an attribute")
    for name in ("one", "two", "three", "four", "five"):
        add.press("Enter")
        page.keyboard.type(name)
    rows = page.locator(".attribute-lines [data-row]:visible")
    rows.nth(4).get_by_role("button", name="Move up").press("Enter")
    rows.nth(0).get_by_role("button", name="Remove").press("Enter")
    expect(page.locator(".attribute-lines [data-said]")).to_have_text("one is removed when you save.")
    page.get_by_role("button", name="Make this recipe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("By keyboard")
    names = page.locator("#attributes-title + .table-wrap tbody td[data-label=Name]").all_inner_texts()
    assert [name.strip() for name in names] == ["two", "three", "five", "four"]
    page.close()


def test_what_fits_is_told_while_one_fills_in(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=PHONE)
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/recipes/new/")
    shown = page.locator("#identity-shown")
    page.get_by_label("Kind").select_option("opaque")
    page.locator("#id_identity-prefix").fill("GW-")
    page.get_by_label("Length after the prefix").fill("12")
    expect(shown).to_contain_text("“GW-”, then 12 letters or digits")
    page.get_by_label("Try a serial").fill("GW-ABCDEF12345")
    expect(shown).to_contain_text("12 characters expected after “GW-”, found 11.")
    page.get_by_label("Try a serial").press_sequentially("6")
    expect(shown).to_contain_text("GW-ABCDEF123456 fits.")
    page.close()


def test_without_scripts(stack: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/recipes/new/")
    page.locator("[name=name]").fill("Without scripts")
    page.locator("[name=attributes-0-name]").fill("second")
    page.locator("[name=attributes-0-ORDER]").fill("2")
    page.locator("[name=attributes-1-name]").fill("first")
    page.locator("[name=attributes-1-ORDER]").fill("1")
    page.locator("[name=attributes-2-name]").fill("gone")
    page.locator("[name=attributes-2-DELETE]").check()
    page.get_by_role("button", name="Make this recipe").click()
    names = page.locator("#attributes-title + .table-wrap tbody td[data-label=Name]").all_inner_texts()
    assert [name.strip() for name in names] == ["first", "second"]
    context.close()
