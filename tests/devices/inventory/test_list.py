"""Home: who sees which devices, groups and counts, and how the list is narrowed and paged."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest
from django.utils.timezone import now

from devices.inventory import listing as device_listing
from devices.inventory.listing import BY_NAME
from devices.models import Assignment, Connection, Device, DeviceModel
from tenants.models import Role
from tests import builders

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tenants.models import Group
    from tests.conftest import World

QUERIES = 10  # one for the first line, for what needs attention in the tree, for key values
FRAGMENT = {"HX-Request": "true", "HX-Target": "devices"}


def names(client: Client, **query: str | int) -> list[str]:
    """Of the devices on the page, in order."""
    body = client.get("/", query, headers=FRAGMENT).content.decode()
    return re.findall(r'class="device-link" href="[^"]+">([^<]+)<', body)


def heard(device: Device, *, seconds: int, left: bool = False) -> None:
    at = now() - timedelta(seconds=seconds)
    Connection.objects.create(device=device, last_seen_at=at, disconnected_at=at if left else None)


def node_counts(body: str) -> dict[str, int]:
    found = re.findall(r'node-name">([^<]+)</span><span class="node-count">.*?</span>(\d+)<', body)
    return {name: int(count) for name, count in found}


def test_strangers_are_sent_to_the_door(client: Client, db: None) -> None:
    assert client.get("/")["Location"] == "/accounts/login/?next=/"


@pytest.fixture(params=[1000, 0], ids=["few", "many"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a page of few devices is asked for, and as one of many."""
    monkeypatch.setattr(device_listing, "COUNTED", request.param)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("owner", ["Anaheim One", "Canary Boise One", "Waiting gateway"]),
        ("admin", ["Anaheim One"]),
        ("technician", ["Anaheim One"]),
        ("viewer", ["Anaheim One"]),
        ("sibling", ["Canary Boise One"]),
        ("stranger", ["Canary Elsewhere One"]),
    ],
)
def test_who_sees_which_devices(client: Client, world: World, who: str, seen: list[str]) -> None:
    client.force_login(getattr(world, who))
    assert names(client) == seen


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("who", ["admin", "technician", "viewer"])
def test_nothing_of_others_in_the_page(client: Client, world: World, who: str) -> None:
    client.force_login(getattr(world, who))
    for query in ({}, {"q": "Canary"}, {"status": "never"}, {"group": world.sadler.pk}):
        body = client.get("/", query).content.decode()
        for canary in ("Boise", "Tekton", "Elsewhere", "Waiting gateway", world.foreign.serial, world.alien.serial):
            assert canary not in body.replace('value="Canary"', "")


def test_the_tree_counts_what_is_below(client: Client, world: World) -> None:
    client.force_login(world.owner)
    builders.make_device(world.version, group=world.anaheim, by=world.owner, name="Anaheim Two")
    body = client.get("/", {"group": world.anaheim.pk}).content.decode()
    assert node_counts(body) == {
        "Kanarra": 3,
        "Sadler-Isberg": 2,
        "Los Angeles": 2,
        "Kaiser Permanente Anaheim": 2,
        "Tekton Health": 1,
    }
    assert re.search(rf'href="/\?group={world.anaheim.pk}" aria-current="page"', body)


