"""From a spreadsheet to a device that a tenant watches, and back out of their hands; and no secret lies anywhere.

Everything is real: the demo's processes on PostgreSQL where there is one, Chromium with a camera that shows the printed
label, devices that connect with what the result file says. Quality: row 20, over the whole run.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from tests import leaks
from tests.devices.labels.reading import codes, pictures
from tests.e2e import fakecamera
from tests.e2e.browser import PHONE, launch, sign_in
from tests.e2e.day import begin_day, downloaded, opened, result
from tests.mqtt.gateway import ACCEPTED, Gateway
from tests.mqtt.presses import press_until
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Playwright

    from tests.e2e.day import Day, Row

pytestmark = pytest.mark.e2e

OWNER, TECHNICIAN, VIEWER = "admin@kanarra.example", "technician@sadler.example", "viewer@sadler.example"
GROUP_ADMIN, GUEST, PASSPHRASE = "admin@tekton.example", "guest@tekton.example", "a long enough passphrase"
ROWS = 30


@pytest.fixture(scope="module")
def day() -> Iterator[Day]:
    with begin_day() as it:
        yield it


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with launch(playwright) as running:
        yield running


def test_a_day_at_the_factory_in_the_field_and_at_the_desk(
    day: Day, playwright: Playwright, browser: Browser, tmp_path: Path
) -> None:
    with leaks.Tap(day.redis_url) as tap:
        page = opened(browser, day, OWNER, "/recipes/")
        _make_recipe(page)
        rows = _import(day, page)
        label = _seen(_print(page, len(rows)))
        (printed,) = codes(label.convert("L"))
        (chosen,) = [row for row in rows if row.serial.replace("-", "") == printed.replace("-", "")]
        gateway = _connect(day, page, chosen)
        _place(day, playwright, fakecamera.film(tmp_path / "label.mjpeg", [label]), gateway, chosen)
        _watch(day, browser, gateway, chosen)
        message = _tell_again(day, page, chosen)
        _cut_off(day, page, gateway, chosen)
        one = _other_secrets(day, page)
        _both_were_told(day, page, message, chosen)
        _invite_and_take_away(day, browser)
        shown = _pages(day, page, [chosen.serial, one])
    assert len(day.secrets) == len(day.stack.devices) + 2 + ROWS + 1 + 2 + 1 + 1 + 1
    said = tap.text
    assert "devices.tasks.work_on_import" in said
    held = {"database": day.database(), "redis": leaks.redis(day.redis_url), "said": said, "log": day.stack.log}
    assert chosen.access_key in held["database"]
    assert "worker" in held["log"]
    held |= {str(file): file.read_bytes().decode("latin-1") for file in day.files()}
    assert leaks.search(day.secrets, {**held, **shown}) == {}


def _make_recipe(page: Page) -> None:
    """With a format of serials of its own."""
    page.get_by_role("link", name="New recipe").click()
    page.get_by_label("Name", exact=True).first.fill("Day gateway")
    for name, label, kind in (("rpm", "Engine speed", "Number"), ("registerButton", "Register button", "Yes or no")):
        page.get_by_role("button", name="Add an attribute").click()
        row = page.locator(".attribute-lines [data-row]:visible").last
        row.get_by_label("Name").fill(name)
        row.get_by_label("Label").fill(label)
        row.get_by_label("Type").select_option(label=kind)
    page.get_by_label("Kind").select_option("opaque")
    page.locator("#id_identity-prefix").fill("DAY-")
    page.get_by_label("Length after the prefix").fill("6")
    expect(page.locator("#identity-shown")).to_contain_text("“DAY-”, then 6 letters or digits")
    page.get_by_label("Model").first.select_option(label="KG-250")
    page.get_by_role("button", name="Make this recipe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Day gateway")


def _import(day: Day, page: Page) -> list[Row]:
    """Two rows don't fit and are skipped. The result can be taken once."""
    lines = [f"DAY-0000{number:02},Day {number}" for number in range(ROWS)]
    text = "\n".join(["Serial,Name", *lines[:10], "DAY-77,Too short", *lines[10:], "DAY-000003,Twice"])
    page.get_by_role("link", name="Add devices").first.click()
    page.get_by_label("Recipe").select_option(label="Day gateway")
    file = {"name": "day.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label("CSV or Excel file with the devices").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Upload and preview").click()
    page.get_by_text("Skip them").click()
    page.get_by_role("button", name="Check every row").click()
    expect(page.get_by_role("heading", name="What starting does")).to_be_visible(timeout=30_000)
    expect(page.locator(".problem-table tbody tr")).to_have_count(4)  # to be corrected, and listed
    page.get_by_role("button", name=f"Make {ROWS} devices").click()
    expect(page.get_by_role("heading", name=f"{ROWS} devices added")).to_be_visible(timeout=30_000)
    late = page.context.new_page()
    late.goto(page.url)
    rows = [row for row in result(day, page) if row.access_secret]
    assert [row.serial for row in rows] == [line.split(",")[0] for line in lines]
    late.get_by_role("button", name="Download once").click()
    expect(late.get_by_text("These secrets were taken already")).to_be_visible()
    late.close()
    return rows


