"""The scanner's page in a browser, in the words of a technician."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.browser import launch
from tests.e2e.fakecamera import film, flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image
    from playwright.sync_api import BrowserContext, Locator, Page, Playwright

SERIAL = "7KQ4M2XW9D3T"
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 800}, "has_touch": True}


@contextmanager
def serving() -> Iterator[str]:
    """The address of a page with the scanner alone."""
    command = [sys.executable, str(Path(__file__).with_name("scannersite.py"))]
    site = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert site.stdin
    assert site.stdout
    yield f"http://localhost:{json.loads(site.stdout.readline())['port']}"
    site.stdin.close()
    site.wait()


@contextmanager
def phone(playwright: Playwright, *arguments: str, whole: bool = False, **options: Any) -> Iterator[BrowserContext]:
    """A phone's browser, `whole` where permissions or several cameras count; a script error or a breach of the policy
    fails the test at its end."""
    faults: list[str] = []
    with launch(playwright, *arguments, whole=whole) as browser:
        context = browser.new_context(**{**PHONE, **options})
        context.on("weberror", lambda error: faults.append(str(error.error)))
        context.on("console", lambda line: faults.append(line.text) if breach(line.text) else None)
        yield context
    assert faults == [], faults


def breach(line: str) -> bool:
    return "Content Security Policy" in line


@contextmanager
def seeing(playwright: Playwright, folder: Path, *pictures: Image.Image) -> Iterator[BrowserContext]:
    """A phone whose camera shows `pictures`, one after the other, again and again."""
    camera = film(folder / "camera.mjpeg", pictures)
    with phone(playwright, *flags(camera)) as context:
        yield context


def opened(context: BrowserContext, address: str, query: str = "") -> Page:
    page = context.new_page()
    page.goto(f"{address}/{query}")
    return page


FETCHED = "performance.getEntriesByType('resource').some(({name}) => name.endsWith('.wasm'))"


def wait_for_decoder(page: Page) -> None:
    """Return once the page has fetched it ahead. Raises AssertionError after twenty seconds."""
    for _ in range(200):
        if page.workers and page.workers[0].evaluate(FETCHED):
            return
        page.wait_for_timeout(100)
    raise AssertionError("the decoder was not fetched")


START = """
    const root = document.querySelector("[data-scanner]");
    if (["idle", "paused", "failed"].includes(root.dataset.state)) root.querySelector("[data-scan-start]").click();
"""


def scan(page: Page) -> None:
    """Start the camera, unless it starts by itself, as where it is allowed."""
    page.evaluate(START)


def posted(page: Page) -> dict[str, str]:
    page.wait_for_url("**/scan/")
    answer: dict[str, str] = json.loads(page.locator("pre").inner_text())
    return answer


def jpeg(picture: Image.Image) -> dict[str, Any]:
    out = BytesIO()
    picture.save(out, "JPEG", quality=85)
    return {"name": "label.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


def photograph(page: Page, picture: Image.Image) -> None:
    page.get_by_label("Photo of the label").set_input_files(jpeg(picture))  # type: ignore[arg-type]


def message(page: Page) -> Locator:
    return page.get_by_role("status")
