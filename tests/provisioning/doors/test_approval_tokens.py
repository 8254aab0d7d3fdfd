"""Tokens and credentials of devices that were approved: refreshed, ended, and registering again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from devices.credentials import operations as credentials
from devices.credentials import standing
from devices.lifecycle import locks
from devices.models import Credential, Device, Event, RefusedAttempt
from provisioning.doors.approval import registration_tokens
from provisioning.doors.approval.device_views import write_span
from provisioning.models import (
    Door,
    DoorKey,
    DoorRegistration,
    ProvisioningOperation,
    RegistrationToken,
)
from tests.provisioning.doors.approval_answers import (
    CANCELLED,
    EXPIRED,
    UNAUTHORIZED,
    make_older,
    problem,
    reasons,
    works,
)
from tests.provisioning.doors.makers import Sdk, approve, make_approval_door, make_provisioning_token

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db


# Tokens ----------------------------------------------------------------------------------------


def test_strangers_hear_the_same_whatever_the_cause(world: World) -> None:
    door, token = make_approval_door(world.version)
    ended = make_provisioning_token(door)
    DoorKey.objects.filter(secret_hash=registration_tokens.hash_token(ended)).update(ended_at=Now())
    for each in ("x", "\u2603", ended, "x" * 4000):
        answer = Sdk(each).send("POST", "/provisioning-operations/init", "{}", each.encode().decode("latin-1"))
        assert problem(answer, 401) == UNAUTHORIZED
        assert answer.json()["title"] == "Unauthorized"
    for header in ("", "DeviceToken", f"Basic {token}", token):
        answer = Client().post("/provisioning-operations/init", "{}", "application/json", HTTP_AUTHORIZATION=header)
        assert problem(answer, 401) == UNAUTHORIZED
    registration = Sdk(token).get_approved(world.owner, "dev-0001")
    assert problem(Sdk(registration).init("dev-0001"), 401) == UNAUTHORIZED
    assert problem(Sdk(token).register(token), 401) == UNAUTHORIZED
    assert reasons(door) == {"door-key-ended"}


def test_asked_again_it_gives_a_new_token_and_voids_the_former(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    former = sdk.get_approved(world.owner, "dev-0001")
    operation = str(ProvisioningOperation.objects.get().key)
    newer = sdk.complete(operation).json()["registrationToken"]
    assert newer != former
    assert problem(sdk.register(former), 401) == UNAUTHORIZED
    assert sdk.register(newer).status_code == 200
    assert reasons(door) == {"registration-token-ended"}


def test_refreshing_voids_the_former(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    former = sdk.get_approved(world.owner, "dev-0001")
    assert sdk.register(former).status_code == 200
    refreshed = sdk.refresh(former)
    assert set(refreshed.json()) == {"registrationToken", "expirationTime"}
    newer = refreshed.json()["registrationToken"]
    make_older()
    assert problem(sdk.register(former), 401) == UNAUTHORIZED
    assert sdk.register(newer).status_code == 200
    problem(sdk.refresh(former), 400)  # its successor was used: the answer with it was not lost
    assert reasons(door) == {"registration-token-ended", "registration-token-other"}
    assert Device.objects.filter(own_id="dev-0001").count() == 1


def test_a_refresh_whose_answer_was_lost_is_asked_again(world: World) -> None:
    _, token = make_approval_door(world.version)
    sdk = Sdk(token)
    former = sdk.get_approved(world.owner, "dev-0001")
    lost = sdk.refresh(former).json()["registrationToken"]
    newer = sdk.refresh(former).json()["registrationToken"]
    assert problem(sdk.register(lost), 401) == UNAUTHORIZED
    assert sdk.register(newer).status_code == 200


def test_another_token_of_the_door_refreshes_nothing(world: World) -> None:
    door, token = make_approval_door(world.version)
    registration = Sdk(token).get_approved(world.owner, "dev-0001")
    other = Sdk(make_provisioning_token(door))
    problem(other.refresh(registration), 400)
    problem(other.refresh("x"), 400)
    assert problem(other.complete(str(ProvisioningOperation.objects.get().key)), 410) != CANCELLED
    assert Sdk(token).register(registration).status_code == 200


def test_a_registration_token_ends_by_itself(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    RegistrationToken.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert problem(sdk.register(registration), 401) == UNAUTHORIZED
    problem(sdk.refresh(registration), 400)
    assert reasons(door) == {"registration-token-expired", "registration-token-other"}


def test_a_registration_token_may_work_for_ever(world: World) -> None:
    _, token = make_approval_door(world.version, settings={"token_days": None})
    sdk = Sdk(token)
    started = sdk.init("dev-0001").json()["provisioningOperationId"]
    approve(started, world.owner)
    completed = sdk.complete(started).json()
    assert completed["expirationTime"] is None
    assert sdk.register(completed["registrationToken"]).json()["tokenRemainingLifetime"] is None


@pytest.mark.parametrize(
    ("span", "written"),
    [
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "1.02:03:04"),
        (timedelta(seconds=40), "00:00:40"),
        (timedelta(hours=23, minutes=59, seconds=59.9), "23:59:59"),
        (timedelta(days=90), "90.00:00:00"),
        (-timedelta(seconds=5), "00:00:00"),
    ],
)
def test_spans_are_written_as_dotnet_does(span: timedelta, written: str) -> None:
    assert write_span(span) == written


def test_revoking_a_registration_token_puts_the_device_out(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    answer = sdk.register(registration)
    device = Device.objects.get(own_id="dev-0001")
    assert registration_tokens.revoke(door=door, device=device, by=world.owner)
    assert not registration_tokens.revoke(door=door, device=device, by=world.owner)
    assert not works(answer)
    make_older()
    assert problem(sdk.register(registration), 401) == UNAUTHORIZED
    problem(sdk.refresh(registration), 400)
    acts = Event.objects.filter(kind="door-changed").values_list("data__act", flat=True)
    assert "registration token of dev-0001 revoked" in acts


def test_a_credential_that_somebody_revoked_does_not_come_back(world: World) -> None:
    _, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    sdk.register(registration)
    credentials.revoke_credential(credential=Credential.objects.get(), by=world.owner)
    make_older()
    assert problem(sdk.register(registration), 401) == UNAUTHORIZED
    problem(sdk.refresh(registration), 400)
    again = sdk.get_approved(world.owner, "dev-0001")  # somebody lets it in once more
    answer = sdk.register(again)
    assert answer.status_code == 200
    assert works(answer)
    assert Device.objects.filter(own_id="dev-0001").count() == DoorRegistration.objects.count() == 1


@pytest.mark.parametrize("how", ["token", "token of one whose credential ended", "credential"])
def test_whom_somebody_revoked_no_former_approval_lets_in(world: World, how: str) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    operation = str(ProvisioningOperation.objects.get().key)
    sdk.register(registration)
    device = Device.objects.get(own_id="dev-0001")
    waits = sdk.get_approved(world.owner, "dev-0001")  # once more, and not registered yet
    other = str(ProvisioningOperation.objects.exclude(key=operation).get().key)
    if how.startswith("token"):
        if how != "token":
            Credential.objects.update(revoked_at=Now())
        assert registration_tokens.revoke(door=door, device=device, by=world.owner)
    else:
        credentials.revoke_credential(credential=Credential.objects.live().get(), by=world.owner)
    make_older()
    assert problem(sdk.complete(operation), 410) == EXPIRED
    assert problem(sdk.complete(other), 410) == (CANCELLED if how.startswith("token") else EXPIRED)
    assert problem(sdk.register(waits), 401) == UNAUTHORIZED
    assert not Credential.objects.live().exists()
    assert sdk.register(sdk.get_approved(world.owner, "dev-0001")).status_code == 200


@pytest.mark.parametrize("is_known", [False, True])
def test_the_replaced_one_does_not_put_its_replacement_out(world: World, is_known: bool) -> None:
    _, token = make_approval_door(world.version)
    former, newer = Sdk(token), Sdk(token)
    if is_known:
        newer.register(newer.get_approved(world.owner, "dev-0001"))
    started = [each.init("dev-0001").json()["provisioningOperationId"] for each in (former, newer)]
    for each in started:
        approve(each, world.owner)
        make_older()
    fetched = former.complete(started[0]).json()["registrationToken"]
    registration = newer.complete(started[1]).json()["registrationToken"]
    assert newer.register(registration).status_code == 200
    assert problem(former.complete(started[0]), 410) == EXPIRED
    make_older()
    assert former.register(fetched).status_code >= 400
    assert newer.register(registration).status_code == 200


# Registering again -----------------------------------------------------------------------------


def test_a_device_registers_again_with_its_token_and_the_last_credential_counts(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    first = sdk.register(registration)
    too_soon = sdk.register(registration)
    assert problem(too_soon, 429).endswith("door-too-soon")
    assert too_soon["Retry-After"] == "30"
    make_older()
    second = sdk.register(registration)
    assert second.status_code == 200
    assert works(first)  # until the second is used
    assert works(second)
    assert Device.objects.filter(own_id="dev-0001").count() == 1
    assert Door.objects.get().made == 1
    assert reasons(door) == {"door-too-soon"}
    attempt = RefusedAttempt.objects.get()
    assert (attempt.device.own_id, attempt.reason, attempt.door) == ("dev-0001", "door-too-soon", "approval")


def test_one_that_never_gets_to_connect_waits_longer_each_time(world: World, django_assert_num_queries: Any) -> None:
    """The SDK asks for the next credential each five seconds as long as the broker refuses it."""
    _, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    waits = []
    for _ in range(8):
        assert sdk.register(registration).status_code == 200
        waits.append(int(sdk.register(registration)["Retry-After"]))
        with django_assert_num_queries(0):
            assert sdk.register(registration)["Retry-After"] == str(waits[-1])
        make_older(timedelta(seconds=waits[-1] + 1))
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    last = sdk.register(registration).json()["connectionString"].rpartition("=")[2].split(".")
    found = credentials.find_credential(access_key=last[1], access_secret=last[2])
    assert found is not None
    standing.note_use(found)  # connected: it is as any other again
    assert sdk.register(registration)["Retry-After"] == "30"


def test_a_device_that_never_connects_is_not_locked_out(world: World) -> None:
    _, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    for _ in range(credentials.MAX_LIVE + 2):
        answer = sdk.register(registration)
        assert answer.status_code == 200, answer.content
        make_older(timedelta(hours=2))
    assert works(answer)


def test_a_credential_ends_a_little_after_its_device_is_told(world: World) -> None:
    _, token = make_approval_door(world.version, settings={"credential_days": 2})
    sdk = Sdk(token)
    answer = sdk.register(sdk.get_approved(world.owner, "dev-0001"))
    told = datetime.fromisoformat(answer.json()["connectionStringExpiration"])
    kept = Credential.objects.get()
    assert kept.expires_at is not None
    assert kept.expires_at - told == timedelta(minutes=10)
    assert abs(told - kept.created_at - timedelta(days=2)) < timedelta(seconds=5)  # since it asked


def test_what_came_by_it_stays_when_door_and_token_end(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    sdk.register(registration)
    Door.objects.update(ended_at=Now())
    DoorKey.objects.update(ended_at=Now())
    make_older()
    assert sdk.register(registration).status_code == 200
    newer = sdk.refresh(registration).json()["registrationToken"]
    make_older()
    assert sdk.register(newer).status_code == 200
    assert problem(sdk.init("dev-0002"), 401) == UNAUTHORIZED
    assert reasons(door) == {"door-ended"}


def test_a_locked_device_asks_again(world: World) -> None:
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    registration = sdk.get_approved(world.owner, "dev-0001")
    sdk.register(registration)
    locks.lock_devices([Device.objects.get(own_id="dev-0001")], by=world.owner)
    make_older()
    problem(sdk.register(registration), 423)
    assert reasons(door) == {"door-device-barred"}


def test_a_device_whose_id_came_to_be_meanwhile_needs_somebody_who_knows(world: World) -> None:
    """Two were approved under one ID: the second approver has not seen that it is there by now."""
    door, token = make_approval_door(world.version)
    sdk = Sdk(token)
    one, two = (sdk.get_approved(world.owner, "dev-0001") for _ in range(2))
    assert sdk.register(one).status_code == 200
    problem(sdk.register(two), 409)
    assert reasons(door) == {"door-already-registered"}
    assert Credential.objects.count() == 1
