"""What the tests of live pages do with a page, a window and the consumer's heartbeat."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from devices.mqtt import heartbeat
from lib import live
from tests.provisioning.conftest import report_press

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from playwright.sync_api import BrowserContext, Page, Route

    from provisioning.models import Window
    from tenants.models import User
    from tests.e2e.silentproxy import SilentProxy

HEARD = """new Promise((heard) => { document.addEventListener("live:heard", heard, { once: true }); }).then(() => 0)"""
SOON = 8_000  # of ten seconds


def hear(store: redis.Redis, **facts: bool) -> None:
    store.set(heartbeat.KEY, json.dumps({"time": 0, "connected": True, "failing": False} | facts))


def sign_in(context: BrowserContext, user: User) -> None:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "domain": "127.0.0.1", "path": "/"}])


@contextmanager
def hold_stream(proxy: SilentProxy, path: str, user: User) -> Iterator[None]:
    """Hold a stream open, as a page would, for somebody who is signed in."""
    client = Client()
    client.force_login(user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=SOON / 1000) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
        assert b" 200 " in stream.recv(4096)
        yield


def address(proxy: SilentProxy, window: Window) -> str:
    return f"http://127.0.0.1:{proxy.port}{reverse('provisioning:window', kwargs={'key': window.key})}"


def press(window: Window) -> None:
    live.announce(report_press(window.device))


def has_form(page: Page, within: int = SOON) -> None:
    expect(page.get_by_label("Name")).to_be_visible(timeout=within)


def go_offline(page: Page) -> None:
    """Take its signal away, and with it the stream, which the browser would go on reading."""
    page.context.set_offline(True)
    page.evaluate("document.dispatchEvent(new Event('resume'))")


def make_fetch(page: Page) -> None:
    """Have the window's stream say that there is something new, and not what: as where it has no cookie for forms."""
    page.context.clear_cookies(name=settings.CSRF_COOKIE_NAME)
    with page.expect_response("**/stream/**"):
        page.evaluate("document.dispatchEvent(new Event('resume'))")


def lose_once(page: Page, *scripts: str) -> list[str]:
    """What of the scripts, by name, is still to be lost on its way to the page."""
    lost = [*scripts]

    def lose(route: Route) -> None:
        name = next((each for each in lost if f"/{each}." in route.request.url), None)
        if name:
            lost.remove(name)
            route.abort()
        else:
            route.continue_()

    page.route("**/*.js", lose)
    return lost
