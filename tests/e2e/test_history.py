"""A device's history under somebody's hands: from a year to a minute and back, by mouse, fingers and keys."""

from __future__ import annotations

import os
import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from playwright.sync_api import expect, sync_playwright

from devices.models import Assignment, Attribute
from telemetry.models import Report
from tests import parts
from tests.e2e.browser import PHONE, faults, faults_by_day_and_night, launch
from tests.e2e.test_charts import INK, PROBE, open_page
from tests.mqtt.processes import python, running
from tests.telemetry.reports import ms, now, save, timed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from playwright.sync_api import Browser, Page, Route

    from tests.conftest import World

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

MINUTE = 60_000
SHOWN = "(({ from, to }) => [from, to])(handoverHistory.shown())"
SETTLED = "handoverHistory.shown() !== null && !handoverHistory.waits()"


@pytest.fixture(scope="module", autouse=True)
def _beside_a_loop() -> Iterator[None]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[str]:
    port = parts.free_port()
    command = ["-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "critical"]
    with running(python(*command, "--timeout-graceful-shutdown", "1", port=port)):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as opened:
        yield opened


@pytest.fixture
def minute(world: World) -> datetime:
    """A year of a report a day, and a minute half an hour ago of one each two seconds, but for 26 s in the middle."""
    Assignment.objects.update(opened_at=now() - timedelta(days=380))
    Attribute.objects.filter(name="rpm").update(decimals=1)
    at = now() - timedelta(minutes=30)
    device, assignment = world.placed, world.placed.assignment_id
    often = [n for n in range(0, 60, 2) if not 17 < n < 43]
    Report.objects.bulk_create(
        [
            *[
                Report(device=device, assignment_id=assignment, at=at - timedelta(days=n), data={"rpm": 900})
                for n in range(1, 360)
            ],
            *[
                Report(
                    device=device, assignment_id=assignment, at=at + timedelta(seconds=n),
                    data={"rpm": 1800 + n, "load": n / 4, "engineState": "running" if n < 30 else "idle"},
                )
                for n in often
            ],
        ]
    )  # fmt: skip
    return at


def shown(page: Page) -> list[int]:
    until = time.monotonic() + 20
    while not page.evaluate(SETTLED):
        assert time.monotonic() < until
        page.wait_for_timeout(50)
    return cast("list[int]", page.evaluate(SHOWN))


def drag(page: Page, start: int, end: int) -> None:
    """Over the chart of the speed, from a moment to another, as far as they are shown."""
    begin, until = shown(page)
    over = page.locator("[data-attribute=rpm] .u-over")
    over.scroll_into_view_if_needed()
    box: Any = over.bounding_box()
    x = [box["x"] + box["width"] * min(1, max(0, (at - begin) / (until - begin))) for at in (start, end)]
    y = box["y"] + box["height"] / 2
    page.mouse.move(x[0], y)
    page.mouse.down()
    page.mouse.move(x[0] + 9, y)
    page.mouse.move(x[1], y)
    page.mouse.up()


def at_minute(browser: Browser, site: str, world: World, minute: datetime) -> Page:
    page = open_page(browser, site, world)
    page.goto(f"{page.url.split('?')[0]}?from={ms(minute)}&to={ms(minute) + MINUTE}")
    expect(page.locator("[data-attribute=rpm] .chart-extremes").first).to_contain_text("Lowest 1,800.0 ")
    return page


def test_from_a_year_to_a_minute_and_back(browser: Browser, site: str, world: World, minute: datetime) -> None:
    page = open_page(browser, site, world, "1y")
    figure = page.locator("[data-attribute=rpm]")
    expect(figure.locator(".chart-extremes").first).to_contain_text("Lowest 900.0 ")
    expect(page.locator("#history-says")).to_have_text("Live, up to now.")
    middle, passed = ms(minute) + MINUTE // 2, [shown(page)]
    for _ in range(6):
        width = (passed[-1][1] - passed[-1][0]) // 80
        if passed[-1][1] - passed[-1][0] == MINUTE:
            break
        drag(page, middle - max(width, MINUTE // 2), middle + max(width, MINUTE // 2))
        passed.append(shown(page))
    assert passed[-1][1] - passed[-1][0] == MINUTE
    assert abs(sum(passed[-1]) // 2 - middle) < MINUTE // 3
    expect(page.locator("#history-says")).to_contain_text("Standing still: ")
    expect(figure.locator(".chart-extremes").first).to_contain_text("Lowest 1,8")
    page.go_back()
    assert shown(page) == passed[-2]
    page.go_forward()
    assert shown(page) == passed[-1]
    link = page.url
    assert re.search(r"\?from=[\d:.TZ-]+&to=[\d:.TZ-]+", link)
    other = open_page(browser, site, world)
    other.goto(link)
    assert shown(other) == passed[-1]
    expect(other.locator("[data-export]").first).to_have_attribute(
        "href", re.compile(rf"from={passed[-1][0]}&to={passed[-1][1]}")
    )
    other.get_by_label("Zoom out").click()
    assert shown(other)[1] - shown(other)[0] == 2 * MINUTE


def test_a_gap_is_filled_by_a_late_report_and_live_goes_on(
    browser: Browser, site: str, world: World, minute: datetime
) -> None:
    page = at_minute(browser, site, world, minute)
    figure = page.locator("[data-attribute=rpm]")
    figure.evaluate(PROBE)
    drawn = figure.evaluate(INK)
    assert all(drawn[3:25])
    assert not any(drawn[30:70])
    save(timed(world.placed, now(), rpm=5000))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/series/" in request.url else None)
    settle = 'document.getElementById("live").dispatchEvent(new Event("htmx:afterSettle"))'
    page.evaluate(settle)
    page.wait_for_timeout(300)
    assert asked == []  # it stands still
    save(*[timed(world.placed, minute + timedelta(seconds=n), rpm=1800 + n) for n in range(18, 43, 2)])
    page.evaluate('document.dispatchEvent(new Event("visibilitychange"))')
    expect(figure.locator(".chart-gaps")).to_be_empty()
    assert all(figure.evaluate(INK)[3:95])
    page.get_by_role("button", name="Back to live").click()
    expect(page).to_have_url(re.compile(r"\?range=1h"))
    expect(page.locator("#history-says")).to_have_text("Live, up to now.")
    expect(figure.locator(".chart-extremes").first).to_contain_text("Highest 5,000.0 ")
    save(timed(world.placed, now(), rpm=6000))
    page.evaluate(settle)
    expect(figure.locator(".chart-extremes").first).to_contain_text("Highest 6,000.0 ")


def test_keys_read_all_charts_at_one_time_and_nothing_moves(
    browser: Browser, site: str, world: World, minute: datetime
) -> None:
    page = at_minute(browser, site, world, minute)
    place = "[...document.querySelectorAll('.chart-plot')].map((each) => each.getBoundingClientRect().top + scrollY)"
    before = page.evaluate(place)
    slider = page.get_by_role("slider", name="Time in all charts")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    said = page.locator("#history-values")
    expect(said).to_contain_text(re.compile(r"Engine running; Engine speed 1,804\.0 rpm; Load 1 kW$"))
    expect(page.locator(".history-line:visible")).to_have_count(3)
    slider.press("PageUp")
    slider.press("End")
    expect(said).to_contain_text("Engine idle; Engine speed 1,858.0 rpm; Load 14.5 kW")
    assert page.evaluate(place) == before
    assert faults_by_day_and_night(page) == []
    slider.press("Shift+ArrowLeft")
    assert shown(page)[0] == ms(minute) - MINUTE // 4
    slider.press("Escape")
    slider.press("-")
    assert shown(page)[1] - shown(page)[0] == 2 * MINUTE


def test_one_request_at_a_time_and_an_error_is_named(
    browser: Browser, site: str, world: World, minute: datetime
) -> None:
    page = at_minute(browser, site, world, minute)
    held: list[Route] = []
    page.route("**/series/**", lambda route: held.append(route))
    for name in ("24h", "7d", "30d"):
        page.get_by_label("Time range").get_by_role("link", name=name, exact=True).click()
        page.wait_for_timeout(100)
    assert ["range=24h" in route.request.url for route in held] == [True]
    held[0].continue_()
    page.wait_for_timeout(500)
    assert "range=30d" in held[1].request.url  # what was asked for in between is not
    assert len(held) == 2
    held[1].abort()
    expect(page.locator("#charts-problem")).to_have_text(
        "The charts could not be refreshed. The site can\u2019t be reached."
    )
    page.unroute("**/series/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#charts-problem")).to_be_hidden()
    begin, end = shown(page)
    assert end - begin == 30 * 86_400_000


def test_two_fingers_zoom_on_a_phone(browser: Browser, site: str, world: World, minute: datetime) -> None:
    page = at_minute(browser, site, world, minute)
    address, cookies = page.url, page.context.cookies()
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, reduced_motion="reduce")
    context.add_cookies(cast("Any", cookies))
    phone = context.new_page()
    phone.goto(address.replace(str(ms(minute)), str(ms(minute) - 9 * MINUTE), 1))
    begin, end = shown(phone)
    over = phone.locator("[data-attribute=rpm] .u-over")
    over.scroll_into_view_if_needed()
    box: Any = over.bounding_box()
    y = box["y"] + 40

    session = context.new_cdp_session(phone)

    def touch(kind: str, *parts: float) -> None:
        points = [{"x": box["x"] + box["width"] * part, "y": y, "id": n} for n, part in enumerate(parts)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.4)
    touch("touchStart", 0.4, 0.6)
    touch("touchMove", 0.3, 0.7)
    touch("touchMove", 0.2, 0.8)
    touch("touchEnd")
    first, last = shown(phone)
    assert (last - first) / (end - begin) == pytest.approx(1 / 3, abs=0.03)
    assert (first + last) / 2 == pytest.approx((begin + end) / 2, abs=0.02 * (end - begin))
    phone.get_by_text("Export").click()
    phone.get_by_text("From … to …").click()
    assert faults(phone) == []
    expect(phone.locator("#history-says")).to_contain_text("Standing still: ")
