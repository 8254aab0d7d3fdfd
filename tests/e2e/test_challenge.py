"""A device with keys is handed over on a phone: its page shows digits, the device signs them, and the form comes.

Everything is real: the demo's processes, Chromium, and a simulated gateway whose panel has keys.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import PHONE, faults_by_day_and_night, launch, sign_in
from tests.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Playwright

    from tests.stack import Factory, Stack

pytestmark = pytest.mark.e2e


def ask_for_digits(stack: Stack, browser: Browser, device: Factory) -> str:
    """Have the organisation ask for them, and return the secret that is made for the device."""
    page = browser.new_page()
    sign_in(page, stack, "admin@kanarra.example")
    page.goto(f"{stack.url}/settings/")
    page.get_by_label("Proof of presence").select_option("challenge")
    page.get_by_role("button", name=re.compile("^Save")).first.click()
    page.goto(f"{stack.url}/devices/{device.serial}/credentials/")
    page.get_by_role("button", name="Make one (Secret with which it signs digits)").click()
    secret = page.locator("#new-secret").inner_text()
    page.context.close()
    return secret


def start_gateway(stack: Stack, device: Factory, secret: str) -> subprocess.Popen[str]:
    arguments = ("--devices", str(stack.var / "demo" / "devices.csv"), "--only", device.serial, "--panel", "0")
    env = {**os.environ, "MQTT_URL": f"mqtt://127.0.0.1:{stack.mqtt_port}", "PRESENCE_SECRET": secret}
    command = [sys.executable, "-m", "firmware_sim", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def find_panel(process: subprocess.Popen[str]) -> str:
    for line in process.stderr or ():
        if found := re.search(r"panel at (\S+)", line):
            return found[1]
    raise AssertionError("no panel")


def enter(panel: Page, digits: str) -> None:
    panel.get_by_label("Digits from the phone").fill(digits)
    panel.get_by_role("button", name="Enter").click()
    expect(panel.get_by_text("Digits signed")).to_be_visible()


def test_digits_lead_to_the_form_and_the_device(stack: Stack, playwright: Playwright, tmp_path: Path) -> None:
    device = stack.devices[-1]
    with launch(playwright) as browser:
        process = start_gateway(stack, device, ask_for_digits(stack, browser, device))
        try:
            panel = browser.new_page()
            panel.goto(find_panel(process))
            expect(panel.get_by_text("Online").first).to_be_visible(timeout=15_000)
            page = browser.new_context(viewport=PHONE).new_page()
            sign_in(page, stack, "technician@sadler.example")
            page.goto(f"{stack.url}/register/")
            page.get_by_label("Serial").fill(device.serial)
            page.get_by_role("button", name="Continue").click()
            expect(page.get_by_role("heading", name="Enter these digits at the device")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            assert not faults_by_day_and_night(page)
            digits = page.locator("[data-challenge]").inner_text()
            page.get_by_text("Show them as a QR code").click()
            wrong = f"{(int(digits.replace(' ', '')) + 1) % 10**8:08}"
            enter(panel, wrong)
            expect(page.get_by_text("its signature does not fit")).to_be_visible(timeout=5_000)
            expect(page.get_by_alt_text("QR code of the digits")).to_be_visible()  # it was opened, and stays so
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            page.screenshot(path=os.environ.get("CHALLENGE_PICTURE", str(tmp_path / "window.png")), full_page=True)
            enter(panel, digits)
            expect(page.get_by_label("Name")).to_be_visible(timeout=5_000)
            page.get_by_label("Name").fill("KP002")
            page.get_by_label("Group").select_option(label="Kaiser Permanente Anaheim")
            page.get_by_role("button", name="Finish registration").click()
            expect(page.get_by_role("heading", name="KP002")).to_be_visible(timeout=10_000)
        finally:
            process.terminate()
            process.communicate(timeout=5)