def test_the_tree_begins_where_the_user_may_begin(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    assert list(node_counts(client.get("/").content.decode())) == ["Sadler-Isberg", "Los Angeles"]


def test_only_the_visible_part_of_a_path_is_shown(client: Client, world: World) -> None:
    region = builders.make_user("region@sadler.example", world.region, Role.VIEWER)
    for user, above in ((world.viewer, "Sadler-Isberg › Los Angeles"), (region, "Los Angeles")):
        client.force_login(user)
        assert f'<span class="device-above">{above}</span>' in client.get("/").content.decode()


@pytest.mark.parametrize("pk", ["0", "999999", "x", "1e9", str(2**70), "-1"])
def test_no_such_group(client: Client, world: World, pk: str) -> None:
    client.force_login(world.viewer)
    absent, foreign = client.get("/", {"group": pk}), client.get("/", {"group": world.tekton.pk})
    assert absent.status_code == foreign.status_code == 404
    assert absent.content == foreign.content
    assert dict(absent.headers) == dict(foreign.headers)


@pytest.mark.usefixtures("either_way")
def test_by_group(client: Client, world: World) -> None:
    client.force_login(world.owner)
    assert names(client, group=world.sadler.pk) == ["Anaheim One"]
    assert names(client, group=world.kanarra.root.pk) == ["Anaheim One", "Canary Boise One"]


@pytest.mark.usefixtures("either_way")
def test_by_text(client: Client, world: World) -> None:
    client.force_login(world.owner)
    serial = world.placed.serial
    typed = f" {serial[:4].lower()}-{serial[4:8].replace('0', 'o').replace('1', 'l')} "
    assert names(client, q="aheim") == ["Anaheim One"]
    assert names(client, q=typed) == ["Anaheim One"]
    assert names(client, q=serial[-4:]) == ["Anaheim One"]
    assert names(client, q="%") == names(client, q="_") == names(client, q="no such") == []


@pytest.mark.usefixtures("either_way")
def test_by_status(client: Client, world: World) -> None:
    client.force_login(world.owner)
    heard(world.placed, seconds=5)
    heard(world.foreign, seconds=5, left=True)
    assert names(client, status="online") == ["Anaheim One"]
    assert names(client, status="offline") == ["Canary Boise One"]
    assert names(client, status="never") == ["Waiting gateway"]
    assert "Anaheim One" not in names(client, status="bogus")


@pytest.mark.usefixtures("either_way")
def test_waiting_devices_are_the_owners_alone(client: Client, world: World) -> None:
    client.force_login(world.owner)
    assert names(client, waiting=1) == names(client, waiting=1, status="never") == ["Waiting gateway"]
    assert names(client, waiting=1, group=world.sadler.pk) == names(client, waiting=1, status="online") == []
    assert "Waiting for a group" in client.get("/").content.decode()
    client.force_login(world.admin)
    assert names(client, waiting=1) == []
    assert "Waiting for a group" not in client.get("/").content.decode()


@pytest.mark.usefixtures("either_way")
def test_by_model(client: Client, world: World) -> None:
    client.force_login(world.owner)
    model = DeviceModel.objects.create(organisation=world.kanarra, name="KG-500")
    Device.objects.filter(pk=world.placed.pk).update(model=model)
    assert names(client, model=model.pk) == ["Anaheim One"]
    alien = DeviceModel.objects.get(organisation=world.other)
    assert names(client, model=alien.pk) == names(client, model="x") == names(client, model=999999) == []


@pytest.mark.usefixtures("either_way")
def test_by_tag(client: Client, world: World) -> None:
    client.force_login(world.owner)
    Device.objects.filter(pk=world.placed.pk).update(tags={"site": "roof", "7": "seven"})
    assert (
        names(client, tag="site")
        == names(client, tag="site:roof")
        == names(client, tag=" site : roof ")
        == ["Anaheim One"]
    )
    assert names(client, tag="7") == ["Anaheim One"]
    for tag in ("roof", "site:cellar", "site__contains:r", "site:", ":", "$", "'); drop", '"', "7:x"):
        assert names(client, tag=tag) == [], tag


@pytest.mark.parametrize("field", ["q", "status", "model", "tag", "after", "before", "group"])
@pytest.mark.parametrize("value", ["\0", "x" * 5000, "٣:x", "-5:a", "99999999999999999999:a", "🤖", "[]", "1:\0"])
def test_nonsense_breaks_nothing(client: Client, world: World, field: str, value: str) -> None:
    client.force_login(world.owner)
    assert client.get(f"/?{field}={quote(value)}").status_code in {200, 404} | (
        {400} if field in {"after", "before"} else set()
    )


def many(world: World, group: Group, number: int, name: str = "Copy") -> None:
    """Rows as the registry has them, made quickly."""
    template = Device.objects.get(pk=world.placed.pk)
    rows = [
        Device(
            organisation=world.kanarra,
            version=world.version,
            model=template.model,
            name=f"{name} {index % 7}",
            serial=f"{name}{index}",
            serial_key=f"{name}{index}".upper(),
        )
        for index in range(number)
    ]
    place(Device.objects.bulk_create(rows), group)


def place(devices: list[Device], group: Group) -> None:
    opened = Assignment.objects.bulk_create([Assignment(device=device, group=group) for device in devices])
    for device, assignment in zip(devices, opened, strict=True):
        device.group, device.assignment = group, assignment
    Device.objects.bulk_update(devices, ["group", "assignment"], batch_size=200)


def walk(client: Client, rel: str, url: str = "/") -> list[list[str]]:
    """The serials of every page, following the links."""
    found = []
    while url:
        body = client.get(url, headers=FRAGMENT).content.decode()
        found.append(re.findall(r'class="device-link" href="/devices/([^/]+)/"', body))
        link = re.search(rf'rel="{rel}" href="([^"]+)"', body)
        url = "/" + link[1].replace("&amp;", "&") if link else ""
    return found


@pytest.mark.usefixtures("either_way")
def test_pages_hold_every_device_once_in_both_directions(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_listing, "SIZE", 10)
    many(world, world.anaheim, 43)
    client.force_login(world.viewer)
    forward = walk(client, "next")
    serials = [serial for page in forward for serial in page]
    assert len(serials) == len(set(serials)) == 44
    assert [len(page) for page in forward] == [10, 10, 10, 10, 4]
    last = Device.objects.order_by("name", "pk").filter(group=world.anaheim).last()
    assert last is not None
    back = walk(client, "prev", "/?" + urlencode({"before": BY_NAME.write([last.name, last.pk + 1])}))
    assert [serial for page in reversed(back) for serial in page] == serials


def test_a_page_after_a_row_that_is_gone(client: Client, world: World) -> None:
    client.force_login(world.owner)
    assert names(client, after=BY_NAME.write(["B", 0])) == ["Canary Boise One", "Waiting gateway"]
    assert names(client, before=BY_NAME.write(["B", 0])) == ["Anaheim One"]


def test_counting_stops(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_listing, "COUNTED", 2)
    client.force_login(world.owner)
    assert "2+ devices" in client.get("/").content.decode()
    client.force_login(world.viewer)
    assert "1 device<" in client.get("/").content.decode()


def test_the_page_or_its_fragment(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    page, fragment = client.get("/"), client.get("/", headers=FRAGMENT)
    assert b"<html" in page.content
    assert b"<html" not in fragment.content
    assert fragment.content.strip().startswith(b'<section id="devices"')
    assert "HX-Request" in page["Vary"]
    assert "HX-Target" in page["Vary"]


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("owner", "added before they are shipped"),
        ("admin", "Scan the label of a device"),
        ("technician", "Scan the label of a device"),
        ("viewer", "a technician has placed a device"),
    ],
)
def test_without_devices_the_page_says_what_to_do(client: Client, world: World, who: str, words: str) -> None:
    Device.objects.update(group=None, assignment=None)
    Assignment.objects.all().delete()
    Device.objects.all().delete()
    client.force_login(getattr(world, who))
    assert words in client.get("/").content.decode()


