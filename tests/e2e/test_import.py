"""A spreadsheet of serials becomes devices, in a browser, with a real worker: drop, match, check, start, take, once."""

from __future__ import annotations

import csv
import re
import time
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import expect, sync_playwright

from devices.identity import serials
from tests.e2e.browser import DESKTOP, PHONE, faults, launch, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize

    from tests.stack import Stack

pytestmark = pytest.mark.e2e

OWNER = "admin@kanarra.example"
DROP = """([text, name]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name, { type: "text/csv" }));
    const zone = document.querySelector("[data-drop]");
    for (const kind of ["dragenter", "dragover", "drop"]) {
        zone.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


def serial(batch: str, number: int) -> str:
    payload = f"{batch}{number:0{10 - len(batch)}}"
    return payload + serials.compute_check_characters(payload)


def sheet(batch: str, count: int, *odd: str) -> str:
    rows = [f"{serial(batch, number)};Gateway {number};Harbor Medical Center;B7" for number in range(count)]
    return "\r\n".join(["Serial;Name;Site;Batch", *rows, *odd]) + "\r\n"


def opened(browser: Browser, stack: Stack, size: ViewportSize, scheme: str) -> Page:
    context = browser.new_context(viewport=size, color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/devices/new/")
    return page


def send(page: Page, text: str, name: str = "serials.csv") -> None:
    page.get_by_label("Recipe").select_option(label="Generator gateway")
    page.evaluate(DROP, [text, name])
    expect(page.locator("[data-drop-said]")).to_contain_text(name)
    page.get_by_role("button", name="Upload and preview").click()


def moved(bar: Locator, before: int) -> int:
    """The bar's value once it is beyond `before`."""
    until = time.monotonic() + 30
    while (now := int(bar.evaluate("bar => bar.value"))) <= before and time.monotonic() < until:
        time.sleep(0.1)
    return now


def number_shown(page: Page, label: str | re.Pattern[str]) -> int:
    shown = page.locator(".tally div", has_text=label).locator("dd").inner_text()
    return int(shown.replace(",", ""))


@pytest.mark.parametrize(("size", "scheme", "batch"), [(PHONE, "dark", "PHN"), (DESKTOP, "light", "DSK")])
def test_a_file_becomes_devices(stack: Stack, browser: Browser, size: ViewportSize, scheme: str, batch: str) -> None:
    page = opened(browser, stack, size, scheme)
    wrong = faults(page)
    send(page, sheet(batch, 40, "NOTASERIAL;Odd;;", f"{serial(batch, 0)};Twice;;"))
    expect(page.get_by_label("What the column Site is")).to_have_value("group")
    wrong += faults(page)

    page.get_by_label("Between columns").select_option("Comma")
    expect(page.get_by_label("What the column Site is")).to_have_count(0)
    page.get_by_label("Between columns").select_option("Semicolon")
    page.get_by_label("What the column Batch is").select_option("tag:Batch")
    page.get_by_text("Skip them").click()
    page.get_by_role("button", name="Check every row").click()

    expect(page.get_by_role("heading", name="What starting does")).to_be_visible(timeout=30_000)
    assert (number_shown(page, "Rows that fit"), number_shown(page, re.compile("Rows that don.t"))) == (40, 2)
    expect(page.get_by_role("row", name=re.compile(f"43.*Serial.*{serial(batch, 0)}.*row 2")).last).to_be_visible()
    wrong += faults(page)

    page.get_by_role("button", name="Make 40 devices").click()
    expect(page.get_by_role("button", name="Make 40 devices")).to_have_count(0)
    page.wait_for_load_state()
    page.reload()
    expect(page.get_by_role("heading", name="40 devices added")).to_be_visible(timeout=30_000)
    wrong += faults(page)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download once").click()
    rows = list(csv.DictReader(StringIO(Path(download.value.path()).read_text())))
    assert len({row["Access secret"] for row in rows if row["Access secret"]}) == 40
    assert [row["Access key"] for row in rows[40:]] == ["", ""]
    expect(page.get_by_text(f"by {OWNER}. If the file is lost")).to_be_visible(timeout=10_000)
    assert wrong == []
    page.context.close()


def test_a_second_download_is_refused(stack: Stack, browser: Browser) -> None:
    page = opened(browser, stack, DESKTOP, "dark")
    page.goto(f"{stack.url}/devices/new/?how=many")
    page.get_by_label("Recipe").select_option(label="Generator gateway")
    page.get_by_label("How many").fill("3")
    page.get_by_role("button", name="Make them").click()
    expect(page.get_by_role("heading", name="3 devices added")).to_be_visible(timeout=30_000)
    other = page.context.new_page()
    other.goto(page.url)
    with page.expect_download():
        page.get_by_role("button", name="Download once").click()
    other.get_by_role("button", name="Download once").click()
    expect(other.get_by_text("These secrets were taken already")).to_be_visible()
    assert faults(other) == []
    page.context.close()


