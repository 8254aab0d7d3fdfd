"""Doors on their pages and in the API: made, watched, changed and ended by admins of the whole organisation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from devices.identity import serials
from devices.models import Event
from provisioning.doors import refusals, refused_attempts
from provisioning.doors.forms import read_networks
from provisioning.doors.registration import check_policy, is_within
from provisioning.models import Door, DoorKey, JwtIssuer
from tenants import picker
from tests.builders import make_group
from tests.devices.api import Program, kind, places
from tests.page_form import PageForm
from tests.provisioning.doors.makers import SECRET, make_jwt_door, register, sign
from tests.provisioning.doors.test_jwt_attacks import PEM, PRIVATE
from tests.refused import refused

if TYPE_CHECKING:
    from tenants.models import User
    from tests.conftest import World

pytestmark = pytest.mark.django_db


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(name: str, door: Door, **more: Any) -> str:
    return reverse(f"provisioning:{name}", kwargs={"key": door.key, **more})


def fill(world: World, **fields: Any) -> dict[str, Any]:
    own = {"own-issuer": "factory.example", "own-algorithms": ["HS256", "ES256"], "own-leeway": "30"}
    return {"name": "Factory", "recipe": world.version.recipe_id, "admits": "new", **own, **fields}


def test_an_admin_opens_a_door_and_a_device_comes_in(world: World) -> None:
    client = browser(world.owner)
    assert b"No doors yet" in client.get("/doors/").content
    policy = {"cap": "2", "networks": "127.0.0.0/8, ::1/128", "pattern": "*", "last_day": "2999-12-31"}
    answer = client.post("/doors/new/jwt/create/", fill(world, **policy))
    door = Door.objects.get()
    assert answer["Location"] == door.get_absolute_url()
    assert (door.cap, door.networks, door.pattern) == (2, ["127.0.0.0/8", "::1/128"], "*")
    assert door.settings["algorithms"] == ["HS256", "ES256"]
    assert b"It has no key yet" in client.get(door.get_absolute_url()).content
    told = client.post(url("door-jwt-secret", door))
    found = re.search(rb'id="secret">([\w-]+)<', told.content)
    assert found
    assert "no-store" in told["Cache-Control"]
    token = sign(key=found[1].decode())
    serial = serials.generate()
    assert register(serial, token).status_code == 200
    register(serial, token)
    refused_attempts.refused_attempts.count()
    page = client.get(door.get_absolute_url()).content.decode()
    assert "1 of 2" in page
    assert serials.format_in_fours(serial) in page
    assert "asks to be added, and was added already" in page
    assert found[1].decode() not in page
    assert "1 of 2" in client.get("/doors/").content.decode()
    acts = Event.objects.filter(kind="door-changed").order_by("pk").values_list("data__act", flat=True)
    assert list(acts) == ["made", f"key {door.keys.get()} added"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("::ffff:10.0.0.0/104 10.0.0.0/8", ["10.0.0.0/8"]),
        ("192.0.2.1, 192.0.2.1/32,", ["192.0.2.1/32"]),
        ("0.0.0.0/0, ::/0", ["0.0.0.0/0", "::/0"]),
    ],
)
def test_networks_are_kept_as_addresses_are_compared_with_them(typed: str, kept: list[str]) -> None:
    assert read_networks(typed.replace(",", " ").split()) == kept


def test_a_network_of_ipv4_written_as_ipv6_lets_its_devices_in(world: World) -> None:
    client = browser(world.owner)
    client.post("/doors/new/jwt/create/", fill(world, networks="::ffff:127.0.0.0/104"))
    assert is_within("127.0.0.1", Door.objects.get().networks)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("192.0.2.0/24, 10.0.0.300/8", "“10.0.0.300/8” is no network"),
        ("fe80::1%eth0", "“fe80::1%eth0” is no network"),
        ("192.0.2.0/24, 10.1.2.3/8", "Write 10.0.0.0/8 for all of it, or 10.1.2.3 for that address alone."),
        ("2001:db8::1/32", "Write 2001:db8::/32 for all of it, or 2001:db8::1 for that address alone."),
    ],
)
def test_the_network_that_is_none_is_named(world: World, typed: str, said: str) -> None:
    answer = browser(world.owner).post("/doors/new/jwt/create/", fill(world, networks=typed))
    assert (answer.status_code, said in answer.content.decode()) == (422, True)


def test_a_pattern_has_no_signs_but_two(world: World) -> None:
    door = make_jwt_door(world.version, pattern="K[7]*")
    with refused(refusals.DOOR_IDENTITY_OTHER):
        check_policy(door, "K7X")
    check_policy(door, "k[7]9")


def test_each_algorithm_has_its_label(world: World) -> None:
    page = browser(world.owner).get("/doors/new/jwt/").content.decode()
    assert "<legend" in page
    boxes = re.findall(
        r'<input type="checkbox" name="own-algorithms" value="(\w+)" class="form-check-input" id="(\w[\w-]*)"', page
    )
    assert [name for name, _ in boxes] == ["HS256", "RS256", "ES256", "EdDSA"]
    assert all(f'<label class="form-check-label" for="{own}">{name}</label>' in page for name, own in boxes)


def test_ending_works_at_once_and_what_it_made_stays_listed(world: World) -> None:
    door = make_jwt_door(world.version)
    client, serial = browser(world.owner), serials.generate()
    register(serial)
    assert client.post(url("door-end", door)).status_code == 302
    assert register(serials.generate()).status_code == 403
    page = client.get(door.get_absolute_url()).content.decode()
    assert serials.format_in_fours(serial) in page
    assert "End this door" not in page
    assert client.post(url("door-change", door), {"name": "x", "admits": "new", "own-algorithms": "HS256"}).status_code
    door.refresh_from_db()
    assert door.name == "Factory"


def test_ending_a_key_works_at_once_and_what_it_made_is_listed(world: World) -> None:
    door = make_jwt_door(world.version)
    client, key, serial = browser(world.owner), door.keys.get(), serials.generate()
    register(serial)
    assert client.get(url("door-key-end", door, pk=key.pk)).status_code == 302
    assert register(serials.generate()).status_code == 200
    assert client.post(url("door-key-end", door, pk=key.pk)).status_code == 302
    assert register(serials.generate()).status_code == 403
    made = Program(world.owner).get(f"doors/{door.key}/devices/").json()["results"]
    assert {each["key"] for each in made} == {key.pk}
    assert serial in {each["serial"] for each in made}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "Give the door a name."),
    ({"name": "a\u202eb"}, "Leave control characters out"),
    ({"recipe": "0"}, "This recipe is not offered"),
    ({"group": "0"}, "This group can&#x27;t take devices"),
    ({"cap": "0"}, "Write 1 or more"),
    ({"cap": "x"}, "Write a whole number"),
    ({"networks": "10.0.0.300/8"}, "Write networks such as"),
    ({"last_day": "2001-01-01"}, "This day is over"),
    ({"last_day": "soon"}, "Write a day as"),
    ({"admits": "x"}, "Choose whom it lets in"),
    ({"own-issuer": ""}, "Name the issuer"),
    ({"own-algorithms": []}, "Choose an algorithm"),
    ({"own-algorithms": ["none"]}, "Choose among"),
    ({"own-leeway": "9999"}, "Write a whole number from 0 to 600."),
]


@pytest.mark.parametrize(("fields", "words"), WRONG)
def test_what_does_not_fit_comes_back_with_its_cause(world: World, fields: dict[str, Any], words: str) -> None:
    answer = browser(world.owner).post("/doors/new/jwt/create/", fill(world, **fields))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Door.objects.exists()


def test_names_and_issuers_are_taken_once(world: World) -> None:
    client = browser(world.owner)
    client.post("/doors/new/jwt/create/", fill(world))
    answer = client.post("/doors/new/jwt/create/", fill(world))
    assert answer.status_code == 409
    assert b"There is a door with this name already." in answer.content
    assert client.post("/doors/new/jwt/create/", fill(world, name="Factory 2")).status_code == 302
    theirs = fill(world, recipe=world.other_version.recipe_id)
    answer = browser(world.stranger).post("/doors/new/jwt/create/", theirs)
    assert answer.status_code == 409
    assert b"Another organisation of this site has this issuer already." in answer.content
    assert JwtIssuer.objects.count() == 1
    assert Door.objects.count() == 2


def test_a_door_changes_but_for_its_recipe_and_issuer(world: World) -> None:
    door = make_jwt_door(world.version)
    client = browser(world.owner)
    sent = fill(world, name="Line 2", cap="7", recipe=world.other_version.recipe_id) | {"own-issuer": "other.example"}
    assert client.get(url("door-edit", door)).status_code == 200
    assert client.post(url("door-change", door), sent).status_code == 302
    door.refresh_from_db()
    assert (door.name, door.cap, door.recipe) == ("Line 2", 7, world.version.recipe)
    assert door.settings["issuer"] == "factory.example"
    event = Event.objects.filter(kind="door-changed").get()
    assert event.data["act"] == "changed: name, cap, settings"


def test_keys_come_as_text_or_as_a_file(world: World) -> None:
    door = make_jwt_door(world.version, settings={"algorithms": ["HS256", "RS256", "ES256"]})
    client, address = browser(world.owner), url("door-jwt-keys", door)
    assert client.post(address, {"text": PEM["ES256"], "name": "es-1"}).status_code == 302
    assert client.post(address, {"file": SimpleUploadedFile("key.pem", PEM["RS256"].encode())}).status_code == 302
    assert register(serials.generate(), sign(key=PRIVATE["ES256"], algorithm="ES256", kid="es-1")).status_code == 200
    assert register(serials.generate(), sign(key=PRIVATE["RS256"], algorithm="RS256")).status_code == 200
    for fields, words in (
        ({}, "Give one"),
        ({"text": PEM["ES256"], "secret": SECRET}, "Give one"),
        ({"text": PEM["EdDSA"]}, "This is a key for EdDSA, which the door does not take."),
        ({"text": "-----BEGIN PRIVATE KEY-----"}, "This is a private key."),
        ({"secret": "short"}, "32 bytes at least"),
        ({"file": SimpleUploadedFile("key.der", b"\xff\xfe")}, "no key that we can read"),
        ({"file": SimpleUploadedFile("key.pem", b"x" * 70_000)}, "too large"),
    ):
        answer = client.post(address, fields)
        assert answer.status_code == 422, words
        assert words in answer.content.decode()
        assert SECRET not in answer.content.decode()


def test_a_door_has_so_many_keys(world: World) -> None:
    door = make_jwt_door(world.version)
    DoorKey.objects.bulk_create([DoorKey(door=door, algorithm="HS256", material=b"") for _ in range(19)])
    answer = browser(world.owner).post(url("door-jwt-keys", door), {"secret": SECRET})
    assert answer.status_code == 409
    assert b"has 20 keys already" in answer.content


def test_programs_make_and_watch_a_door(world: World) -> None:
    program = Program(world.owner, world.kanarra.root)
    settings = {"issuer": "factory.example", "algorithms": ["HS256"]}
    sent = {"kind": "jwt", "name": "Factory", "recipe": world.version.recipe_id, "cap": 1, "settings": settings}
    made = program.post("doors/", sent)
    assert made.status_code == 201, made.content
    assert program.client.get(made["Location"], headers=program.headers).json() == made.json()
    at = f"doors/{made.json()['key']}/"
    assert program.post(f"{at}keys/", {"secret": SECRET}).json()[0]["algorithm"] == "HS256"
    for _ in range(2):
        register(serials.generate())
    refused_attempts.refused_attempts.count()
    shown = program.get(at).json()
    assert (shown["made"], shown["state"]) == (1, "full")
    (refusal,) = program.get(f"{at}refusals/").json()["results"]
    assert (refusal["reason"], refusal["count"]) == ("door-full", 1)
    assert program.patch(at, {"cap": 5, "settings": {"once": True}}).json()["settings"]["once"] is True
    shown = program.get(at).json()
    assert program.patch(at, shown | {"cap": 9}).json() == shown | {"cap": 9}
    assert places(program.patch(at, shown | {"made": 9})) == ["#/made"]
    assert program.post(f"{at}end/").json()["state"] == "ended"
    assert kind(program.patch(at, {"cap": 6})) == "door-ended-already"


def test_programs_are_told_what_does_not_fit(world: World) -> None:
    program = Program(world.owner)
    sent = {"kind": "jwt", "name": "Factory", "recipe": world.other_version.recipe_id, "networks": ["x"]}
    assert set(places(program.post("doors/", sent))) >= {"#/recipe", "#/networks"}
    sent = {"kind": "jwt", "name": "Factory", "recipe": world.version.recipe_id, "settings": {"algorithms": ["none"]}}
    assert places(program.post("doors/", sent))
    door = make_jwt_door(world.version)
    assert places(program.post(f"doors/{door.key}/keys/", {"public_keys": "x"})) == ["#/public_keys"]
    assert kind(program.post(f"doors/{door.key}/keys/", {"public_keys": PEM["EdDSA"]})) == "door-key-algorithm"


@pytest.mark.parametrize("listed", [200, 0])
def test_a_door_whose_group_is_archived_says_so_and_keeps_it(
    world: World, monkeypatch: pytest.MonkeyPatch, listed: int
) -> None:
    """Whether groups are listed or searched for."""
    monkeypatch.setattr(picker, "LISTED", listed)
    client, group = browser(world.owner), make_group(world.kanarra.root, "Yard")
    door = make_jwt_door(world.version, group=group)
    told = "1 door places devices here. Once the group is archived, it refuses them until given another group."
    assert told in client.get(f"/groups/{group.pk}/").content.decode()
    assert b"archived" not in client.get(door.get_absolute_url()).content
    client.post(f"/groups/{group.pk}/archive/")
    assert b"Its group Yard is archived and takes no devices" in client.get(door.get_absolute_url()).content
    assert b"Its group is archived: refuses devices" in client.get("/doors/").content
    page = client.get(url("door-edit", door)).content
    assert b"Yard (archived)" in page
    sent = {**PageForm(page, url("door-change", door)).sent, "name": "Line 2"}
    assert client.post(url("door-change", door), sent).status_code == 302
    door.refresh_from_db()
    assert (door.name, door.group) == ("Line 2", group)
    client.post(url("door-change", door), {**sent, "group": "", "group-sought": ""})
    door.refresh_from_db()
    assert door.group is None
    answer = client.post(url("door-change", door), {**sent, "shown": "", "group": str(group.pk)})
    assert (answer.status_code, b"take devices (any more)" in answer.content) == (422, True)


def test_a_group_without_open_doors_says_nothing_of_them(world: World) -> None:
    client, group = browser(world.owner), make_group(world.kanarra.root, "Yard")
    make_jwt_door(world.version, group=group, ended_at=Now())
    assert b"devices here. Once" not in client.get(f"/groups/{group.pk}/").content
    for name in ("Line 1", "Line 2"):
        make_jwt_door(world.version, name=name, group=group)
    told = b"2 doors place devices here. Once the group is archived, they refuse"
    assert told in client.get(f"/groups/{group.pk}/").content
