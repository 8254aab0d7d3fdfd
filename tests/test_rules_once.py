"""What many places read is read by one rule of `lib`: numbers, texts that a database takes, the site's address."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.models import Device
from lib import origins, paging, parsing
from lib.paging import BY_ID, NEWEST_FIRST, Order
from tests import builders
from tests.devices.api import Program, kind

if TYPE_CHECKING:
    from django.test import Client, RequestFactory
    from pytest_django.fixtures import Settings

    from tests.conftest import World

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("lib", "config", "tenants", "devices", "telemetry", "provisioning")
# What would be a rule of one's own -> the one place for it, and what else may look so.
ONCE = {
    r"\.is(digit|decimal|numeric)\(": {
        "lib/parsing.py",
        "config/limits.py",  # there: bytes of a header
        "lib/rendering/variables.py",  # there: a name in a template, as Django reads it
    },
    r"2 ?\*\* ?63|1 << 63": {"lib/parsing.py"},
    r"\\ud800|0xd800": {"lib/parsing.py", "devices/identity/serials.py"},  # there: left out of a serial
    r'replace\("(\\0|\\x00)", ""\)': {"lib/parsing.py"},
    r"(size|page|events) \+ 1\]": {
        "lib/paging.py",
        "lib/merged_paging.py",  # there: the parents whose rows a page may have, and the next one's time
        "tenants/people/listing.py",  # there: the first ones, and whether more
    },
    r"\.get_host\(|build_absolute_uri": {"lib/origins.py"},
}
ODD = ["\u0663", "-1", "+1", " 1", "1_0", "9" * 18, "9" * 5000, "x", "1e3", "\0", "²"]


@pytest.mark.parametrize("rule", ONCE)
def test_each_stands_in_one_place(rule: str) -> None:
    found = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts and re.search(rule, path.read_text(), re.IGNORECASE)
    }
    assert found == ONCE[rule]


@given(st.text() | st.from_regex(r"\d{1,25}", fullmatch=True))
def test_a_number_is_a_key_or_none(text: str) -> None:
    number = parsing.parse_whole_number(text)
    assert 0 <= number <= parsing.LARGEST
    assert number == 0 or re.fullmatch("[0-9]{1,18}", text)


@given(st.text(st.characters(exclude_categories=[])))
def test_what_a_database_takes(text: str) -> None:
    lone = any("\ud800" <= each <= "\udfff" for each in text)
    assert parsing.is_storable(text) is not (lone or "\0" in text)
    assert parsing.is_storable(parsing.clean_search_text(text)) is not lone


@pytest.mark.parametrize("odd", ODD)
def test_trees_begin_at_the_beginning_for_what_is_no_number(client: Client, world: World, odd: str) -> None:
    client.force_login(world.owner)
    root = world.kanarra.root_id
    pages = {f"/groups/{root}/": "skip", f"/groups/{root}/children/": "skip", f"/groups/{root}/tree/": "skip"}
    for page, name in pages.items():
        answer = client.get(page, {name: odd})
        assert answer.status_code == 200, (page, odd)
        if odd != "9" * 18:
            assert _links(answer) - {page} == _links(client.get(page)) - {page}, (page, odd)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["after", "before", "page"])
def test_every_list_refuses_a_page_that_is_none(client: Client, world: World, name: str, odd: str) -> None:
    client.force_login(world.owner)
    own = ("/", "/people/", "/journal/", "/log/accounts/", "/account/sessions/", "/actions/", "/imports/")
    for page in (*own, f"/devices/{world.placed.serial}/events/"):
        answer = client.get(page, {name: odd})
        assert (answer.status_code, b"The list has no such page." in answer.content) == (400, True), (page, odd)


def _links(answer: Any) -> set[str]:
    return set(re.findall(r'href="([^"?]*)', answer.content.decode()))


@pytest.mark.parametrize("odd", [2**63, 0, -1, 2**200])
def test_the_api_takes_no_larger_key(world: World, odd: int) -> None:
    program = Program(world.owner)
    for filter_ in ({"model": odd}, {"recipe": odd}, {"group": odd}):
        asked = {"kind": "lock", "filter": filter_}
        assert kind(program.post("actions/preview/", asked)) == "invalid"
    assert kind(program.get("people/", group=odd)) == "invalid"


ORDERS = [
    BY_ID,
    NEWEST_FIRST,
    Order((("name", str), ("pk", int))),
    Order((("name", str), ("pk", int)), newest_first=True),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 3, 7])
def test_pages_show_each_row_once(world: World, order: Order, size: int) -> None:
    """Forwards, and back again from wherever; keys that travelled are the same."""
    for number in range(9):
        builders.make_device(world.version, name="Twin" if number % 2 else f"Pump {number}")
    rows = Device.objects.all()
    everything = list(order.sort(rows))
    seen, shown = [], paging.find_page(rows, order, size)
    assert shown.previous == ""
    while True:
        seen += shown.rows
        if len(seen) > size:
            assert shown.previous
            back = paging.find_page(rows, order, size, before=order.parse(shown.previous))
            assert back.rows == everything[len(seen) - len(shown.rows) - size : len(seen) - len(shown.rows)]
        if not shown.next:
            break
        shown = paging.find_asked_page(rows, order, size, {"after": shown.next})
    assert seen == everything


def test_the_sites_address(rf: RequestFactory, settings: Settings) -> None:
    request = rf.get("/", headers={"host": "testserver"})
    assert (origins.get_request_origin(request), origins.list_label_origins(request)) == (
        "http://testserver",
        ["http://testserver"],
    )
    assert origins.get_site_origin(request) == "http://testserver"
    settings.SITE_URLS = ["https://a.example/", "https://b.example"]
    assert origins.get_site_origin(request) == "https://a.example"
    assert origins.list_label_origins(request) == ["http://testserver", "https://a.example/", "https://b.example"]
