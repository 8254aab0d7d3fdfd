"""An admin at work in a browser: a group, a move told before it is done, an invitation to its end."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.e2e.browser import DESKTOP, PHONE, faults_by_day_and_night, launch, sign_in
from tests.stack import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.stack import Stack

pytestmark = pytest.mark.e2e

OWNER = "admin@kanarra.example"
PASSWORD = "a long enough passphrase"


@pytest.fixture(scope="module")
def outbox() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="handover-mail-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def stack(outbox: Path) -> Iterator[Stack]:
    with demo(EMAIL_URL=f"filemail:///{outbox}") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


def faults(page: Page) -> list[object]:
    page.wait_for_load_state("networkidle")
    return faults_by_day_and_night(page)


def open_group(page: Page, name: str) -> None:
    """By the tree, opening what is closed."""
    page.goto(f"{page.url.split('/', 3)[0]}//{page.url.split('/', 3)[2]}/groups/")
    tree = page.get_by_role("navigation", name="Group tree")
    if not tree.get_by_role("link", name=name).is_visible():
        for toggle in tree.locator("details:not([open]) > summary").all():
            toggle.click()
    tree.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["phone", "desktop"])
def test_a_day_at_the_desk(stack: Stack, browser: Browser, outbox: Path, size: ViewportSize, scheme: str) -> None:
    context = browser.new_context(viewport=size, color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    group, email = f"Depot {scheme} {size['width']}", f"{scheme}{size['width']}@depot.example"
    wrong: list[object] = []

    sign_in(page, stack, OWNER)
    open_group(page, "Sadler-Isberg")
    page.get_by_label("New group").fill(group)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(group)
    wrong += faults(page)

    page.get_by_role("link", name="Move").click()
    wrong += faults(page)
    page.locator(".pick", has_text="Tekton Health").first.click()
    expect(page.get_by_role("heading", name="2 people lose access")).to_be_visible()
    expect(page.locator("[data-groups]")).to_have_text("1")
    wrong += faults(page)
    page.get_by_role("button", name="Move it").click()
    expect(page.locator(".messages")).to_contain_text(f"{group} is now in Tekton Health")

    page.get_by_role("link", name="Invite", exact=True).click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Technician: registers").check()
    wrong += faults(page)
    page.get_by_role("button", name="Send invitation").click()
    expect(page.locator(".messages")).to_contain_text("on its way")
    context.close()

    guest = browser.new_context(viewport=size, color_scheme="dark" if scheme == "dark" else "light")
    page = guest.new_page()
    page.goto(link(outbox, email))
    assert page.url == f"{stack.url}/invitations/"
    wrong += faults(page)
    page.get_by_label("Your name").fill("A technician")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Accept and sign in").click()
    expect(page.locator(".messages")).to_contain_text(f"technician of {group}")
    page.goto(link(outbox, email))
    expect(page.get_by_role("heading", name="no longer valid")).to_be_visible()
    wrong += faults(page)
    guest.close()
    assert wrong == []


def link(outbox: Path, email: str) -> str:
    texts = [file.read_text() for file in outbox.iterdir()]
    text = next(text for text in texts if f"To: {email}" in text)
    found = re.search(r"(http://\S+/invitations/[\w-]{43}/)", text)
    assert found
    return found[1]


def test_a_colour_is_seen_before_it_is_saved(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=DESKTOP)
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/settings/")
    button = page.get_by_role("button", name="Save settings")
    shown = "element => getComputedStyle(element).backgroundColor"
    before = button.evaluate(shown)
    page.get_by_label("Colour").fill("#0b6e74")
    expect(button).to_have_css("background-color", "rgb(11, 110, 116)")
    page.reload()
    assert button.evaluate(shown) == before
    page.close()
