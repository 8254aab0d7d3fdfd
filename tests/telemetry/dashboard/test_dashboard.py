"""The whole page and its live fragment."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.connections import presence
from devices.lifecycle import assignments
from devices.models import Attribute, Event
from devices.mqtt.messages import Message
from telemetry.history import latest
from telemetry.ingest import decoder
from tests import builders
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from devices.models import Device
    from tests.conftest import World

PAGES = ["telemetry:dashboard", "telemetry:live", "telemetry:events"]
QUERIES = {"telemetry:dashboard": 7, "telemetry:live": 4, "telemetry:events": 5}


def address(name: str, device: Device) -> str:
    return reverse(name, kwargs={"serial": device.serial})


def page(client: Client, device: Device, name: str = "telemetry:dashboard") -> str:
    answer = client.get(address(name, device))
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def viewer(client: Client, world: World) -> Client:
    client.force_login(world.viewer)
    return client


@pytest.mark.parametrize("name", [*PAGES, "telemetry:series", "telemetry:export", "telemetry:stream"])
class TestGate:
    def test_not_yours_and_not_there_are_the_same(self, client: Client, world: World, name: str) -> None:
        absent = reverse(name, kwargs={"serial": "0000NQSVCH00"})
        for person, device in (
            (world.viewer, world.foreign),
            (world.viewer, world.waiting),
            (world.sibling, world.placed),
            (world.stranger, world.placed),
            (world.admin, world.alien),
        ):
            client.force_login(person)
            theirs, nobodys = client.get(address(name, device)), client.get(absent)
            assert theirs.status_code == nobodys.status_code == 404
            assert theirs.content.replace(device.serial.encode(), b"") == nobodys.content.replace(b"0000NQSVCH00", b"")
            assert theirs.headers.keys() == nobodys.headers.keys()

    def test_without_signing_in(self, client: Client, world: World, name: str) -> None:
        for device in (world.placed, world.alien):
            answer = client.get(address(name, device))
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("account_login"))

    def test_changes_nothing_and_takes_no_post(self, viewer: Client, world: World, name: str) -> None:
        assert viewer.post(address(name, world.placed)).status_code == 405

    def test_the_serial_as_typed_finds_it(self, viewer: Client, world: World, name: str) -> None:
        typed = world.placed.serial_grouped.lower().replace("0", "o")
        assert viewer.get(reverse(name, kwargs={"serial": typed})).status_code == 200


def test_shows_values_with_units_and_the_path_that_the_user_may_see(viewer: Client, world: World) -> None:
    save(timed(world.placed, now(), rpm=1800.5, load=-0.25, engineState="<b>running", registerButton=False))
    presence.record_seen({world.placed.pk: timezone.now()})
    html = page(viewer, world.placed)
    for shown in ("Anaheim One", "1,800.5", "rpm", "\u22120.25", "kW", "&lt;b&gt;running", "Online", "KG-250"):
        assert shown in html
    assert world.placed.serial_grouped in html
    assert "Sadler-Isberg" in html
    assert "Kanarra</span>" not in html.split("device-facts")[1].split("</p>")[0]


def test_the_owner_sees_the_path_from_the_root(client: Client, world: World) -> None:
    client.force_login(world.owner)
    facts = page(client, world.placed).split("device-facts")[1].split("</p>")[0]
    assert facts.index("Kanarra") < facts.index("Sadler-Isberg") < facts.index("Los Angeles") < facts.index("Anaheim")


@pytest.mark.parametrize("name", ["telemetry:dashboard", "telemetry:live"])
class TestConnection:
    def test_never(self, viewer: Client, world: World, name: str) -> None:
        assert "Never connected" in (html := page(viewer, world.placed, name))
        assert "No report yet" in html

    def test_offline(self, viewer: Client, world: World, name: str) -> None:
        world.placed.assignments.update(opened_at=timezone.now() - timedelta(hours=1))
        presence.record_seen({world.placed.pk: timezone.now() - timedelta(minutes=3)})
        html = page(viewer, world.placed, name)
        assert "Offline" in html
        assert "3 min ago" in html

    def test_when_it_was_last_seen_by_the_former_tenant_is_not_told(
        self, viewer: Client, world: World, name: str
    ) -> None:
        presence.record_seen({world.placed.pk: timezone.now() - timedelta(minutes=3)})
        html = page(viewer, world.placed, name)
        assert "3 min ago" not in html
        assert "not heard since it was placed here" in html
        assert "No report since it was placed here" in html


@pytest.mark.parametrize("name", PAGES)
def test_a_new_tenant_sees_nothing_from_before(client: Client, world: World, name: str) -> None:
    save(timed(world.placed, now(), rpm=4321, engineState="Canary"))
    save(timed(world.placed, now() + timedelta(hours=3), rpm=4321, engineState="Canary"))
    old = world.placed.events.count()
    assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
    save(timed(world.placed, now() - timedelta(days=1), engineState="Canary"))
    client.force_login(world.sibling)
    html = page(client, world.placed, name)
    assert "4321" not in html.replace(",", "")
    assert "Canary" not in html
    if name == "telemetry:events":
        assert html.count("event-kind") == 1 < old
    client.force_login(world.viewer)
    assert client.get(address(name, world.placed)).status_code == 404


def test_a_bad_range_falls_back(viewer: Client, world: World) -> None:
    answer = viewer.get(address("telemetry:dashboard", world.placed), {"range": "'\"><script>"})
    assert answer.status_code == 200
    assert 'data-range="1h"' in answer.content.decode()


def test_recent_values_without_javascript(viewer: Client, world: World) -> None:
    save(*[timed(world.placed, now() + timedelta(seconds=n), rpm=5000 + n) for n in range(30)])
    table = page(viewer, world.placed).split("<tbody>")[1].split("</tbody>")[0]
    assert "<td>5,029</td>" in table
    assert table.count("<tr>") == 20


@pytest.mark.parametrize("name", PAGES)
def test_queries_do_not_grow(
    viewer: Client, world: World, name: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    url = address(name, world.placed)
    # With few reports, what is packed is asked for, too.
    save(*[timed(world.placed, now() + timedelta(seconds=n), rpm=n) for n in range(30)])
    viewer.get(url)
    with django_assert_num_queries(QUERIES[name]):
        viewer.get(url)
    more = [Attribute(version=world.version, name=f"a{n}", label=f"A{n}") for n in range(30)]
    Attribute.objects.bulk_create(more)
    latest._declared.clear()  # a recipe's version never changes but in tests
    viewer.get(url)
    save(*[timed(world.placed, now() + timedelta(seconds=n), **{f"a{n}": n, "rpm": n}) for n in range(30)])
    for _ in range(30):
        builders.make_device(world.version, group=world.anaheim, by=world.owner)
        presence.record_change(Event.Kind.CONNECTED, [world.placed.pk])
    with django_assert_num_queries(QUERIES[name]):
        viewer.get(url)


def test_a_device_in_no_group_is_its_organisations_admins(client: Client, world: World) -> None:
    save(timed(world.waiting, now(), rpm=77))
    client.force_login(world.owner)
    html = page(client, world.waiting)
    assert "In no group yet" in html
    assert "77" in html


class TestPlacesAndRanges:
    @pytest.fixture
    def declared(self, world: World) -> None:
        decoder.declared.clear()
        Attribute.objects.create(version=world.version, name="position", label="Position", type="gps")
        Attribute.objects.filter(version=world.version, name="rpm").update(minimum=-5.5, maximum=2200)

    def tile(self, html: str, label: str) -> str:
        return html.split(f"<dt>{label}</dt>")[1].split("</div>")[0]

    @pytest.mark.usefixtures("declared")
    def test_a_place_is_read_and_copied_and_leads_to_a_map_of_ones_own(self, viewer: Client, world: World) -> None:
        raw = {"data": {"position": {"lat": -33.5, "lng": 151.25}}}
        read = decoder.read_batch([Message(world.placed.device_id, json.dumps(raw).encode(), now())])
        save(*read.reports)
        html = self.tile(page(viewer, world.placed, "telemetry:live"), "Position")
        assert "33.50000° S, 151.25000° E" in html
        assert 'href="geo:-33.5,151.25"' in html
        copied = html.split('data-copy="')[1].split('"')[0]
        assert f'id="{copied}">-33.5,151.25<' in html

    @pytest.mark.usefixtures("declared")
    def test_a_text_that_is_no_place_is_no_link(self, viewer: Client, world: World) -> None:
        save(timed(world.placed, now(), position="javascript:alert(1)"))
        assert "geo:" not in page(viewer, world.placed)

    @pytest.mark.usefixtures("declared")
    @pytest.mark.parametrize(("rpm", "outside"), [(2200, False), (2200.1, True), (-5.5, False), (-6, True), (0, False)])
    def test_a_number_out_of_its_range_is_kept_and_said_to_be(
        self, viewer: Client, world: World, rpm: float, outside: bool
    ) -> None:
        save(timed(world.placed, now(), rpm=rpm, load=10**9))
        html = page(viewer, world.placed)
        assert ("Out of range<br>\u22125.5 to 2,200 rpm expected" in self.tile(html, "Engine speed")) == outside
        assert "Out of range" not in self.tile(html, "Load")
        assert world.placed.reports.get().data["rpm"] == rpm
        assert 'data-minimum="-5.5" data-maximum="2200.0"' in html


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(None, None, ""), (0, None, "at least 0"), (None, -1.5, "at most \u22121.5"), (0.1, 1e6, "0.1 to 1,000,000")],
)
def test_a_range_in_words(low: float | None, high: float | None, words: str) -> None:
    assert Attribute(minimum=low, maximum=high).span == words
