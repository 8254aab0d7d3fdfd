"""The door of approval, as devices of that vendor know it: every status and body."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices.models import Device, Event
from provisioning.doors import refused_attempts
from provisioning.doors.approval import codes, decisions, operations
from provisioning.models import (
    Door,
    DoorRegistration,
    ProvisioningOperation,
)
from provisioning.windows import operations as windows
from tests import builders
from tests.devices.api import Program
from tests.provisioning.doors.approval_answers import (
    CANCELLED,
    EXPIRED,
    UNAUTHORIZED,
    UNKNOWN_ID,
    make_older,
    problem,
    reasons,
    refused,
    works,
)
from tests.provisioning.doors.makers import Sdk, approve, get_operation, make_approval_door, make_provisioning_token

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db


# From the shelf --------------------------------------------------------------------------------


def test_a_device_waits_is_approved_and_registers(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    started = sdk.init("dev-0001")
    assert started.status_code == 200
    assert set(started.json()) == {"provisioningOperationId", "verificationCode", "expirationTime"}
    assert re.fullmatch(rf"[{codes.ALPHABET}]{{4}}-[{codes.ALPHABET}]{{4}}", started.json()["verificationCode"])
    assert datetime.fromisoformat(started.json()["expirationTime"]).tzinfo
    operation = started.json()["provisioningOperationId"]
    for _ in range(2):
        waiting = sdk.complete(operation)
        assert (waiting.status_code, waiting.content, waiting["Content-Length"]) == (202, b"", "0")
    approve(operation, world.technician, name="Tank 7", group=world.anaheim)
    assert not Device.objects.filter(own_id="dev-0001").exists()  # it comes to be when it registers
    completed = sdk.complete(operation)
    assert completed.status_code == 200
    assert set(completed.json()) == {"registrationToken", "expirationTime"}
    answer = sdk.register(completed.json()["registrationToken"])
    assert answer.status_code == 200, answer.content
    told = answer.json()
    host = told["iotHubHostName"]
    assert told["connectionString"].startswith(f"HostName={host};DeviceId=kanarra:dev-0001;SharedAccessSignature=")
    assert told["connectionStringType"] == "SharedAccessSignature"
    assert told["connectionStringExpiration"].endswith("Z")
    assert re.fullmatch(r"89\.23:59:\d\d", told["tokenRemainingLifetime"])
    assert works(answer)
    device = Device.objects.get(own_id="dev-0001")
    assert (device.name, device.group, device.organisation) == ("Tank 7", world.anaheim, world.kanarra)
    assert device.version.recipe == door.recipe
    made = DoorRegistration.objects.get()
    assert (made.device, made.key, made.door.made, made.is_new) == (device, door.keys.get(), 1, True)
    events = Event.objects.filter(device=device).order_by("pk").values_list("kind", "by")
    assert list(events) == [("registered", world.technician.pk), ("provisioned", world.technician.pk)]
    assert Event.objects.filter(kind="operation-approved", data__identity="dev-0001").count() == 1


def test_every_answer_says_that_it_is_not_to_be_kept(world: World) -> None:
    _, token = make_approval_door(world.version)
    sdk = Sdk(token)
    started = sdk.init("dev-0001")
    registration = sdk.get_approved(world.owner, "dev-0002")
    for answer in (started, sdk.register(registration), sdk.refresh(registration)):
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Length"] == str(len(answer.content))
        assert not answer.cookies


def test_the_approver_may_give_the_id_and_has_to_where_the_device_said_none(world: World) -> None:
    _, token = make_approval_door(world.version)
    sdk = Sdk(token)
    started = sdk.init().json()["provisioningOperationId"]
    refused(lambda: approve(started, world.owner), "operation-without")
    assert sdk.complete(started).status_code == 202
    registration = sdk.get_approved(world.owner, "dev-0001", identity="Pump_7.b")
    assert "DeviceId=kanarra:Pump_7.b;" in sdk.register(registration).json()["connectionString"]


def test_a_token_for_one_device_holds_its_id(world: World) -> None:
    door, _ = make_approval_door(world.version)
    sdk = Sdk(make_provisioning_token(door, "dev-0009"))
    started = sdk.init().json()["provisioningOperationId"]
    assert get_operation(started).identity == "dev-0009"
    assert problem(sdk.init("dev-0001"), 400).endswith("door-identity-other")
    refused(
        lambda: approve(started, world.owner, identity="other"),
        "operation-id-fixed",
    )
    approve(started, world.owner)
    registration = sdk.complete(started).json()["registrationToken"]
    assert sdk.register(registration).status_code == 200
    assert Device.objects.filter(own_id="dev-0009").exists()
    assert reasons(door) == {"door-identity-other"}


def test_what_a_device_says_of_itself_is_kept_for_whoever_approves(world: World) -> None:
    _, token = make_approval_door(world.version)
    said = '{"deviceId":"dev-0001","firmware":"1.2.3","uptime":7,"nested":{"a":1},"x\\u0000":"y","long":"' + "z" * 500
    answer = Sdk(token).send("POST", "/provisioning-operations/init", said + '"}')
    kept = get_operation(answer.json()["provisioningOperationId"])
    assert kept.said == {"User-Agent": "ureq/2.12.1", "firmware": "1.2.3", "uptime": "7", "long": "z" * 120}
    assert kept.address == "127.0.0.1"


# IDs -------------------------------------------------------------------------------------------


def test_ids_that_fold_alike_are_devices_of_their_own(world: World) -> None:
    version = builders.make_recipe(world.kanarra, "Any", identity={"kind": "opaque"})
    _, token = make_approval_door(version)
    ids = ["abc-1", "ABC1", "ABCI", "abc.1", "a" * 90, "x._-", "NEW1", "1234"]
    for own_id in ids:
        registration = Sdk(token).get_approved(world.owner, own_id)
        answer = Sdk(token).register(registration)
        assert answer.status_code == 200, (own_id, answer.content)
        assert f"DeviceId=kanarra:{own_id};" in answer.json()["connectionString"]
    made = Device.objects.exclude(own_id="")
    assert set(made.values_list("own_id", flat=True)) == set(ids)
    assert len(set(made.values_list("serial_key", flat=True))) == len(ids)
    assert made.get(own_id="abc-1").serial == "ABC1"  # the first one; its format takes it
    assert made.get(own_id="ABC1").serial != "ABC1"


def test_an_id_that_no_serial_has_gets_one_of_the_recipes_format(world: World) -> None:
    _, token = make_approval_door(world.version)
    for number, identity in enumerate(
        ({}, {"kind": "base10"}, {"kind": "base16", "length": 8}, {"kind": "mac48"}, {"kind": "opaque", "prefix": "KG"})
    ):
        recipe = builders.make_recipe(world.kanarra, f"Recipe {number}", identity=identity)
        _, token = make_approval_door(recipe, name=f"Door {number}")
        sdk = Sdk(token)
        assert sdk.register(sdk.get_approved(world.owner, f"dev_{number}.x")).status_code == 200
        device = Device.objects.get(own_id=f"dev_{number}.x")
        assert device.name == f"dev_{number}.x"
        assert device.serial


@pytest.mark.parametrize(
    "own_id", ["abc", "x" * 91, "dev 0001", "d\u00fc-0001", "dev/0001", "dev:0001", "dev-0001\\n", "#+$a"]
)
def test_what_can_be_no_id_is_refused_for_good(world: World, own_id: str) -> None:
    door, token = make_approval_door(world.version)
    answer = Sdk(token).init(own_id)
    assert problem(answer, 400).endswith("door-id-unfit")
    assert "can't be one" in answer.json()["title"]  # which the SDK shows
    assert not ProvisioningOperation.objects.exists()
    assert reasons(door) == {"door-id-unfit"}


@pytest.mark.parametrize(
    "sent", ['{"deviceId":7}', '{"deviceId":""}', '{"deviceId":["dev-0001"]}', "[]", "{", "", "\x00"]
)
def test_what_can_not_be_read_is_refused_for_good(world: World, sent: str) -> None:
    door, token = make_approval_door(world.version)
    problem(Sdk(token).send("POST", "/provisioning-operations/init", sent), 400)
    for path in ("/provisioning-operations/complete", "/devices/registration-tokens/refresh"):
        problem(Sdk(token).send("PUT", path, sent), 400)
    assert reasons(door) & {"door-id-unfit", "door-body-unreadable"}
    assert not ProvisioningOperation.objects.exists()


def test_a_null_for_an_id_is_none(world: World) -> None:
    _, token = make_approval_door(world.version)
    assert Sdk(token).send("POST", "/provisioning-operations/init", '{"deviceId":null}').status_code == 200


def test_a_device_that_was_added_before_is_taken_over_by_its_serial(world: World) -> None:
    listed = world.waiting
    door, token = make_approval_door(world.version, admits="listed")
    sdk = Sdk(token)
    assert sdk.register(sdk.get_approved(world.owner, listed.serial)).status_code == 200
    listed.refresh_from_db()
    assert listed.own_id == listed.serial
    assert DoorRegistration.objects.get().is_new is False
    problem(sdk.register(sdk.get_approved(world.owner, "nobody-added-it")), 403)
    assert reasons(door) == {"door-not-listed"}


# Decisions, and their end ----------------------------------------------------------------------


def test_a_device_that_was_turned_away_stops(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    started = sdk.init("dev-0001").json()["provisioningOperationId"]
    assert decisions.cancel_operation(operation=get_operation(started), by=world.technician)
    assert not decisions.cancel_operation(operation=get_operation(started), by=world.technician)
    assert problem(sdk.complete(started), 410) == CANCELLED
    refused(lambda: approve(started, world.owner), "operation-decided")
    assert Event.objects.filter(kind="operation-cancelled").count() == 1
    assert reasons(door) == {"operation-cancelled"}


def test_an_approval_may_be_taken_back_until_the_device_registers(world: World) -> None:
    _, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    operation = ProvisioningOperation.objects.get()
    assert decisions.cancel_operation(operation=operation, by=world.owner)
    assert problem(sdk.register(registration), 401) == UNAUTHORIZED
    assert problem(sdk.complete(str(operation.key)), 410) == CANCELLED
    other = sdk.get_approved(world.owner, "dev-0002")
    sdk.register(other)
    assert not decisions.cancel_operation(operation=ProvisioningOperation.objects.latest("pk"), by=world.owner)


def test_whoever_is_not_approved_in_time_starts_over(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    started = sdk.init("dev-0001").json()["provisioningOperationId"]
    ProvisioningOperation.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert problem(sdk.complete(started), 410) == EXPIRED
    refused(lambda: approve(started, world.owner), "operation-expired")
    assert sdk.complete(sdk.init("dev-0001").json()["provisioningOperationId"]).status_code == 202
    assert reasons(door) == {"operation-expired"}


@pytest.mark.parametrize("operation", [UNKNOWN_ID, "op-1", "x" * 5000])
def test_an_operation_that_is_not_there_is_started_over(world: World, operation: str) -> None:
    door, token = make_approval_door(world.version)
    assert problem(Sdk(token).complete(operation), 410) not in {CANCELLED, UNAUTHORIZED}
    assert reasons(door) == {"operation-unknown"}


POLICIES: list[tuple[dict[str, Any], int, str]] = [
    ({"ended_at": Now()}, 401, "door-ended"),
    ({"expires_at": Now() - timedelta(seconds=1)}, 423, "door-expired"),
    ({"cap": 0}, 423, "door-full"),
    ({"networks": ["192.0.2.0/24"]}, 403, "door-address"),
    ({"pattern": "ZZ*"}, 400, "door-identity-other"),
]


@pytest.mark.parametrize(("fields", "status", "reason"), POLICIES, ids=[reason for *_, reason in POLICIES])
def test_what_the_policy_refuses(world: World, fields: dict[str, Any], status: int, reason: str) -> None:
    door, token = make_approval_door(world.version)
    Door.objects.filter(pk=door.pk).update(**fields)
    problem(Sdk(token).init("dev-0001"), status)
    assert reasons(door) == {reason}
    assert not ProvisioningOperation.objects.exists()


@pytest.mark.parametrize("held", [True, False])
def test_a_known_device_that_is_refused_is_told_in_its_open_window(world: World, held: bool) -> None:
    """Whether it says who it is, or its token does."""
    door, token = make_approval_door(world.version, identity=world.waiting.serial if held else "")
    Door.objects.filter(pk=door.pk).update(networks=["192.0.2.0/24"])
    window = windows.open_window(device=world.waiting, by=world.technician)
    sdk = Sdk(token)
    problem(sdk.complete(UNKNOWN_ID) if held else sdk.init(world.waiting.serial), 403)
    refused_attempts.refused_attempts.count()
    (told,) = Program(world.technician).get(f"windows/{window.key}/").json()["refused"]
    assert (told["reason"], told["count"]) == ("door-address", 1)


def test_a_door_that_filled_up_meanwhile_makes_no_more(world: World) -> None:
    door, token = make_approval_door(world.version, cap=1)
    sdk = Sdk(token)
    one, two = (sdk.get_approved(world.owner, f"dev-000{number}") for number in (1, 2))
    assert sdk.register(one).status_code == 200
    problem(sdk.register(two), 423)
    Door.objects.update(cap=2)
    assert sdk.register(two).status_code == 200
    assert reasons(door) == {"door-full"}


def test_so_many_wait_at_a_door(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MOST_OF_ADDRESS", 2)
    monkeypatch.setattr(operations, "MOST", 3)
    door, token = make_approval_door(world.version)
    here, there = Sdk(token, REMOTE_ADDR="192.0.2.1"), Sdk(token, REMOTE_ADDR="192.0.2.2")
    assert [here.init().status_code for _ in range(3)] == [200, 200, 429]
    assert [there.init().status_code for _ in range(2)] == [200, 429]
    assert there.init()["Retry-After"] == "60"
    ProvisioningOperation.objects.update(expires_at=Now())
    assert here.init().status_code == 200
    assert reasons(door) == {"operations-too-many"}


def test_strangers_of_one_address_are_heard_no_more_for_a_while(world: World, settings: Settings) -> None:
    settings.DOOR_REFUSALS_ADDRESS = 3
    _, token = make_approval_door(world.version)
    for _ in range(3):
        problem(Sdk("x", REMOTE_ADDR="192.0.2.77").init(), 401)
    answer = Sdk(token, REMOTE_ADDR="192.0.2.77").init()
    problem(answer, 429)
    assert answer["Retry-After"] == "60"
    assert Sdk(token, REMOTE_ADDR="192.0.2.78").init().status_code == 200


def test_other_methods_and_large_bodies(world: World) -> None:
    _, token = make_approval_door(world.version)
    answer = Sdk(token).send("GET", "/provisioning-operations/init", "")
    problem(answer, 405)
    assert answer["Allow"] == "POST"
    problem(Sdk(token).send("POST", "/provisioning-operations/init", '{"x":"' + "x" * 20_000 + '"}'), 413)
    problem(Sdk(token).send("PUT", "/devices/register", '{"connectionStringType":"X509"}', token), 401)


def test_another_organisations_address_knows_no_token_of_this_one(world: World) -> None:
    _, token = make_approval_door(world.version)
    body = '{"deviceId":"dev-0001"}'
    assert Sdk(token).send("POST", "/o/kanarra/provisioning-operations/init", body).status_code == 200
    problem(Sdk(token).send("POST", "/o/other/provisioning-operations/init", body), 401)
    registration = Sdk(token).get_approved(world.owner, "dev-0002")
    asked = '{"connectionStringType":"SharedAccessSignature"}'
    problem(Sdk(token).send("PUT", "/o/other/devices/register", asked, registration), 401)


# Who may decide --------------------------------------------------------------------------------


def test_a_group_has_to_be_the_approvers(world: World) -> None:
    _, token = make_approval_door(world.version)
    started = Sdk(token).init("dev-0001").json()["provisioningOperationId"]
    for group in (world.boise, world.region, world.other_site):
        refused(
            lambda group=group: approve(started, world.technician, group=group),
            "group-takes-no-devices",
        )
    assert get_operation(started).outcome == ""


def test_an_id_of_another_tenants_device_is_let_in_again_by_its_own_people_alone(world: World) -> None:
    _, token = make_approval_door(world.version)
    sdk = Sdk(token)
    sdk.register(sdk.get_approved(world.sibling, "dev-0001", group=world.boise))
    started = sdk.init("dev-0001").json()["provisioningOperationId"]
    refused(
        lambda: approve(started, world.technician),
        "operation-id-taken",
    )
    approve(started, world.sibling)
    make_older()
    assert sdk.register(sdk.complete(started).json()["registrationToken"]).status_code == 200
    assert Device.objects.get(own_id="dev-0001").group == world.boise


def test_a_group_that_is_gone_by_then_is_told(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    leaf = builders.make_group(world.sadler, "New wing")
    registration = sdk.get_approved(world.owner, "dev-0001", group=leaf)
    builders.make_group(leaf, "Below it")
    problem(sdk.register(registration), 409)
    assert not Device.objects.filter(own_id="dev-0001").exists()
    assert reasons(door) == {"group-takes-no-devices"}
