"""What needs attention is the first that people see, and somebody says that they look after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.models import Attention, Attribute, Event
from lib import live
from tests import builders
from tests.devices.api import Program
from tests.telemetry.attention.saying import say, watch_rpm

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoCaptureOnCommitCallbacks

    from tests.conftest import World

HOT = "Engine speed 2,100 rpm (at most 2,000 rpm expected)"


@pytest.fixture
def fast(world: World) -> Attention:
    """Anaheim One turns too fast, Anaheim Two beside it is fine, and Anaheim Three never said anything."""
    watch_rpm(world)
    two, _ = (
        builders.make_device(world.version, group=world.anaheim, by=world.owner, name=f"Anaheim {name}")
        for name in ("Two", "Three")
    )
    say(two, rpm=1500)
    say(world.placed, rpm=2100, load=55.5)
    return Attention.objects.get()


def acknowledge(client: Client, row: Attention) -> int:
    path = reverse("devices:attention-acknowledge", kwargs={"serial": row.device.serial, "pk": row.pk})
    return client.post(path).status_code


def test_home_says_first_what_needs_attention(client: Client, world: World, fast: Attention) -> None:
    client.force_login(world.viewer)
    body = client.get("/").content.decode()
    line = " ".join(body.partition('class="home-line is-needing"')[2].partition("</p>")[0].split())
    assert "1 of 2 in use is fine" in line
    assert 'href="?status=attention">1 needs attention</a>' in line
    assert f"Anaheim One</a> ({HOT})" in line
    assert body.count("node-needs") == 2  # Sadler-Isberg, and Los Angeles below it
    assert f"<span>{HOT}</span>" in body.partition('class="device-needs"')[2]
    assert "Engine speed 2,100 rpm · Load 55.5 kW" in body
    found = client.get("/", {"status": "attention"}).content.decode()
    assert "Anaheim One" in found
    assert "Anaheim Two" not in found
    assert "home-line" not in found


def test_where_all_is_fine_home_says_so_and_nothing_of_others(client: Client, world: World, fast: Attention) -> None:
    client.force_login(world.sibling)
    body = client.get("/").content.decode()
    assert "Nothing needs attention" in body
    assert "node-needs" not in body
    client.force_login(world.owner)
    assert "Nothing needs attention" in client.get("/", {"group": world.tekton.pk}).content.decode()


def test_open_pages_hear_of_it(
    client: Client,
    world: World,
    fast: Attention,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    heard: set[str] = set()
    monkeypatch.setattr(live, "announce", lambda topics: heard.update(topics))
    client.force_login(world.technician)
    with django_capture_on_commit_callbacks(execute=True):
        assert acknowledge(client, fast) == 302
    assert f"device:{world.placed.device_id}" in heard


def test_the_device_page_shows_it_and_a_technician_acknowledges_it(
    client: Client, world: World, fast: Attention
) -> None:
    page = world.placed.get_absolute_url()
    client.force_login(world.viewer)
    body = client.get(page).content.decode()
    assert HOT in body
    assert "Acknowledge" not in body
    assert acknowledge(client, fast) == 404
    client.force_login(world.technician)
    version = client.get(page).context["version"]
    assert "/acknowledge/" in client.get(page).content.decode()
    assert acknowledge(client, fast) == acknowledge(client, fast) == 302
    again = client.get(page)
    assert f"by {world.technician}" in again.content.decode()
    assert again.context["version"] != version
    event = Event.objects.get(kind=Event.Kind.ACKNOWLEDGED)
    assert (event.by, event.data) == (world.technician, {"cause": "range", "attribute": "rpm"})


def test_what_is_over_is_not_acknowledged(client: Client, world: World, fast: Attention) -> None:
    say(world.placed, rpm=1500)
    client.force_login(world.technician)
    path = reverse("devices:attention-acknowledge", kwargs={"serial": world.placed.serial, "pk": fast.pk})
    assert "is over" in client.post(path).content.decode()
    assert not Event.objects.filter(kind=Event.Kind.ACKNOWLEDGED).exists()
    answer = Program(world.technician).post(f"devices/{world.placed.serial}/attention/{fast.pk}/acknowledge/")
    assert (answer.status_code, answer.json()["code"]) == (409, "attention-over")


def test_programs_list_and_acknowledge_it(world: World, fast: Attention) -> None:
    program, path = Program(world.technician), f"devices/{world.placed.serial}/attention/"
    (row,) = program.get("attention/").json()["results"]
    assert program.get(path).json()["results"] == [row]
    assert (row["cause"], row["attribute"], row["value"], row["words"]) == ("range", "rpm", 2100, HOT)
    assert program.get("devices/", status="attention").json()["results"][0]["needs_attention"] is True
    assert [each["needs_attention"] for each in program.get("devices/").json()["results"]] == [True, False, False]
    assert Program(world.sibling).get("attention/").json()["results"] == []
    done = program.post(f"{path}{fast.pk}/acknowledge/").json()
    assert done["acknowledged_by"] == str(world.technician)
    assert Program(world.viewer).get(path).json()["results"][0]["acknowledged_by"] == str(world.technician)


@pytest.mark.parametrize(
    ("kind", "faults", "cause"),
    [
        ("number", "3, x", "faults of a number are numbers"),
        ("boolean", "yes", "true or false"),
        ("gps", "0,0", "A position is no fault"),
    ],
)
def test_a_recipe_takes_only_faults_of_its_type(world: World, kind: str, faults: str, cause: str) -> None:
    program = Program(world.owner)
    line = {"name": "alarm", "type": kind, "faults": faults}
    refused = program.post("recipes/", {"name": "Pumps", "attributes": [line]})
    assert refused.status_code == 400
    assert cause in refused.content.decode()
    good = {"number": "3, 4", "boolean": "true", "gps": ""}[kind]
    made = program.post("recipes/", {"name": "Pumps", "attributes": [line | {"faults": good}]})
    assert made.status_code == 201, made.content
    assert Attribute.objects.get(name="alarm").faults == good
