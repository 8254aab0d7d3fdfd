"""How the pages look to people and to screen readers: both sizes, both themes, with and without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.e2e import text_zoom
from tests.e2e.browser import DESKTOP, PHONE, faults, launch, sign_in, turn
from tests.stack import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.stack import Stack

    Look = tuple[ViewportSize, Literal["light", "dark"]]

pytestmark = pytest.mark.e2e

OWNER, GROUP_ADMIN = "admin@kanarra.example", "admin@tekton.example"
TECHNICIAN = "technician@sadler.example"
DOOR = ["/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/key/1-x/", "/offline/", "/none/"]
OWN = [
    "/",
    "/approve/",
    "/?waiting=1",
    "/?q=no-such-device",
    "/account/",
    "/account/sessions/",
    "/api/docs/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/reauthenticate/",
    "/accounts/logout/",
]

# The administration: what every admin has, and what an admin of the whole organisation has besides.
ADMINS = [
    "/manage/",
    "/?status=never&select=1",
    "/labels/",
    "/actions/",
    "/groups/",
    "/groups/?q=none",
    "/people/",
    "/people/?q=none",
    "/people/invite/",
    "/tokens/",
    "/journal/",
    "/journal/?q=none",
    "/journal/?kind=placements",
    "/journal/day/",
    "/journal/day/?day=2020-01-01",
]
OWNERS = [
    "/devices/new/",
    "/devices/new/?how=many",
    "/devices/new/?how=one",
    "/imports/",
    "/recipes/",
    "/recipes/new/",
    "/doors/",
    "/doors/new/jwt/",
    "/hooks/",
    "/hooks/new/",
    "/models/",
    "/models/labels/",
    "/settings/",
    "/log/accounts/",
    "/log/accounts/?who=none",
    "/settings/serials/",
]
LINKED = {
    "/people/invite/",
    "/recipes/new/",
    "/doors/new/jwt/",
    "/hooks/new/",
    "/models/labels/",
    "/journal/day/",
}  # from one of these pages
# On which page the first match of this leads to one more.
FURTHER = [
    ("/imports/", "tbody a"),
    ("/doors/", "tbody a:has-text('Factory')"),
    ("/doors/", "tbody a:has-text('Activation')"),  # which has content for devices
    ("/hooks/", "tbody a"),
    ("/recipes/", "tbody a:has-text('Fuel tank sensor')"),
    ("/actions/", "tbody a"),
    ("/models/", "tbody a[href^='/models/']"),
    ("/groups/", ".tree a[href^='/groups/']"),
    ("/people/", "tbody a"),
    ("/people/invite/", ".pick"),
    ("/", ".device-link"),
]
# What lies below such a page.
BELOW = {
    "/recipes/": ["", "edit/", "?version=1"],
    "/groups/": ["", "overview/"],
    "/": ["", "events/", "connections/", "label/", "credentials/", "edit/", "gateways/", "person/"],
}
# Each size and each scheme: what is too wide is so in both schemes, and what can't be read is so at both sizes.
LOOKS: list[Look] = [(PHONE, "light"), (DESKTOP, "dark")]

KEPT = """navigator.serviceWorker.ready
    .then(() => caches.keys())
    .then((names) => Promise.all(names.map(async (name) => (await caches.open(name)).keys())))
    .then((requests) => requests.flat().map((request) => new URL(request.url).pathname))"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with demo() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


