"""The door of a shared token, as devices of that vendor know it: every status and body."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from devices.credentials import operations as credentials
from devices.identity import serials
from devices.lifecycle import locks
from devices.models import Credential, Device, Event, RefusedAttempt
from provisioning.doors import refused_attempts
from provisioning.doors.profile import operations as profile
from provisioning.models import Door, DoorKey, DoorRefusal, DoorRegistration
from tenants.models import Role, User
from tests import builders
from tests.devices.api import Program
from tests.provisioning.doors.makers import call

if TYPE_CHECKING:
    from django.test import Client

    from devices.models import RecipeVersion
    from tests.conftest import World

SERIAL = "K7QX2M9TB4" + serials.compute_check_characters("K7QX2M9TB4")
NO_PLAN, AGAIN, NOT_LISTED = (
    "No plan for device",
    "Device already registered",
    "Device hardware code not whitelisted",
)


def make_profile_door(version: Any, **fields: Any) -> tuple[Door, str]:
    shown = {"kind": Door.Kind.PROFILE, "name": "Trackers", "recipe": version.recipe}
    door = Door.objects.create(organisation=version.recipe.organisation, **(shown | fields))
    root = door.organisation.root
    maker = User.objects.filter(organisation=door.organisation).first() or builders.make_user(
        "maker@kanarra.example", root, Role.ADMIN
    )
    return door, profile.make_token(door=door, by=maker)[1]


def ask(token: str, path: str = "/ztp/cloudlocate/credentials", **sent: Any) -> Any:
    return call({"token": token, **sent}, path)


def refused(answer: Any) -> str:
    assert answer.status_code == 403
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert not answer.cookies
    return str(answer.content.decode())


def make_older() -> None:
    """Let the credentials be as old as a device that asks again."""
    Credential.objects.update(created_at=F("created_at") - timedelta(minutes=1))


def works(answer: Any) -> bool:
    sent = answer.json()
    return credentials.find_credential(access_key=sent["username"], access_secret=sent["password"]) is not None


@pytest.mark.django_db
def test_a_device_gets_all_that_its_client_needs(world: World) -> None:
    door, token = make_profile_door(world.version, settings={"tags": {"line": "7"}})
    answer = ask(token, hardwareId=SERIAL, givenName="Tank 7", tags=["hall: north", "spare"])
    assert answer.status_code == 200
    assert set(answer.json()) == {"hostname", "brokerHost", "port", "clientId", "username", "password"}
    assert answer["Cache-Control"] == "no-store"
    device = Device.objects.get(device_id=answer.json()["clientId"])
    assert (device.serial, device.name, device.organisation) == (SERIAL, "Tank 7", world.kanarra)
    assert {"line": "7", "hall": "north", "spare": ""}.items() <= device.tags.items()
    assert works(answer)
    assert DoorRegistration.objects.get().key == door.keys.get()
    door.refresh_from_db()
    assert door.made == 1


@pytest.mark.django_db
def test_without_a_hardware_id_it_gets_a_serial_unless_the_door_wants_one(world: World) -> None:
    door, token = make_profile_door(world.version)
    first, second = ask(token), ask(token, givenName="Tank 8")
    assert first.json()["clientId"] != second.json()["clientId"]
    Door.objects.update(settings={"hardware_id": True})
    assert refused(ask(token)) == NOT_LISTED
    assert ask(token, hardwareId=SERIAL).status_code == 200
    assert door.registrations.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize("said", [4711, True, ["x"], {"a": 1}, "\0", "\u202e", "a\nb"])
def test_a_hardware_id_that_is_no_text_is_not_taken_for_none(world: World, said: object) -> None:
    door, token = make_profile_door(world.version)
    assert refused(ask(token, hardwareId=said)) == NOT_LISTED
    assert door.registrations.count() == 0
    refused_attempts.refused_attempts.count()
    assert DoorRefusal.objects.of(door).get().reason == "door-identity-unfit"
    for nothing in (None, "", " "):
        assert ask(token, hardwareId=nothing).status_code == 200


@pytest.mark.django_db
def test_it_asks_again_and_the_former_credential_ends_with_the_new_ones_first_use(world: World) -> None:
    door, token = make_profile_door(world.version)
    Door.objects.update(cap=1)
    first = ask(token, hardwareId=SERIAL)
    assert refused(ask(token, hardwareId=SERIAL)) == AGAIN  # at once: another one, or a copy
    make_older()
    second = ask(token, hardwareId=SERIAL.lower())
    assert second.json()["clientId"] == first.json()["clientId"]  # though the door is full
    assert works(first)
    assert works(second)
    former = Credential.objects.get(access_key=first.json()["username"])
    assert former.superseded_by == Credential.objects.get(access_key=second.json()["username"])
    event = Event.objects.get(kind=Event.Kind.CREDENTIAL_ROTATED)
    assert event.data["door"] == door.name
    make_older()
    Door.objects.update(settings={"renews": False})
    assert refused(ask(token, hardwareId=SERIAL)) == AGAIN


@pytest.mark.django_db
def test_each_is_activated_by_hand_where_the_door_says_so(world: World) -> None:
    _, token = make_profile_door(world.version, settings={"activates": False})
    answer = ask(token, hardwareId=SERIAL)
    assert answer.status_code == 200
    assert not works(answer)
    make_older()
    assert refused(ask(token, hardwareId=SERIAL)) == AGAIN
    assert locks.unlock_devices([Device.objects.get(serial=SERIAL)], by=world.owner)
    assert works(answer)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sent", "answer", "reason"),
    [
        ({"hardwareId": "no serial"}, NOT_LISTED, "door-identity-unfit"),
        ({"hardwareId": "PLACED"}, AGAIN, "door-already-registered"),
        ({"hardwareId": SERIAL, "givenName": "x" * 51}, 400, "door-name-unfit"),
        ({"hardwareId": SERIAL, "tags": ["a;b: c"]}, 400, "door-tags-unfit"),
        ({"hardwareId": SERIAL, "tags": "line"}, 400, "door-tags-unfit"),
        ({"hardwareId": SERIAL, "tags": [["line"]]}, 400, "door-tags-unfit"),
    ],
)
def test_what_it_says_is_refused(world: World, sent: dict[str, Any], answer: str | int, reason: str) -> None:
    door, token = make_profile_door(world.version)
    sent = sent | {"hardwareId": sent["hardwareId"].replace("PLACED", world.placed.serial)}
    got = ask(token, **sent)
    assert answer == (got.status_code if isinstance(answer, int) else refused(got))
    refused_attempts.refused_attempts.count()
    assert set(DoorRefusal.objects.of(door).values_list("reason", flat=True)) == {reason}
    assert not Device.objects.filter(serial=SERIAL).exists()
    if reason == "door-already-registered":
        assert RefusedAttempt.objects.get(device=world.placed).reason == reason


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["ended", "expired", "full", "elsewhere", "key ended", "unknown", "other"])
def test_strangers_and_those_who_come_too_late_hear_the_same(world: World, change: str) -> None:
    door, token = make_profile_door(world.version)
    changes: dict[str, dict[str, Any]] = {
        "ended": {"ended_at": Now()},
        "expired": {"expires_at": Now()},
        "full": {"cap": 0},
        "elsewhere": {"networks": ["192.0.2.0/24"]},
    }
    Door.objects.update(**changes.get(change, {"made": 0}))
    if change == "key ended":
        DoorKey.objects.update(ended_at=Now())
    said = {"unknown": str(uuid4())}.get(change, token)
    path = f"/o/{(world.other if change == 'other' else world.kanarra).slug}/ztp/cloudlocate/credentials"
    assert refused(ask(said, path, hardwareId=SERIAL)) == NO_PLAN
    assert not door.registrations.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "x", None, 7, ["a"], {}, "\0", "0" * 32, "0" * 5000])
def test_no_token(world: World, token: Any) -> None:
    make_profile_door(world.version)
    assert refused(ask(token, hardwareId=SERIAL)) == NO_PLAN


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["", "[]", "null", "{", "\xff", '{"token": 1e999}', "[" * 5000])
def test_no_request(world: World, body: str) -> None:
    make_profile_door(world.version)
    assert call(body, "/ztp/cloudlocate/credentials").status_code in (400, 403)


@pytest.mark.django_db
def test_an_admin_opens_a_door_on_its_pages(client: Client, world: World) -> None:
    client.force_login(world.owner)
    fields = {"name": "Trackers", "recipe": world.version.recipe_id, "admits": "new"}
    own = {"own-activates": "on", "own-tags": "line: 7\nhall: north"}
    refused = client.post("/doors/new/profile/create/", {**fields, **own, "own-tags": "a;b: 7"})
    assert (refused.status_code, Door.objects.count()) == (422, 0)
    client.post("/doors/new/profile/create/", {**fields, **own})
    door = Door.objects.get()
    kept = {"activates": True, "hardware_id": False, "renews": False, "tags": {"line": "7", "hall": "north"}}
    assert door.settings == kept
    lines = client.get(f"/doors/{door.key}/edit/").content.decode().splitlines()
    assert {"line: 7", "hall: north"} <= {re.sub("<[^>]*>", "", line).strip() for line in lines}
    told = client.post(f"/doors/{door.key}/profile/token/")
    token = re.search(r'id="secret">([0-9a-f-]{36})<', told.content.decode())
    assert token
    assert ask(token[1], hardwareId=SERIAL).status_code == 200
    page = client.get(door.get_absolute_url()).content.decode()
    assert token[1] not in page
    assert f"Token {token[1][:8]}…" in page
    acts = Event.objects.filter(kind="door-changed").order_by("pk").values_list("data__act", flat=True)
    assert list(acts) == ["made", f"key Token {token[1][:8]}… added"]


@pytest.mark.django_db
def test_a_program_opens_a_door(world: World) -> None:
    program = Program(world.owner)
    settings = {"tags": {"line": "7"}}
    sent = {"kind": "profile", "name": "Trackers", "recipe": world.version.recipe_id, "settings": settings}
    made = program.post("doors/", sent).json()
    assert made["settings"] == {"activates": True, "hardware_id": False, "renews": True, **settings}
    shown = program.get(f"doors/{made['key']}/").json()
    assert program.patch(f"doors/{made['key']}/", shown).json() == shown
    token = program.post(f"doors/{made['key']}/tokens/").json()
    answer = ask(token["token"], hardwareId=SERIAL)
    assert Device.objects.get(device_id=answer.json()["clientId"]).tags["line"] == "7"
    assert program.post(f"doors/{made['key']}/keys/", {"secret": "s" * 40}).status_code == 404
    assert program.post(f"doors/{made['key']}/keys/{token['id']}/end/").status_code == 204
    assert refused(ask(token["token"])) == NO_PLAN


@pytest.fixture
def version(transactional_db: None) -> RecipeVersion:
    return builders.make_recipe(builders.make_organisation("Kanarra"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_known", [False, True])
def test_of_fifty_at_once_one_gets_a_credential(version: RecipeVersion, is_known: bool) -> None:
    _, token = make_profile_door(version)
    if is_known:
        ask(token, hardwareId=SERIAL)
        make_older()
    start = Barrier(10)

    def run(_: int) -> list[str]:
        start.wait()
        try:
            answers = [ask(token, hardwareId=SERIAL) for _ in range(5)]
            return ["made" if answer.status_code == 200 else refused(answer) for answer in answers]
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as threads:
        answers = Counter(answer for part in threads.map(run, range(10)) for answer in part)
    assert answers == {"made": 1, AGAIN: 49}
    assert Device.objects.count() == 1
    assert Credential.objects.count() == 1 + is_known
