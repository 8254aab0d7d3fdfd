"""What a page does when its connection dies, each fault by itself: a window's has its form soon after the press."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from devices.models import Device
from lib import live
from tests.e2e.live_pages import (
    HEARD,
    SOON,
    address,
    go_offline,
    has_form,
    hear,
    hold_stream,
    lose_once,
    make_fetch,
    press,
    sign_in,
)
from tests.mqtt.processes import eventually
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    import redis
    from playwright.sync_api import BrowserContext, Page, Route

    from provisioning.models import Window
    from tests.conftest import World
    from tests.e2e.silentproxy import SilentProxy
    from tests.mqtt.processes import Process

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_a_press_shows_the_form(page: Page, window: Window) -> None:
    press(window)
    has_form(page)
    assert page.evaluate("document.activeElement.id")


def test_a_refresh_that_fails_is_tried_again(page: Page, window: Window) -> None:
    answers = [lambda route: route.abort(), lambda route: route.fulfill(status=500, body="")]

    def fail(route: Route) -> None:
        answers.pop()(route) if answers else route.continue_()

    make_fetch(page)
    with page.expect_response(f"**/register/{window.key}/"):  # one that was asked for before is over
        page.evaluate("handoverLive.refresh()")
    page.route(f"**/register/{window.key}/", fail)
    press(window)
    has_form(page)
    assert not answers


def test_a_connection_that_falls_silent_is_noticed(page: Page, window: Window, proxy: SilentProxy) -> None:
    proxy.silence()
    press(window)
    has_form(page)


def test_a_silent_connection_is_opened_anew(page: Page, window: Window, proxy: SilentProxy) -> None:
    with page.expect_response(lambda answer: "/stream/" in answer.url, timeout=3 * SOON):
        proxy.silence()
    press(window)
    has_form(page)


def test_a_page_that_slept_looks_again_when_it_wakes(page: Page, window: Window, proxy: SilentProxy) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    proxy.silence()
    press(window)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    has_form(page)


def test_a_dark_hole_is_left_without_a_word_of_the_browser(page: Page, window: Window, proxy: SilentProxy) -> None:
    proxy.go_dark()
    press(window)
    expect(page.locator("[data-live-says=lost]")).to_be_visible(timeout=SOON)
    page.wait_for_timeout(4_000)  # requests get longer, and wait for one another
    proxy.come_back()
    has_form(page)
    expect(page.locator("[data-live-says=lost]")).to_be_hidden()


def test_a_phone_that_was_offline_looks_at_once(page: Page, window: Window) -> None:
    go_offline(page)
    press(window)
    expect(page.locator("[data-live-says=lost]")).to_be_visible(timeout=SOON)
    page.context.set_offline(False)
    has_form(page, 3_000)


def test_a_page_that_gets_no_stream_asks(
    context: BrowserContext, proxy: SilentProxy, world: World, window: Window
) -> None:
    sign_in(context, world.technician)
    page = context.new_page()
    page.route("**/stream/**", lambda route: route.abort())
    page.goto(address(proxy, window))
    page.wait_for_timeout(1_000)
    press(window)
    has_form(page)


@pytest.mark.parametrize(("seconds", "least", "most", "refuses"), [(4, 3, 7, True), (20, 3, 4, False)])
def test_a_stream_that_is_not_had_is_asked_for_again_and_ever_less_often(
    context: BrowserContext,
    proxy: SilentProxy,
    world: World,
    window: Window,
    seconds: int,
    least: int,
    most: int,
    refuses: bool,
) -> None:
    """One that is refused, as while the site restarts, and one of which nothing comes; nor is the page answered."""
    sign_in(context, world.technician)
    page = context.new_page()
    page.clock.install()
    asked: list[str] = []

    def lose(route: Route) -> None:
        asked.append(route.request.url)
        if refuses:
            route.fulfill(status=503, body="")

    page.route("**/stream/**", lose)
    page.goto(address(proxy, window))
    page.route(f"**/register/{window.key}/", lambda route: route.fulfill(status=500, body=""))
    for _ in range(4 * seconds):
        page.clock.run_for(250)
        page.wait_for_timeout(20)
    for _ in range(100):  # until what was asked last is told of
        if len(asked) < least:
            page.wait_for_timeout(20)
    assert least <= len(asked) <= most


def test_a_script_that_did_not_arrive_is_asked_for_again(
    context: BrowserContext, proxy: SilentProxy, world: World, window: Window
) -> None:
    sign_in(context, world.technician)
    page = context.new_page()
    lost = lose_once(page, "live", "htmx")
    page.goto(address(proxy, window))
    press(window)
    has_form(page)
    assert not lost


def test_a_page_that_is_behind_says_so(page: Page, window: Window) -> None:
    behind = page.locator("[data-live-says=behind]")
    make_fetch(page)
    page.route(f"**/register/{window.key}/", lambda route: route.fulfill(status=500, body=""))
    press(window)
    expect(behind).to_be_visible(timeout=SOON)
    page.unroute(f"**/register/{window.key}/")
    has_form(page)
    expect(behind).to_be_hidden()


def test_the_list_asks_again_when_the_signal_is_back(context: BrowserContext, proxy: SilentProxy, world: World) -> None:
    sign_in(context, world.viewer)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{proxy.port}{reverse('devices:list')}")
    context.set_offline(True)
    Device.objects.filter(pk=world.placed.pk).update(name="Anaheim Renamed")
    context.set_offline(False)
    expect(page.get_by_text("Anaheim Renamed")).to_be_visible(timeout=SOON)


def test_a_list_whose_look_was_lost_looks_again(context: BrowserContext, proxy: SilentProxy, world: World) -> None:
    sign_in(context, world.viewer)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{proxy.port}{reverse('devices:list')}")
    answers = [lambda route: route.abort(), lambda route: route.fulfill(status=503, body="")]

    def fail(route: Route) -> None:
        answers.pop()(route) if answers else route.continue_()

    page.route("**/*", fail)
    Device.objects.filter(pk=world.placed.pk).update(name="Anaheim Renamed")
    page.evaluate("document.dispatchEvent(new CustomEvent('awake'))")
    expect(page.get_by_text("Anaheim Renamed")).to_be_visible(timeout=SOON)
    assert not answers
    expect(page.get_by_role("button", name="Dismiss")).to_be_hidden(timeout=SOON)


def test_a_restart_of_the_site_is_lived_through(page: Page, window: Window, site: Process) -> None:
    site.stop()
    try:
        press(window)
        expect(page.locator("[data-live-says=lost]")).to_be_visible(timeout=SOON)
    finally:
        site.start()
    has_form(page, 10_000)
    expect(page.locator("[data-live-says=lost]")).to_be_hidden()


def test_says_that_the_site_hears_nothing_and_that_it_does_again(
    page: Page, window: Window, store: redis.Redis
) -> None:
    deaf = page.locator("[data-live-says=deaf]")
    expect(deaf).to_be_hidden()
    hear(store, failing=True)
    expect(deaf).to_be_visible(timeout=2 * SOON)
    hear(store)
    expect(deaf).to_be_hidden(timeout=2 * SOON)


def test_no_connection_goes_when_values_are_live_again(
    context: BrowserContext, proxy: SilentProxy, world: World
) -> None:
    sign_in(context, world.viewer)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{proxy.port}{reverse('telemetry:dashboard', kwargs={'serial': world.placed.serial})}")
    expect(page.locator("[data-live-says=lost]")).to_be_hidden()
    context.set_offline(True)
    expect(page.locator("[data-live-says=lost]")).to_be_visible(timeout=SOON)
    context.set_offline(False)
    expect(page.locator("[data-live-says=lost]")).to_be_hidden(timeout=2 * SOON)


def test_the_oldest_of_too_many_pages_says_so_and_can_go_on(
    context: BrowserContext, proxy: SilentProxy, world: World
) -> None:
    """The one whose stream is the oldest: on a busy machine the first page may have opened another since."""
    sign_in(context, world.viewer)
    address = f"http://127.0.0.1:{proxy.port}{reverse('telemetry:dashboard', kwargs={'serial': world.placed.serial})}"
    streams: list[Page] = []
    context.on("request", lambda asked: streams.append(asked.frame.page) if "/stream/" in asked.url else None)
    pages = [context.new_page() for _ in range(3)]
    for page in pages:
        page.goto(address)
        page.evaluate(HEARD)
    told = [page.get_by_text("More live pages are open than fit") for page in pages]
    eventually(lambda: any(each.is_visible() for each in told))
    page, said = next(pair for pair in zip(pages, told, strict=True) if pair[1].is_visible())
    last = {each: number for number, each in enumerate(streams)}
    assert last[page] == min(last.values())
    page.get_by_role("button", name="Go on live here").click()
    expect(said).to_be_hidden(timeout=SOON)


def test_many_who_look_at_a_device_are_shown_what_is_new_without_asking(
    context: BrowserContext, proxy: SilentProxy, world: World
) -> None:
    place = reverse("telemetry:dashboard", kwargs={"serial": world.placed.serial})
    sign_in(context, world.viewer)
    with ExitStack() as open_for_now:
        for user in (world.viewer, *2 * (world.technician, world.admin, world.owner)):
            open_for_now.enter_context(hold_stream(proxy, f"{place}stream/", user))
        page = context.new_page()
        page.route("**/live/", lambda route: route.abort())
        page.goto(f"http://127.0.0.1:{proxy.port}{place}")
        page.evaluate(HEARD)
        save(timed(world.placed, now(), rpm=4321))
        live.announce([f"device:{world.placed.device_id}"])
        expect(page.locator("#live").get_by_text("4,321")).to_be_visible(timeout=SOON)