def test_without_a_match_the_page_says_so(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    assert "Nothing matches" in client.get("/", {"q": "zzz"}).content.decode()


@pytest.mark.parametrize(("who", "may"), [("technician", True), ("admin", True), ("viewer", False)])
def test_registering_is_offered_to_those_who_may(client: Client, world: World, who: str, may: bool) -> None:
    client.force_login(getattr(world, who))
    assert ("Register device" in client.get("/").content.decode()) is may


@pytest.mark.parametrize(
    ("text", "found"),
    [("an", ["Anaheim One"]), ("ne", []), ("one", ["Anaheim One"]), ("ahei", ["Anaheim One"])],
)
def test_a_short_text_is_looked_for_at_the_beginning(client: Client, world: World, text: str, found: list[str]) -> None:
    Device.objects.filter(pk=world.placed.pk).update(serial="KP0123456789", serial_key="KP0123456789")
    client.force_login(world.viewer)
    assert names(client, q=text) == found
    assert names(client, q="kp") == names(client, q="0123") == ["Anaheim One"]
    assert names(client, q="45") == []


def test_names_are_text(client: Client, world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(name="<script>alert(1)</script>")
    world.region.name = "<img src=x>"
    world.region.save()
    client.force_login(world.viewer)
    body = client.get("/").content.decode()
    assert "<script>alert" not in body
    assert "<img src=x>" not in body


def grow(world: World, devices: int, groups: int) -> None:
    for index in range(groups):
        builders.make_group(world.sadler if index % 2 else world.tekton, f"Site {index}")
    many(world, world.anaheim, devices, f"Fleet {devices}")


def test_the_number_of_queries_does_not_grow(
    client: Client, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(world.owner)
    client.get("/")  # which reads what the recipe declares
    for devices, groups in ((10, 20), (1000, 400)):
        grow(world, devices, groups)
        for user, queries in ((world.owner, QUERIES + 1), (world.viewer, QUERIES)):
            client.force_login(user)
            with django_assert_num_queries(queries):
                assert client.get("/").status_code == 200
