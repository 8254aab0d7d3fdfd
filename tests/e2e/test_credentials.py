"""An admin issues a credential on a phone, copies it, locks the device, and revokes what it has."""

from __future__ import annotations

import json
import time
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Error, expect, sync_playwright

from tests.e2e import shelf
from tests.e2e.browser import DESKTOP, PHONE, faults_by_day_and_night, launch, sign_in, turn
from tests.mqtt.gateway import ACCEPTED, Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


def wrong(page: Page) -> list[object]:
    small = page.evaluate(
        """[...document.querySelectorAll("main :is(button, summary, select, a.btn)")]
        .filter((each) => each.offsetHeight && each.offsetHeight < 44).map((each) => each.outerHTML)"""
    )
    return [*faults_by_day_and_night(page), *small]


def clipboard(page: Page, button: str) -> str:
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_text("Copied")).to_be_visible()
    copied: str = page.evaluate("navigator.clipboard.readText()")
    expect(page.get_by_text("Copied")).to_have_count(0)
    return copied


def test_issued_once_copied_and_revoked(stack: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, color_scheme="light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    sign_in(page, stack, "admin@kanarra.example")
    spare = stack.devices[-1].serial
    page.goto(f"{stack.url}/devices/{spare}/")
    page.get_by_role("link", name="Credentials").click()
    assert wrong(page) == []
    page.get_by_role("button", name="Issue a credential").click()
    page.get_by_text("mosquitto_pub", exact=True).click()
    assert wrong(page) == []

    key, secret = clipboard(page, "Copy the access key"), clipboard(page, "Copy the access secret")
    code = page.get_by_role("img", name="All of it")
    code.evaluate("(image) => image.scrollIntoView({block: 'center'})")
    shots = [code.screenshot()]
    turn(page, "dark")
    shots.append(code.screenshot())
    (by_day,), (by_night,) = (zxingcpp.read_barcodes(Image.open(BytesIO(shot))) for shot in shots)
    assert by_night.text == by_day.text
    facts = json.loads(by_day.text)
    assert (facts["access_key"], facts["access_secret"], facts["port"]) == (key, secret, stack.mqtt_port)
    device = Gateway(stack.mqtt_port, facts["device_id"], key, secret)
    assert device.connect() == ACCEPTED

    page.get_by_role("link", name="I have it").click()
    assert secret not in page.content()
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # it was never kept
        page.go_back()
    page = context.new_page()
    page.goto(f"{stack.url}/devices/{spare}/credentials/")
    row = page.locator("tr", has_text=key)
    expect(row.get_by_text("Works")).to_be_visible()
    row.locator("summary").press("Enter")
    assert wrong(page) == []
    row.get_by_role("button", name="Revoke", exact=False).press("Enter")
    expect(page.get_by_text("is revoked. Connections")).to_be_visible()
    assert device.lost.wait(5)
    device.leave()
    assert refused == []
    context.close()


def test_locked_and_unlocked(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=DESKTOP)
    sign_in(page, stack, "admin@kanarra.example")
    page.goto(f"{stack.url}/?status=locked")
    page.locator(".device-link").first.click()
    page.get_by_role("link", name="Credentials").click()
    expect(page.get_by_text("This device is locked")).to_be_visible()
    assert wrong(page) == []
    page.get_by_role("button", name="Unlock").click()
    expect(page.get_by_text("is unlocked: it may connect")).to_be_visible()
    page.goto(f"{stack.url}/?status=expired")
    page.locator(".device-link").first.click()
    page.get_by_role("link", name="Credentials").click()
    assert wrong(page) == []
    page.get_by_role("button", name="Open for 48 h again").click()
    expect(page.get_by_text("may connect for the first time again")).to_be_visible()
    assert wrong(page) == []
    page.close()


def test_the_page_of_a_door_names_the_command(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=PHONE)
    sign_in(page, stack, "admin@kanarra.example")
    page.goto(f"{stack.url}/doors/")
    page.get_by_role("link", name="Factory's signed tokens").click()
    expect(page.locator("#door-try")).to_contain_text("-m firmware_sim --door jwt --given")
    assert wrong(page) == []
    page.close()


def test_each_command_of_a_doors_page_brings_its_device_in_which_reports(stack: Stack) -> None:
    commands = shelf.find_commands(stack)
    assert len(commands) == 4
    for command in commands:
        assert command in stack.log  # the banner's
    commands = [command for command in commands if "--door approve" not in command]  # which waits for somebody
    assert not shelf.look(stack)
    with shelf.running(commands):
        until = time.monotonic() + 20
        while {seen.door for seen in shelf.look(stack) if seen.reports} != {"jwt", "profile", "activate"}:
            assert time.monotonic() < until, shelf.look(stack)
            time.sleep(0.1)
    kept = {path.name: path.stat().st_mode & 0o777 for path in (stack.var / "demo").glob("*.flash.json")}
    assert kept == dict.fromkeys(("jwt.flash.json", "ztp.flash.json", "activate.flash.json"), 0o600)
