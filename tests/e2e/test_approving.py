"""A device without a button is handed over on a phone: somebody finds it by the code that it shows, and lets it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import PHONE
from tests.e2e.live_pages import SOON, sign_in
from tests.provisioning.doors.makers import Sdk, get_operation, make_approval_door

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from tests.conftest import World
    from tests.e2e.silentproxy import SilentProxy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scanned", [False, True], ids=["typed", "scanned"])
def test_a_code_leads_to_the_device_and_that_is_let_in(
    context: BrowserContext, proxy: SilentProxy, world: World, scanned: bool
) -> None:
    sdk, site = Sdk(make_approval_door(world.version)[1]), f"http://127.0.0.1:{proxy.port}"
    sign_in(context, world.technician)
    page = context.new_page()
    page.goto(f"{site}/approve/")
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    page.wait_for_timeout(500)  # its stream is open
    operation = get_operation(sdk.init("dev-0001").json()["provisioningOperationId"])
    expect(page.get_by_role("link", name="dev-0001")).to_be_visible(timeout=SOON)  # by itself
    if scanned:  # the camera of a phone opens what the QR code holds
        page.goto(f"{site}/approve/?code={operation}")
    else:
        page.get_by_label("Code").fill(str(operation).lower().replace("-", " "))
        page.get_by_role("button", name="Find it").click()
    expect(page.get_by_role("heading", name="Let this device in?")).to_be_visible()
    expect(page.get_by_text("ureq/2.12.1")).to_be_visible()  # what it says of itself
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_label("Name").fill("KP002")
    page.get_by_label("Group").select_option(label=world.anaheim.name)
    page.get_by_role("button", name="Let it in").click()
    expect(page.get_by_role("heading", name="Approved")).to_be_visible(timeout=SOON)
    assert sdk.register(sdk.complete(str(operation.key)).json()["registrationToken"]).status_code == 200
    expect(page.get_by_role("heading", name="It is in")).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="Open the dashboard").click()
    expect(page.get_by_role("heading", name="KP002")).to_be_visible(timeout=SOON)
