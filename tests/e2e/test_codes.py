"""A device without a button is handed over on a phone: by the code on its label, and by the one on its display."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from devices.connections.refused_attempts import Counted, record_attempts
from devices.credentials import presence_secrets
from devices.refusals import CONNECT_WRONG_SECRET
from lib import live
from provisioning.models import Window
from provisioning.presence.rotating_code import compute_code
from provisioning.windows import operations as windows
from tests.e2e.live_pages import SOON, address, has_form, sign_in
from tests.provisioning.conftest import ask_for

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from tests.conftest import World
    from tests.e2e.silentproxy import SilentProxy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def read_display(secret: str) -> str:
    now = Window.objects.with_state().get().now
    return compute_code(base64.b32decode(secret), int(now.timestamp()) // 30)


@pytest.mark.parametrize(("method", "label"), [("claim-code", "Claim code"), ("rotating-code", "Code on the display")])
def test_a_code_leads_to_the_form_and_the_device(
    context: BrowserContext, proxy: SilentProxy, world: World, method: str, label: str
) -> None:
    ask_for(world, method)
    secret = presence_secrets.make_presence_secret(device=world.waiting, method=method, by=None).secret
    window = windows.open_window(device=world.waiting, by=world.technician)
    sign_in(context, world.technician)
    page = context.new_page()
    page.goto(address(proxy, window))
    field = page.get_by_label(label)
    field.fill("000000")
    field.press("Enter")
    expect(page.get_by_text("This code does not fit.")).to_be_visible(timeout=SOON)
    expect(field).to_be_focused()
    field.fill("half of")
    live.announce([window.topic])  # somewhere else something happened: what is typed stays
    page.wait_for_timeout(500)
    record_attempts([Counted(world.waiting.pk, None, "mqtt", CONNECT_WRONG_SECRET, {"hint": ""}, 1)])
    expect(page.get_by_text("It connects with a wrong secret.")).to_be_visible(timeout=SOON)
    expect(field).to_have_value("half of")
    expect(field).to_be_focused()
    page.keyboard.type(" it")
    expect(field).to_have_value("half of it")
    field.fill(secret if method == "claim-code" else read_display(secret))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Go on").click()
    has_form(page)
    page.get_by_label("Name").fill("KP002")
    page.get_by_label("Group").select_option(label=world.anaheim.name)
    page.get_by_role("button", name="Finish registration").click()
    expect(page.get_by_role("heading", name="KP002")).to_be_visible(timeout=2 * SOON)
