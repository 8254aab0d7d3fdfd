"""A door of approval on its page and in the API: made, given tokens, and registration tokens revoked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from devices.models import Credential, Device, Event
from provisioning.models import Door, DoorKey, RegistrationToken
from tests.devices.api import Program, kind, places
from tests.provisioning.doors.makers import Sdk, make_approval_door
from tests.provisioning.doors.test_doors import browser, url

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db


def fill(world: World, **fields: str) -> dict[str, object]:
    own = {"own-waits": "30", "own-token_days": "", "own-credential_days": "7"}
    return {"name": "Field", "recipe": world.version.recipe_id, "admits": "new", **own, **fields}


def test_an_admin_opens_a_door_and_makes_its_tokens(world: World) -> None:
    client = browser(world.owner)
    answer = client.post("/doors/new/approval/create/", fill(world))
    door = Door.objects.get()
    assert answer["Location"] == door.get_absolute_url()
    assert door.settings == {"waits": 30, "token_days": None, "credential_days": 7}
    page = client.get(door.get_absolute_url()).content.decode()
    assert "It has no token yet" in page
    assert "30 min" in page
    told = client.post(url("door-approval-token", door), {"identity": "dev-0001"})
    found = re.search(rb'id="secret">([\w-]+)<', told.content)
    assert found
    assert "no-store" in told["Cache-Control"]
    token = found[1].decode()
    assert Sdk(token).init().status_code == 200
    assert Sdk(token).init("dev-0002").status_code == 400
    page = client.get(door.get_absolute_url()).content.decode()
    assert token not in page
    assert "for dev-0001" in page
    acts = Event.objects.filter(kind="door-changed").order_by("pk").values_list("data__act", flat=True)
    assert list(acts) == ["made", f"key {door.keys.get()} added"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"own-waits": ""}, "from 1 to 1,440."),
        ({"own-waits": "0"}, "from 1 to 1,440."),
        ({"own-waits": "1441"}, "from 1 to 1,440."),
        ({"own-token_days": "x"}, "from 1 to 3,650, or leave it empty."),
        ({"own-credential_days": "3651"}, "from 1 to 3,650."),
    ],
)
def test_what_does_not_fit_comes_back_with_its_cause(world: World, fields: dict[str, str], words: str) -> None:
    answer = browser(world.owner).post("/doors/new/approval/create/", fill(world, **fields))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Door.objects.exists()


@pytest.mark.parametrize("identity", ["abc", "x y z", "d\u00fc-0001", "dev:0001", "x" * 91])
def test_a_token_for_an_id_that_none_can_be_is_not_made(world: World, identity: str) -> None:
    door, _ = make_approval_door(world.version)
    before = DoorKey.objects.count()
    answer = browser(world.owner).post(url("door-approval-token", door), {"identity": identity})
    assert answer.status_code == 422
    assert DoorKey.objects.count() == before
    program = Program(world.owner)
    assert program.post(f"doors/{door.key}/tokens/", {"identity": identity}).status_code == 400


def test_a_door_that_ended_gives_no_tokens(world: World) -> None:
    door, _ = make_approval_door(world.version)
    client = browser(world.owner)
    client.post(url("door-end", door))
    answer = client.post(url("door-approval-token", door), {"identity": ""})
    assert answer.status_code == 409
    assert b"This door was ended" in answer.content


def test_programs_make_tokens_by_the_thousand_devices(world: World) -> None:
    program = Program(world.owner, world.kanarra.root)
    sent = {"kind": "approval", "name": "Field", "recipe": world.version.recipe_id, "settings": {"waits": 5}}
    made = program.post("doors/", sent)
    assert made.status_code == 201, made.content
    assert made.json()["settings"] == {"waits": 5, "token_days": 90, "credential_days": 30}
    at = f"doors/{made.json()['key']}/"
    for number in range(25):
        answer = program.post(f"{at}tokens/", {"identity": f"dev-{number:04}", "cap": 1})
        assert answer.status_code == 201, answer.content
    token = answer.json()["token"]
    assert Sdk(token).init("dev-0024").status_code == 200
    assert program.get(f"{at}keys/").json()["results"][0]["name"].endswith("for dev-0024")
    other = program.post("doors/", sent | {"name": "Shared", "kind": "profile", "settings": {}}).json()["key"]
    assert places(program.post(f"doors/{other}/tokens/", {"identity": "dev-0001"})) == ["#/identity"]
    signed = {"issuer": "factory.example", "algorithms": ["ES256"]}
    jwt = program.post("doors/", sent | {"name": "JWT", "kind": "jwt", "settings": signed}).json()["key"]
    assert kind(program.post(f"doors/{jwt}/tokens/")) == "not-found"


def test_a_registration_token_is_revoked_on_the_page_and_by_programs(world: World) -> None:
    door, token = make_approval_door(world.version)
    client, program = browser(world.owner), Program(world.owner)

    def revoke(number: int, serial: str) -> int:
        if number:
            return int(client.post(url("door-approval-revoke", door), {"serial": serial}).status_code)
        return int(program.post(f"doors/{door.key}/revoke/", {"serial": serial}).status_code)

    for number, status in enumerate((204, 302)):
        sdk = Sdk(token)
        registration = sdk.get_approved(world.owner, f"dev-000{number}")
        assert sdk.register(registration).status_code == 200
        device = Device.objects.get(own_id=f"dev-000{number}")
        assert device.own_id.encode() in client.get(door.get_absolute_url()).content
        assert revoke(number, device.serial) == status
        assert revoke(number, device.serial) == status  # again changes nothing
        assert sdk.register(registration).status_code == 401
    assert not RegistrationToken.objects.standing().exists()
    assert not Credential.objects.standing().exists()
    assert Event.objects.filter(kind="credential-revoked").count() == 2
    assert client.post(url("door-approval-revoke", door), {"serial": world.alien.serial}).status_code == 404
