"""Charts as they are drawn: nothing where nothing was reported, the range that was asked for, the extremes named."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect, sync_playwright

from devices.models import Assignment, Attribute
from telemetry.models import Report
from tests import parts
from tests.e2e.browser import DESKTOP, launch
from tests.mqtt.processes import python, running
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from playwright.sync_api import Browser, Page, Route

    from tests.conftest import World

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# Of each hundredth of a plot's width, whether the line's colour stands in it.
INK = """(figure) => {
    const canvas = figure.querySelector("canvas");
    const [red, green, blue] = getComputedStyle(figure).getPropertyValue("--probe").split(",").map(Number);
    const { left, width } = figure.querySelector(".u-over").getBoundingClientRect();
    const { left: begin } = canvas.getBoundingClientRect();
    const { data, width: all, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const drawn = Array(100).fill(false);
    for (let y = 0; y < height - 40; y++) for (let x = 0; x < all; x++) {
        const part = Math.floor(100 * (x / devicePixelRatio - (left - begin)) / width);
        const at = 4 * (y * all + x);
        const near = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue) < 30;
        if (part >= 0 && part < 100 && data[at + 3] > 200 && near) drawn[part] = true;
    }
    return drawn;
}"""
PROBE = """(figure) => {
    const probe = document.createElement("span");
    probe.style.color = "var(--chart-line)";
    figure.append(probe);
    figure.style.setProperty("--probe", getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).join(","));
    probe.remove();
}"""


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
def start(world: World) -> datetime:
    Assignment.objects.update(opened_at=now() - timedelta(days=2))
    Attribute.objects.filter(name="rpm").update(minimum=0, maximum=4000, decimals=1)
    return now() - timedelta(minutes=59)


def open_page(browser: Browser, site: str, world: World, span: str = "1h") -> Page:
    client = Client()
    client.force_login(world.viewer)
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
    page = context.new_page()
    page.goto(f"{site}{reverse('telemetry:dashboard', kwargs={'serial': world.placed.serial})}?range={span}")
    return page


def report(world: World, start: datetime, minutes: range | tuple[float, ...], **values: object) -> None:
    save(*[timed(world.placed, start + timedelta(minutes=at), **values) for at in minutes])  # type: ignore[arg-type]


def forget_all(route: Route) -> None:
    """Answer as a server did to whom the device has reported since."""
    answer = route.fetch()
    body = answer.json()
    body["timelines"] = {name: {"stretches": [], "too_many": False} for name in body["timelines"]}
    route.fulfill(response=answer, json=body)


def test_an_outage_is_a_gap_and_a_lone_value_a_point(
    browser: Browser, site: str, world: World, start: datetime
) -> None:
    """Of an hour: 12 minutes of values, half an hour of nothing but one, 10 minutes of values."""
    save(
        *[
            timed(world.placed, start + timedelta(seconds=5 * n), rpm=1800.25 + n, engineState="running")
            for n in range(144)
        ]
    )
    report(world, start, (30,), rpm=2500.0, engineState="fault")
    save(
        *[
            timed(world.placed, start + timedelta(minutes=48, seconds=5 * n), rpm=1700.0, engineState="idle")
            for n in range(120)
        ]
    )
    page = open_page(browser, site, world)
    figure = page.locator("[data-attribute=rpm]")
    expect(figure.locator(".chart-extremes").first).to_contain_text("Lowest 1,700.0 (")
    expect(figure.locator(".chart-extremes").first).to_contain_text("Highest 2,500.0 (")
    told = re.compile(r"2 gaps without a report: .* \(18 min\); .* \(18 min\)$")
    expect(figure.locator(".chart-plot")).to_have_attribute("aria-label", told)
    expect(figure.locator(".chart-gaps")).to_have_text(told)
    figure.evaluate(PROBE)
    drawn = figure.evaluate(INK)
    assert all(drawn[5:19])
    assert not any(drawn[25:48])
    assert any(drawn[48:55])
    assert not any(drawn[55:79])
    assert all(drawn[84:96])
    expect(page.locator("[data-attribute=load]")).to_be_hidden()
    expect(page.locator("#charts-missing")).to_have_text("Not reported in this time range: Load.")
    track = page.locator("[data-state=engineState] .timeline-track")
    expect(track.locator(".stretch")).to_have_count(3)
    expect(track).to_have_attribute("aria-label", told)
    line = page.locator("[data-state=engineState]")
    expect(line.locator(".timeline-legend")).to_contain_text("no report")
    line.get_by_text("Changes").click()
    words = line.locator(".timeline-list li").all_inner_texts()
    assert [each.split(":")[0] for each in words] == ["idle", "no report", "fault", "no report", "running"]
    gaps = figure.locator(".chart-gaps").inner_text()
    assert line.locator(".chart-gaps").inner_text() == gaps
    save(timed(world.placed, now(), rpm=1700.0))
    page.evaluate('document.getElementById("live").dispatchEvent(new Event("htmx:afterSettle"))')
    expect(figure.locator(".chart-gaps")).to_contain_text("3 gaps without a report: ")
    more = figure.locator(".chart-gaps").inner_text()
    page.goto(page.url.replace("1h", "24h"))
    expect(page.locator("[data-attribute=rpm] .chart-gaps")).to_have_text(more)
    expect(line.locator(".chart-gaps")).to_have_text(gaps)
    page.route("**/timeline/**", forget_all, times=1)
    page.reload()
    expect(page.locator("#timelines-missing")).to_have_text("Not reported in this time range: Button.")
    expect(track.locator(".stretch")).to_have_count(3)  # asked for again at once, since it is said to be there


def test_the_range_asked_for_is_the_axis_and_huge_values_break_nothing(
    browser: Browser, site: str, world: World, start: datetime
) -> None:
    greatest = 1.7976931348623157e308
    Report.objects.bulk_create(
        Report(
            device=world.placed, assignment_id=world.placed.assignment_id,
            at=start + timedelta(seconds=2 * n + 1800), data={"load": greatest if n % 7 else -greatest, "rpm": 5e-324},
        )
        for n in range(700)
    )  # fmt: skip
    page = open_page(browser, site, world)
    figure = page.locator("[data-attribute=load]")
    expect(figure.locator(".chart-extremes").first).to_contain_text("Lowest \u22121.798e308 (")
    figure.evaluate(PROBE)
    drawn = figure.evaluate(INK)
    assert not any(drawn[:48])
    assert any(drawn[55:70])
    expect(page.locator("#charts-note")).to_contain_text("Each point stands for")
    expect(page.locator("#charts-problem")).to_be_hidden()
    expect(page.locator("#timelines-missing")).to_contain_text("Not reported in this time range: ")
    expect(page.locator("#timelines-problem")).to_be_hidden()
    page.route("**/timeline/**", lambda route: route.abort())
    page.reload()
    expect(page.locator("#timelines-problem")).to_contain_text("could not be refreshed")