def said_by(page: Page) -> list[str]:
    """From now on: scripts and styles that were refused, and scripts that failed."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "Content Security" in message.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def in_looks(page: Page, url: str, status: int = 200) -> list[object]:
    """What is wrong with a page, opened once and then turned about."""
    size, scheme = LOOKS[0]
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    answer = page.goto(url)
    found: list[object] = [] if answer and answer.status == status else [f"status {answer and answer.status}"]
    for size, scheme in LOOKS:
        page.set_viewport_size(size)
        turn(page, scheme)
        found += [(size["width"], scheme, wrong) for wrong in faults(page)]
    return found


def test_every_page(stack: Stack, browser: Browser) -> None:
    page = browser.new_page()
    said = said_by(page)
    found = {url: in_looks(page, stack.url + url, 404 if url == "/none/" else 200) for url in DOOR}
    sign_in(page, stack, OWNER)
    found |= {url: in_looks(page, stack.url + url) for url in OWN}
    assert {url: wrong for url, wrong in found.items() if wrong} == {}
    assert said == []
    page.close()


def further(page: Page, stack: Stack) -> list[str]:
    """One page of each thing that there is, and what lies below it."""
    found = []
    for url, link in FURTHER:
        page.goto(stack.url + url)
        if page.locator(link).count():
            first = page.locator(link).first.get_attribute("href") or ""
            found += [first + part for part in BELOW.get(url, [""])]
    return found


@pytest.mark.parametrize("person", [OWNER, GROUP_ADMIN], ids=["owner", "group-admin"])
def test_the_administration(stack: Stack, browser: Browser, person: str) -> None:
    page = browser.new_page(viewport=DESKTOP)
    said = said_by(page)
    sign_in(page, stack, person)
    nav = page.get_by_role("navigation", name="Administration")
    urls = [*ADMINS, *(OWNERS if person == OWNER else [])]
    found = {}
    for url in urls:
        found[url] = in_looks(page, stack.url + url)
        if url != "/manage/" and not url.startswith("/?"):
            expect(nav.locator("[aria-current]"), url).to_have_count(1)
    offered = {link.get_attribute("href") for link in nav.get_by_role("link").all()}
    assert offered == {url for url in urls if "?" not in url} - LINKED
    found |= {url: in_looks(page, stack.url + url) for url in further(page, stack)}
    assert {url: wrong for url, wrong in found.items() if wrong} == {}
    assert said == []
    page.close()


def test_on_a_phone_the_administrations_list_is_one_button(stack: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, stack, OWNER)
    page.get_by_role("link", name="Administration").click()
    links = page.get_by_role("navigation", name="Administration").get_by_role("link")
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    assert not links.first.is_visible()
    page.locator(".admin-menu summary").press("Enter")
    links.filter(has_text="Serials").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Format of serials")
    context.close()


def test_the_chosen_look_stays(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=DESKTOP)
    sign_in(page, stack, OWNER)
    page.locator(".menu-button").click()
    page.get_by_role("button", name="Dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    page.close()


def test_the_tree_opens_and_stays_open(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=DESKTOP)
    sign_in(page, stack, OWNER)
    tree = page.get_by_role("navigation", name="Groups")
    groups = tree.get_by_role("link")
    expect(groups).to_have_count(5)  # all, waiting, the organisation and its two customers
    tree.locator("details:not([open]) > summary").first.press("Enter")
    expect(groups).not_to_have_count(5)
    opened = groups.all_inner_texts()
    page.reload()
    expect(groups).to_have_text(opened, use_inner_text=True)
    page.close()


def test_searching_changes_list_and_address(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=PHONE)
    sign_in(page, stack, OWNER)
    name = page.locator(".device-link").nth(1).inner_text()
    page.get_by_label("Search by name or serial").fill(name)
    page.wait_for_url("**/?q=*")
    expect(page.locator(".device-link").first).to_have_text(name)
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Status").select_option("never")
    page.wait_for_url("**status=never*")
    page.go_back()
    expect(page.locator(".device-link").first).to_have_text(name)
    page.close()


def test_without_javascript(stack: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, stack, OWNER)
    name = page.locator(".device-link").first.inner_text()
    page.get_by_label("Search by name or serial").fill(name)
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".device-link").first).to_have_text(name)
    page.get_by_role("navigation", name="Groups").get_by_role("link").nth(2).click()
    assert "?group=" in page.url
    context.close()


def test_without_a_connection_the_page_says_so_and_comes_back(stack: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    sign_in(page, stack, OWNER)
    kept = page.evaluate(KEPT)
    assert kept
    assert all(path.startswith("/static/") or path == "/offline/" for path in kept)
    context.set_offline(True)
    page.goto(f"{stack.url}/account/")
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    context.set_offline(False)
    expect(page.get_by_role("heading", name="Account")).to_be_visible(timeout=20_000)
    context.close()


def test_text_at_twice_its_size_stays_whole(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=PHONE)
    found = {url: text_zoom.look_at_twice_the_size(page, stack.url + url) for url in ("/accounts/login/", "/offline/")}
    sign_in(page, stack, OWNER)
    first = page.locator(".device-link").first.get_attribute("href") or ""
    page.goto(f"{stack.url}/?q=Waiting")
    waiting = (page.locator(".device-link").first.get_attribute("href") or "").strip("/").rpartition("/")[2]
    device = [
        first + below
        for below in ("", "events/", "connections/", "credentials/", "label/", "edit/", "gateways/", "person/")
    ]
    found |= {url: text_zoom.look_at_twice_the_size(page, stack.url + url) for url in [*text_zoom.PAGES, *device]}
    page.context.clear_cookies()
    sign_in(page, stack, TECHNICIAN)
    found["/register/"] = text_zoom.look_at_twice_the_size(page, f"{stack.url}/register/")
    page.goto(f"{stack.url}/register/?serial={waiting}")
    page.locator("form[action$='/scan/'] [name=text]").press("Enter")
    page.wait_for_url("**/register/*-*/")
    found["the window"] = text_zoom.look_at_twice_the_size(page, page.url)
    wrong = {url: broken for url, broken in found.items() if broken}
    assert not wrong, "\n".join(f"{url}: {broken}" for url, broken in wrong.items())
    page.close()


def test_at_twice_its_size_a_field_to_type_in_has_the_whole_width(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport=PHONE)
    sign_in(page, stack, TECHNICIAN)
    for url, field in (("/register/", "#scan-text"), ("/", "#filter-q")):
        page.goto(stack.url + url)
        page.evaluate(text_zoom.TWICE)
        page.evaluate(text_zoom.TWO_FRAMES)
        box = page.locator(field).bounding_box()
        assert box
        assert box["width"] >= PHONE["width"] - 2 * 16, url
    page.close()
