"""Chromium as the tests drive it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.stack import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Playwright, ViewportSize

    from tests.stack import Stack

PHONE: ViewportSize = {"width": 360, "height": 800}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"


@contextmanager
def launch(playwright: Playwright, *arguments: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*QUIET, *arguments])
    try:
        yield browser
    finally:
        browser.close()


def sign_in(page: Page, stack: Stack, email: str) -> None:
    page.goto(f"{stack.url}/accounts/login/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{stack.url}/")


def violations(page: Page) -> list[Any]:
    """Axe's serious and critical findings on the page as it stands.

    What it finds has to be there at a second look, too: what a live page replaces in the midst of one has no colours.
    """
    page.evaluate(AXE.read_text())
    return _violations(page) and _violations(page)


def _violations(page: Page) -> list[Any]:
    found = page.evaluate("axe.run()")["violations"]
    return [
        (each["id"], [node["html"] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]
