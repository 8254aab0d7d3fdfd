"""Chromium as the tests drive it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from playwright.sync_api import expect

from tests.stack import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Playwright, ViewportSize

    from tests.stack import Stack

    Scheme = Literal["light", "dark"]

PHONE: ViewportSize = {"width": 360, "height": 800}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
# The same engine without a window around it takes half of the time. Both read their data beside them.
WHOLE_BROWSER = "/usr/bin/chromium"
BROWSER = shutil.which("chromium-headless-shell") or WHOLE_BROWSER
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What is told as time passes takes as much room as it ever will.
LONG_AGO = (
    """for (const time of document.querySelectorAll("time[data-time=ago]")) time.textContent = "59 minutes ago" """
)
CUT = "Math.max(0, ...[...document.querySelectorAll('.table-wrap')].map((each) => each.scrollWidth - each.clientWidth))"
DRAWN = """async () => {
    do {
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    } while (document.getAnimations().some((each) => each instanceof CSSTransition && each.playState === "running"));
}"""
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"


@contextmanager
def launch(playwright: Playwright, *arguments: str, whole: bool = False) -> Iterator[Browser]:
    """Start it; the `whole` one where messages are shown, files fetched ahead, permissions or several cameras count."""
    program = WHOLE_BROWSER if whole else BROWSER
    browser = playwright.chromium.launch(executable_path=program, args=[*QUIET, *arguments])
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


def faults(page: Page) -> list[object]:
    """What is wrong with the page as it stands: axe's findings, sideways scrolling."""
    return [(page.url, wrong) for wrong in [*violations(page), *too_wide(page)]]


def too_wide(page: Page) -> list[str]:
    """How far the page, or at a desk a table of it, has to be scrolled sideways."""
    page.evaluate(LONG_AGO)
    wide = {"page": page.evaluate("document.documentElement.scrollWidth - innerWidth")}
    if page.viewport_size == DESKTOP:
        wide["table"] = page.evaluate(CUT)
    return [f"{what}: {pixels} px too wide" for what, pixels in wide.items() if pixels > 0]


def faults_by_day_and_night(page: Page) -> list[object]:
    """As it stands, and turned to the other scheme while it is open."""
    found, html = faults(page), page.locator("html")
    scheme: Scheme = "dark" if html.get_attribute("data-bs-theme") == "dark" else "light"
    other: Scheme = "light" if scheme == "dark" else "dark"
    turn(page, other)
    found += [(other, wrong) for wrong in faults(page)]
    turn(page, scheme)
    return found


def turn(page: Page, scheme: Scheme) -> None:
    """Returns when it is drawn: however short a transition is, those inside begin when it has ended."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
    page.evaluate(DRAWN)


def violations(page: Page) -> list[Any]:
    """Axe's serious and critical findings on the page as it stands.

    What it finds has to be there at a second look, too: what a live page replaces in the midst of one has no colours.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    return _violations(page) and _violations(page)


# Of what is found nothing else is asked: style sheets are not fetched ahead, selectors not written, and rules whose
# findings are never serious (each rule says how much they count, whatever its checks say) not applied.
FIND = """(serious) => {
    const others = axe._audit.rules.filter(({ impact }) => impact && !serious.includes(impact));
    const rules = Object.fromEntries(others.map(({ id }) => [id, { enabled: false }]));
    return axe.run({ resultTypes: ["violations"], preload: false, selectors: false, rules })
        .then(({ violations }) => violations.filter(({ impact }) => serious.includes(impact)));
}"""


def _violations(page: Page) -> list[Any]:
    found = page.evaluate(FIND, ["serious", "critical"])
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found]
