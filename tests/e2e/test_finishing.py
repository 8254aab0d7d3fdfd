"""Finishing under a bad signal: sent once, or plainly not sent; and what was typed outlives its window."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from devices.models import Event
from tests.e2e.live_pages import go_offline, has_form, press
from tests.provisioning.conftest import end_in

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from provisioning.models import Window
    from tests.conftest import World
    from tests.e2e.silentproxy import SilentProxy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

SOON = 20_000  # milliseconds, which a busy machine may take for what another does at once
# Fields of which something else lies over the middle.
FIELDS = ".window-form :is(input, select, button):not([type=hidden])"
COVERED = """(fields) => [...document.querySelectorAll(fields)].filter((field) => {
    field.scrollIntoView({ block: "end", behavior: "instant" });
    const { left, top, width, height } = field.getBoundingClientRect();
    const there = document.elementFromPoint(left + width / 2, top + height / 2);
    return !field.contains(there) && !there?.closest("nav");
}).map(({ name, textContent }) => name || textContent)"""


@pytest.fixture
def form(page: Page, window: Window, world: World) -> Page:
    """The window's page with its form, filled in."""
    press(window)
    has_form(page)
    page.get_by_label("Name").fill("KP002")
    page.get_by_label("Group").select_option(label=world.anaheim.name)
    return page


def finish(page: Page) -> None:
    page.get_by_role("button", name="Finish registration").click()


def is_finished_once(page: Page, window: Window, name: str = "KP002") -> None:
    expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=SOON)
    assert f"/devices/{window.device.serial}/" in page.url
    assert Event.objects.filter(device=window.device, kind=Event.Kind.PROVISIONED).count() == 1


@pytest.mark.parametrize("reloaded", [False, True])
def test_it_is_sent_when_the_signal_is_back(form: Page, window: Window, reloaded: bool) -> None:
    form.set_viewport_size({"width": 390, "height": 800})
    form.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    go_offline(form)
    expect(form.locator("[data-live-says=lost]")).to_be_visible(timeout=SOON)
    expect(form.get_by_text("press again")).to_be_hidden()
    assert form.evaluate(COVERED, FIELDS) == []
    finish(form)
    expect(form.get_by_text("No answer came: there is no connection.")).to_be_visible(timeout=SOON)
    expect(form.get_by_label("Name")).to_have_value("KP002")
    if reloaded:
        form.reload()
        expect(form.get_by_text("You finished a registration here, and no answer came.")).to_be_visible()
    else:
        form.wait_for_timeout(1_000)
        assert form.locator("[data-live-says=lost]").is_hidden()  # the message says it
        assert form.evaluate(COVERED, FIELDS) == []
    form.context.set_offline(False)
    is_finished_once(form, window)
    expect(form.get_by_role("link", name="Another one here")).to_be_visible()


def test_it_counts_once_though_its_answer_was_lost(form: Page, window: Window) -> None:
    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    form.route("**/place/", lose, times=1)
    form.route("**/stream/**", lambda route: route.abort())
    finish(form)
    is_finished_once(form, window)


def test_what_the_stream_tells_waits_for_the_answer(form: Page, window: Window) -> None:
    """The stream says that it is registered before the answer is there, which leads on to the device."""
    shown: list[str] = []
    form.expose_function("note", lambda state: shown.append(state))
    form.evaluate("""new MutationObserver(() => note(document.querySelector("[data-window]")?.dataset.state ?? ""))
        .observe(document.querySelector("[data-live]"), { childList: true, subtree: true })""")

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        form.wait_for_timeout(2_500)
        route.fulfill(response=answer)

    form.route("**/place/", answer_late, times=1)
    finish(form)
    is_finished_once(form, window)
    assert set(shown) <= {"pressed"}


def test_what_is_written_on_is_not_sent_by_itself(form: Page, window: Window) -> None:
    go_offline(form)
    finish(form)
    expect(form.get_by_text("No answer came: there is no connection.")).to_be_visible(timeout=SOON)
    form.get_by_label("Name").press_sequentially("b")
    expect(form.get_by_text("It is not sent by itself any more")).to_be_visible()
    form.context.set_offline(False)
    form.wait_for_timeout(2_500)
    expect(form.get_by_label("Name")).to_have_value("bKP002")
    finish(form)
    is_finished_once(form, window, "bKP002")


def test_what_is_answered_to_a_second_try_waits_no_more(form: Page) -> None:
    form.route("**/place/", lambda route: route.abort(), times=1)
    finish(form)
    expect(form.get_by_text("No answer came: there is no connection.")).to_be_visible(timeout=SOON)
    form.get_by_label("Name").evaluate("(field) => { field.value = ' '; }")
    finish(form)
    expect(form.locator(".is-invalid").first).to_be_visible(timeout=SOON)
    expect(form.get_by_text("not all of it could be kept")).to_be_hidden()
    form.wait_for_timeout(200)
    assert form.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('finish'))") == []


def test_a_silent_connection_loses_nothing(form: Page, window: Window, proxy: SilentProxy) -> None:
    proxy.silence()
    form.locator(".window-form").evaluate("""form => form.setAttribute("hx-request", '{"timeout": 1500}')""")
    finish(form)
    is_finished_once(form, window)


def test_who_finishes_when_the_time_is_up_is_promised_nothing(form: Page, window: Window) -> None:
    end_in(window, seconds=2)
    form.reload()
    go_offline(form)
    expect(form.locator("[data-window-said]")).to_have_text("The time is up.", timeout=SOON)
    finish(form)
    expect(form.get_by_text("The time is up, and no answer came.")).to_be_visible(timeout=SOON)
    expect(form.get_by_text("sent by itself")).to_be_hidden()


def test_what_was_typed_outlives_the_window(form: Page, window: Window, world: World) -> None:
    end_in(window, seconds=4)
    form.reload()
    go_offline(form)
    finish(form)
    expect(form.get_by_text("The time is up, and no answer came.")).to_be_visible(timeout=SOON)
    form.wait_for_timeout(500)
    expect(form.locator("[data-window-time]")).to_have_text("0:00")
    expect(form.locator("[data-window-said]")).to_have_text("The time is up.")
    expect(form.get_by_text("sent by itself")).to_be_hidden()
    form.context.set_offline(False)
    expect(form.get_by_role("heading", name="The time is up")).to_be_visible(timeout=SOON)
    expect(form.locator("[data-window-said]")).to_have_text("")
    assert not Event.objects.filter(device=window.device, kind=Event.Kind.PROVISIONED).exists()
    expect(form.get_by_text("What you typed is kept")).to_be_visible()
    form.get_by_role("button", name="Start again").click()
    expect(form.get_by_role("heading", name="Bring the device online")).to_be_visible()
    press(window)
    has_form(form)
    expect(form.get_by_label("Name")).to_have_value("KP002")
    expect(form.get_by_label("Group")).to_have_value(str(world.anaheim.pk))
    form.get_by_role("button", name="Cancel").click()
    expect(form.get_by_text("Registration cancelled")).to_be_visible()
    assert form.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('typed'))") == []


def test_signing_out_leaves_nothing_of_it_in_the_browser(form: Page) -> None:
    deadline = time.monotonic() + 5
    while not form.evaluate("Object.keys(sessionStorage).length") and time.monotonic() < deadline:
        form.wait_for_timeout(100)
    assert form.evaluate("Object.keys(sessionStorage)")
    form.goto(f"{form.evaluate('location.origin')}/accounts/logout/")
    form.get_by_role("button", name="Sign out").click()
    expect(form).to_have_url(re.compile("/accounts/login/"))
    assert form.evaluate("Object.keys(sessionStorage)") == []