def test_progress_survives_a_reload_and_can_be_cancelled(stack: Stack, browser: Browser) -> None:
    page = opened(browser, stack, DESKTOP, "light")
    # In no group, so that no back end is told of each: the worker would be busy with that long after.
    rows = (f"{serial('BAG', number)};Gateway {number}" for number in range(40_000))
    send(page, "\r\n".join(["Serial;Name", *rows]))
    page.get_by_text("Skip them").click()
    page.get_by_role("button", name="Check every row").click()
    expect(page.get_by_role("heading", name="What starting does")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Make 40,000 devices").click()
    bar = page.get_by_role("progressbar", name="Rows gone through")
    before = moved(bar, 0)
    page.reload()
    assert moved(bar, before) > before > 0
    assert faults(page) == []
    page.get_by_role("button", name="Cancel the rest").click()
    expect(page.get_by_role("heading", name="Cancelled", exact=True)).to_be_visible(timeout=30_000)
    assert 0 < number_shown(page, "Devices made") < 40_000
    page.context.close()


@pytest.mark.parametrize(
    ("text", "said"), [("", "empty"), ("Serial\n", "only a header"), ("PK\x03\x04" + "x" * 99, "save the sheet as CSV")]
)
def test_what_is_no_table_is_said_beside_the_file(stack: Stack, browser: Browser, text: str, said: str) -> None:
    page = opened(browser, stack, PHONE, "light")
    send(page, text)
    expect(page.locator("#id_file_error")).to_contain_text(said)
    assert faults(page) == []
    send(page, sheet("AFT", 2), "again.csv")
    expect(page.get_by_role("heading", name="again.csv")).to_be_visible()
    page.context.close()


def test_a_refused_upload_says_why_and_can_be_sent_again(stack: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, service_workers="block")
    page = context.new_page()
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/devices/new/")
    refusal = render_to_string("429_uploads.html")
    page.route("**/imports/new/", lambda route: route.fulfill(status=429, body=refusal, content_type="text/html"))
    send(page, sheet("RFT", 2))
    said = page.locator(".message", has_text="Other uploads go on. Nothing was changed.")
    expect(said).to_be_in_viewport()
    assert faults(page) == []
    page.unroute("**/imports/new/")
    page.get_by_role("button", name="Upload again").click()
    expect(page.get_by_role("heading", name="serials.csv")).to_be_visible()
    context.close()


def test_while_the_file_is_read_again_nothing_else_can_be_chosen(stack: Stack, browser: Browser) -> None:
    page = opened(browser, stack, PHONE, "light")
    send(page, sheet("RDS", 2))
    page.get_by_label("Skip them").check()
    held: list[Route] = []
    page.route("**/imports/*/*columns=1*", lambda route: held.append(route))
    page.get_by_label("Between columns").select_option(label="Comma")
    expect(page.get_by_role("status").filter(has_text="Reading the file again")).to_be_visible()
    expect(page.get_by_label("What the column Site is")).to_be_disabled()
    expect(page.get_by_label("Changes of devices that are there")).to_be_disabled()
    page.get_by_label("Between columns").select_option(label="Semicolon")  # takes the place of the first
    page.wait_for_timeout(100)
    held[-1].continue_()
    expect(page.get_by_label("What the column Site is")).to_be_enabled()
    expect(page.get_by_label("Skip them")).to_be_checked()
    page.get_by_label("Between columns").select_option(label="Comma")
    page.wait_for_timeout(100)
    held[-1].abort()
    expect(page.get_by_label("Skip them")).to_be_enabled()
    page.close()


def test_one_device_by_keyboard(stack: Stack, browser: Browser) -> None:
    page = opened(browser, stack, PHONE, "dark")
    page.get_by_role("link", name="One device").press("Enter")
    page.get_by_label("Recipe").select_option(label="Generator gateway")
    page.get_by_label("Name").fill("By hand")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_role("heading", name="By hand is added")).to_be_visible()
    assert len(page.locator("#access-secret").inner_text()) == 43
    assert faults(page) == []
    page.context.close()


def test_without_javascript(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, stack, OWNER)
    page.goto(f"{stack.url}/devices/new/")
    file = tmp_path / "plain.csv"
    file.write_text(sheet("NJS", 5))
    page.get_by_label("Recipe").select_option(label="Generator gateway")
    page.get_by_label("CSV or Excel file with the devices").set_input_files(file)
    page.get_by_role("button", name="Upload and preview").click()
    page.get_by_role("button", name="Check every row").click()
    expect(page.get_by_role("button", name="Make 5 devices")).to_be_visible(timeout=30_000)  # the page reloads itself
    page.get_by_role("button", name="Make 5 devices").click()
    expect(page.get_by_role("heading", name="5 devices added")).to_be_visible(timeout=30_000)
    context.close()


def test_a_cell_is_corrected_in_a_field_that_shows_it(stack: Stack, browser: Browser) -> None:
    page = opened(browser, stack, {"width": 1280, "height": 800}, "light")
    parent = sheet("WDE", 1).replace("Harbor Medical Center", "Sadler-Isberg")
    send(page, f"{parent}Subtotal W-1;Two;Boise / Nowhere, 24 wide;\r\n")
    page.get_by_role("button", name="Check every row").click()
    expect(page.get_by_role("heading", name="Correct them here")).to_be_visible(timeout=30_000)
    fields = page.locator("input[name^=cell-]")
    assert fields.count() >= 3
    assert fields.evaluate_all("all => all.map(field => field.scrollWidth - field.clientWidth)") == [0] * fields.count()
    assert faults(page) == []
    page.context.close()
