"""A browser is told of what needs attention: from the account page's button to the page that the message opens.

Chromium's own push service is in the Internet: what subscribes stands in for it, everything else is real.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from lib import web_push
from tenants.models import PushSubscription
from tests.e2e.browser import PHONE, faults_by_day_and_night, launch
from tests.e2e.live_pages import sign_in
from tests.tenants.push.browsers import Browser as Subscribed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

    from tests.conftest import World
    from tests.mqtt.processes import Process

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ENDPOINT = "https://push.example/p/one"
PRETEND = """
(() => {
  const [endpoint, p256dh, auth] = %s;
  const plain = (text) => atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  const bytes = (text) => Uint8Array.from(plain(text), (char) => char.charCodeAt(0)).buffer;
  const kept = "pretend-push";
  const made = (key) => ({
    endpoint, options: { applicationServerKey: bytes(key) },
    getKey: (name) => bytes({ p256dh, auth }[name]),
    unsubscribe: async () => { localStorage.removeItem(kept); return true; },
  });
  PushManager.prototype.getSubscription = async () => localStorage.getItem(kept) && made(localStorage.getItem(kept));
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly) throw new Error("seen by nobody");
    const text = btoa(String.fromCharCode(...applicationServerKey));
    const key = text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    localStorage.setItem(kept, key);
    return made(key);
  };
  Notification.requestPermission = async () => "granted";
  Object.defineProperty(Notification, "permission", { get: () => "%s" });
})();
"""


@pytest.fixture(scope="module")
def browser(beside_a_loop: None, playwright: Playwright) -> Iterator[Browser]:
    with launch(playwright, whole=True) as running:
        yield running


@pytest.fixture
def subscribed() -> Subscribed:
    return Subscribed(ENDPOINT)


def pretend(context: BrowserContext, browser: Subscribed, permission: str = "default") -> None:
    sent = browser.sent
    context.add_init_script(PRETEND % (json.dumps([sent["endpoint"], sent["p256dh"], sent["auth"]]), permission))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport=PHONE, permissions=["notifications"]) as made:
        yield made


@pytest.fixture
def page(context: BrowserContext, site: Process, world: World, subscribed: Subscribed) -> Page:
    pretend(context, subscribed)
    sign_in(context, world.viewer)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{site.port}/account/")
    return page


def test_a_browser_subscribes_and_is_removed(page: Page, world: World, subscribed: Subscribed) -> None:
    told = page.get_by_role("region", name="Messages to browsers")
    told.get_by_role("button", name="Tell me here").click()
    expect(page.get_by_text("This browser is told from now on")).to_be_visible()
    row = PushSubscription.objects.get()
    assert (row.user, row.endpoint, bytes(row.auth)) == (world.viewer, ENDPOINT, subscribed.auth)
    assert bytes(row.p256dh) == web_push.write_point(subscribed.key)
    expect(told.get_by_role("row").filter(has_text="this one")).to_be_visible()
    expect(told.get_by_role("button", name="Tell me here")).to_be_hidden()
    assert faults_by_day_and_night(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    told.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("That browser is told nothing more")).to_be_visible()
    assert not PushSubscription.objects.exists()
    assert page.evaluate("localStorage.length === 0 || !localStorage.getItem('pretend-push')")
    expect(told.get_by_role("button", name="Tell me here")).to_be_visible()


def test_one_that_may_not_is_told_why(context: BrowserContext, page: Page, site: Process) -> None:
    pretend(context, Subscribed(ENDPOINT), "denied")
    page.reload()
    told = page.get_by_role("region", name="Messages to browsers")
    expect(told.get_by_text("does not allow this site")).to_be_visible()
    expect(told.get_by_role("button", name="Tell me here")).to_be_hidden()


def test_a_message_is_shown_and_opens_its_page(page: Page, context: BrowserContext, world: World) -> None:
    """As the browser hands it to the service worker once it has read it."""
    path = world.placed.get_absolute_url()
    page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    session = context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(each["registrationId"] for each in told["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.wait_for_timeout(300)
    origin = page.evaluate("location.origin")
    data = json.dumps({"title": "Anaheim One needs attention", "path": path})
    session.send("ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": found[0], "data": data})
    shown = """async () => {
      const registration = await navigator.serviceWorker.ready;
      for (let n = 0; n < 100; n++) {
        const [one] = await registration.getNotifications();
        if (one) return [one.title, one.data, one.body];
        await new Promise((later) => setTimeout(later, 50));
      }
    }"""
    assert page.evaluate(shown) == ["Anaheim One needs attention", path, ""]
    [worker] = context.service_workers
    # Only a person's click may open a window: what would be opened is written down.
    click = """async () => {
      let opened = null;
      Object.defineProperty(Clients.prototype, "openWindow", { value: async (address) => { opened = address; } });
      const [one] = await self.registration.getNotifications();
      self.dispatchEvent(new NotificationEvent("notificationclick", { notification: one }));
      for (let n = 0; n < 100 && !opened; n++) await new Promise((later) => setTimeout(later, 20));
      return [opened, (await self.registration.getNotifications()).length];
    }"""
    assert worker.evaluate(click) == [f"{origin}{path}", 0]