def _print(page: Page, count: int) -> Image.Image:
    """The first sheet, as the printer has it."""
    page.get_by_role("link", name="Print labels").click()
    expect(page.locator(".sheets-count")).to_contain_text(f"{count} labels")
    sheet = pictures(downloaded(page, "Download PDF"), 300)[0]
    assert codes(sheet)
    return sheet


def _seen(sheet: Image.Image) -> Image.Image:
    """One label of the sheet before a camera."""
    corner = min(zxingcpp.read_barcodes(sheet), key=lambda each: each.position.top_left.x + each.position.top_left.y)
    left, top = corner.position.top_left.x, corner.position.top_left.y
    side = corner.position.bottom_right.x - left
    cut = sheet.crop((left - side // 5, top - side // 5, left + side * 6 // 5, top + side * 6 // 5))
    scene = Image.new("RGB", fakecamera.SIZE, (96, 99, 104))
    scene.paste(cut.convert("RGB").resize((480, 480)), (400, 120))
    return scene


def _report(gateway: Gateway, **data: object) -> None:
    assert gateway.publish(f"devices/{gateway.client_id}/state", json.dumps({"data": data}))


def _connect(day: Day, page: Page, row: Row) -> Gateway:
    """With what the factory put into it, and from then on it is activated."""
    page.goto(f"{day.stack.url}/devices/{row.serial}/events/")
    expect(page.get_by_text("Activated")).to_have_count(0)
    gateway = Gateway(day.stack.mqtt_port, row.device_id, row.access_key, row.access_secret)
    assert gateway.connect() == ACCEPTED
    _report(gateway, rpm=600)
    page.reload()
    expect(page.get_by_text("Activated")).to_have_count(1)
    return gateway


def _place(day: Day, playwright: Playwright, film: Path, gateway: Gateway, row: Row) -> None:
    """The technician scans the printed label, presses, and places."""
    with launch(playwright, *fakecamera.flags(film)) as browser:
        page = browser.new_context(viewport=PHONE, permissions=["camera"]).new_page()
        sign_in(page, day.stack, TECHNICIAN)
        page.goto(f"{day.stack.url}/register/")  # the camera starts by itself
        expect(page.get_by_role("heading", name="Press the register button")).to_be_visible(timeout=20_000)
        name = page.get_by_label("Name")
        press_until(name.count, lambda: _report(gateway, registerButton=True))
        name.fill("Day one")
        page.get_by_label("Group").select_option(label="Kaiser Permanente Anaheim")
        page.get_by_role("button", name="Finish registration").click()
        expect(page).to_have_url(f"{day.stack.url}/devices/{row.serial.replace('-', '')}/")
        expect(page.get_by_role("heading", name="Day one")).to_be_visible()


def _watch(day: Day, browser: Browser, gateway: Gateway, row: Row) -> None:
    """The tenant's people see it live; another tenant's don't see that it is there."""
    page = opened(browser, day, VIEWER, f"/devices/{row.serial}/")
    for value in (1801.5, 1777.5):
        _report(gateway, rpm=value)
        expect(page.get_by_role("region", name="Latest values")).to_contain_text(f"{value:,}", timeout=10_000)
    page.context.close()
    page = opened(browser, day, GROUP_ADMIN, f"/devices/{row.serial}/")
    expect(page.get_by_text("Day one")).to_have_count(0)
    page.context.close()


def _tell_again(day: Day, page: Page, row: Row) -> str:
    """Of two back ends the second did not take what it was told of the placed device: an admin sends it now. Returns
    the address of what was told."""
    page.goto(f"{day.stack.url}/hooks/")
    tried_again = page.get_by_role("row", name="Maintenance planning").locator("[data-label='Tried again']")
    eventually(lambda: bool(page.reload()) and tried_again.inner_text() == "1", seconds=15)
    page.get_by_role("link", name="Maintenance planning").click()
    expect(page.locator(".message-warning")).to_contain_text("It answered 503.")
    page.get_by_role("link", name="See the message").click()
    expect(page.locator("h1 a")).to_have_attribute("href", f"/devices/{row.serial.replace('-', '')}/")
    expect(page.get_by_role("row", name="Asset register")).to_contain_text("It answered 204.")
    page.get_by_role("button", name="Send now to Maintenance planning").click()
    expect(page.locator(".messages")).to_contain_text("will be told again within seconds")
    return page.url


def _both_were_told(day: Day, page: Page, message: str, row: Row) -> None:
    """One after the other, and nothing is sent twice to who took it."""
    page.goto(message)
    results = page.locator("[data-label='Result']")
    eventually(lambda: bool(page.reload()) and results.all_inner_texts() == ["It answered 204."] * 2, seconds=15)
    assert page.locator("[data-label='Attempts']").all_inner_texts() == ["1", "1"]  # the count begins anew by hand
    serial = row.serial.replace("-", "")
    said = [line for line in day.stack.log.splitlines() if line.startswith("hooks ") and serial in line]
    place = "“Day one” in Kanarra / Sadler-Isberg / Los Angeles / Kaiser Permanente Anaheim"
    assert [line.partition("| ")[2] for line in said] == [
        f"Asset register was told: device.placed {serial} {place} (204)",
        f"Maintenance planning refuses once: device.placed {serial} {place}; it is tried again (503)",
        f"Maintenance planning was told: device.placed {serial} {place} (204)",
    ]


def _cut_off(day: Day, page: Page, gateway: Gateway, row: Row) -> None:
    """Rotated, the device takes its new credential and the old one ends; locked, it is gone within five seconds."""
    page.goto(f"{day.stack.url}/devices/{row.serial}/credentials/")
    page.get_by_role("button", name="Rotate").click()
    key, secret = page.locator("#new-key").inner_text(), day.told(page.locator("#new-secret").inner_text())
    new = Gateway(day.stack.mqtt_port, row.device_id, key, secret)
    assert new.connect() == ACCEPTED
    assert gateway.lost.wait(5)
    eventually(lambda: gateway.connect() != ACCEPTED)
    new = Gateway(day.stack.mqtt_port, row.device_id, key, secret)
    assert new.connect() == ACCEPTED
    page.goto(f"{day.stack.url}/devices/{row.serial}/credentials/")
    page.locator("summary", has_text="Lock").click()
    page.get_by_role("button", name="Lock Day one").click()
    assert new.lost.wait(5)
    assert new.connect() != ACCEPTED


def _other_secrets(day: Day, page: Page) -> str:
    """A single device, two credentials issued anew, an API token. Returns the single device's serial."""
    page.goto(f"{day.stack.url}/devices/new/?how=one")
    page.get_by_label("Recipe").select_option(label="Day gateway")
    page.get_by_label("Serial").fill("DAY-ALONE1")
    page.get_by_role("button", name="Add device").last.click()
    day.told(page.locator("#access-secret").inner_text())

    page.goto(f"{day.stack.url}/?waiting=1&q=Day")
    for number in (0, 1):
        page.locator("[data-pick]").nth(number).locator("..").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name=re.compile("^Reissue credentials")).click()
    page.get_by_role("button", name="Preview").click()
    page.get_by_label("Type 2 to confirm").fill("2")
    page.get_by_role("button", name="Reissue credentials").click()
    assert len(result(day, page)) == 2

    page.goto(f"{day.stack.url}/tokens/")
    page.get_by_label("Name").fill("Factory")
    page.get_by_role("button", name="Make token").click()
    token = day.told(page.locator("#secret").inner_text())
    asked = page.request.get(f"{day.stack.url}/api/v1/me/", headers={"Authorization": f"Bearer {token}"})
    assert asked.json()["email"] == OWNER
    return "DAY-ALONE1"


def _invite_and_take_away(day: Day, browser: Browser) -> None:
    """A group's admin invites somebody by mail; the role taken away, the page that they have open ends."""
    page = opened(browser, day, GROUP_ADMIN, "/people/")
    page.get_by_role("link", name="Invite").first.click()
    page.locator(".pick", has_text="Tekton Health").first.click()
    page.get_by_label("E-mail").fill(GUEST)
    page.get_by_label("Viewer: sees").check()
    page.get_by_role("button", name="Send invitation").click()
    expect(page.locator(".messages")).to_contain_text("on its way")

    guest = browser.new_context(viewport=PHONE).new_page()
    guest.goto(day.invitation(GUEST))
    guest.get_by_label("Your name").fill("A guest")
    guest.get_by_label("Password").fill(PASSPHRASE)
    guest.get_by_role("button", name="Accept and sign in").click()
    expect(guest.locator(".messages")).to_contain_text("viewer of Tekton Health")
    guest.goto(day.stack.url)
    guest.get_by_role("link", name="Cascade main").click()
    expect(guest.get_by_role("region", name="Latest values")).to_contain_text("rpm", timeout=15_000)

    page.goto(f"{day.stack.url}/people/")
    page.get_by_role("link", name="A guest").click()
    page.get_by_role("button", name="Remove from Tekton Health").click()
    expect(guest).to_have_url(re.compile("/accounts/login/"), timeout=10_000)
    page.context.close()
    guest.context.close()


def _pages(day: Day, page: Page, serials: list[str]) -> dict[str, str]:
    """What the owner is shown afterwards, and what errors look like."""
    own = [f"/devices/{serial}/{part}" for serial in serials for part in ("", "credentials/", "events/", "edit/")]
    page.goto(f"{day.stack.url}/imports/")
    made = page.get_by_role("link", name="day.csv").get_attribute("href") or ""
    page.goto(f"{day.stack.url}/actions/")
    done = page.locator("tbody a").first.get_attribute("href") or ""
    listed = [
        "/",
        "/tokens/",
        "/people/",
        "/journal/",
        "/journal/export.csv",
        "/imports/",
        made,
        f"{made}report.csv",
        done,
    ]
    listed += ["/api/v1/devices/", "/none/", "/invitations/none/", f"/devices/{serials[0]}/none/"]
    shown = {path: page.request.get(day.stack.url + path) for path in [*own, *listed]}
    shown |= {
        f"post {path}": page.request.post(day.stack.url + path) for path in (made, f"{made}result/", "/tokens/new/")
    }
    statuses = {answer.status for answer in shown.values()}
    assert statuses >= {200, 403, 404}
    assert max(statuses) < 500
    return {path: answer.text() for path, answer in shown.items()}
