"""Many devices at once at one door: one identity gets in once, and no more get in than there is room for."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from devices import batches
from devices.identity import serials
from devices.lifecycle import assignments
from devices.models import Credential, Device, Event
from lib.refusals import Refusal
from provisioning.doors import registration
from provisioning.doors.approval import decisions
from provisioning.models import Door, DoorKey, DoorRegistration, RegistrationToken, UsedToken
from tenants.models import User
from tests import builders
from tests.provisioning.doors.makers import Sdk, get_operation, make_approval_door, make_jwt_door, register, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devices.models import RecipeVersion

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 10


def register_at_once(identities: Sequence[str], token: str | None = None) -> Counter[str]:
    """Register all of them from several threads; return how often which answer came."""
    start = Barrier(AT_ONCE)

    def run(own: Sequence[str]) -> list[str]:
        start.wait()
        try:
            answers = [register(identity, token) for identity in own]
            return [answer.json().get("error", "made") for answer in answers]
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        parts = [identities[first::AT_ONCE] for first in range(AT_ONCE)]
        return Counter(answer for answers in threads.map(run, parts) for answer in answers)


@pytest.fixture
def version(transactional_db: None) -> RecipeVersion:
    return builders.make_recipe(builders.make_organisation("Kanarra"))


def test_one_of_fifty_gets_the_identity(version: RecipeVersion) -> None:
    make_jwt_door(version)
    answers = register_at_once([serials.generate()] * 50)
    assert answers == {"made": 1, "Device already registered.": 49}
    assert (Device.objects.count(), Credential.objects.count(), Event.objects.count()) == (1, 1, 1)
    assert Door.objects.get().made == DoorRegistration.objects.count() == 1


def test_one_of_fifty_takes_the_listed_device(version: RecipeVersion) -> None:
    make_jwt_door(version, admits="listed")
    waiting = builders.make_device(version)
    answers = register_at_once([waiting.serial] * 50)
    assert answers == {"made": 1, "Device already registered.": 49}
    assert Credential.objects.get().device == waiting


@pytest.mark.postgres
def test_a_listed_device_that_somebody_places_meanwhile_waits_for_that(version: RecipeVersion) -> None:
    """Who places it holds the group first and then the device, as everybody does."""
    group = builders.make_group(version.recipe.organisation.root, "Anaheim")
    make_jwt_door(version, admits="listed", group=group)
    first, waiting = (builders.make_device(version) for _ in range(2))
    assert register_at_once([first.serial]) == {"made": 1}
    answers: list[Counter[str]] = []
    thread = Thread(target=lambda: answers.append(register_at_once([waiting.serial])))
    with transaction.atomic():
        assert assignments.lock_leaves([group.pk])
        thread.start()
        thread.join(0.5)
        assert batches.hold([waiting.pk])
        assert not answers
    thread.join(10)
    assert answers == [{"made": 1}]
    assert Device.objects.get(pk=waiting.pk).group == group


@pytest.mark.parametrize("model", [Door, DoorKey])
def test_no_more_get_in_than_there_is_room_for(version: RecipeVersion, model: type[Door | DoorKey]) -> None:
    make_jwt_door(version)
    model.objects.update(cap=7)
    answers = register_at_once([serials.generate() for _ in range(30)])
    assert answers["made"] == Device.objects.count() == Door.objects.get().made == 7
    assert answers["Invalid registration token"] == 23


def test_a_token_for_one_use_lets_one_in(version: RecipeVersion) -> None:
    make_jwt_door(version, settings={"once": True})
    answers = register_at_once([serials.generate() for _ in range(30)], sign({"jti": "only"}))
    assert answers["made"] == Device.objects.count() == 1


def test_a_used_token_is_known_until_it_is_refused_for_its_age(version: RecipeVersion) -> None:
    make_jwt_door(version, settings={"once": True})
    now = int(time.time())
    claims = {"endless": {}, "lasting": {"exp": now + 3600}, "beyond the calendar": {"exp": 10**15}}
    for name, given in claims.items():
        assert register_at_once([serials.generate()], sign({"jti": name, **given}))["made"] == 1
    assert registration.clear_used_tokens() == 0
    lasting = UsedToken.objects.exclude(expires_at=None)
    assert lasting.get().expires_at == datetime.fromtimestamp(now + 3600, UTC)
    lasting.update(expires_at=Now() - registration.OVERDUE - timedelta(seconds=1))
    assert registration.clear_used_tokens() == 1
    for name in ("endless", "beyond the calendar"):
        assert register_at_once([serials.generate()], sign({"jti": name, **claims[name]}))["made"] == 0


def send_at_once(sends: Sequence[Callable[[], Any]]) -> Counter[int]:
    """Send all of them from as many threads; return how often which status came."""
    start = Barrier(len(sends))

    def run(send: Callable[[], Any]) -> int:
        start.wait()
        try:
            return int(send().status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(sends)) as threads:
        return Counter(threads.map(run, sends))


def test_one_of_fifty_registers_with_a_token(version: RecipeVersion) -> None:
    _, token = make_approval_door(version)
    sdk = Sdk(token)
    registration = sdk.get_approved(User.objects.get(), "dev-0001")
    assert send_at_once([lambda: sdk.register(registration)] * 25) == {200: 1, 429: 24}
    assert send_at_once([lambda: sdk.register(registration)] * 25) == {429: 25}
    assert (Device.objects.count(), Credential.objects.count()) == (1, 1)
    assert Event.objects.filter(kind="registered").count() == 1
    assert Door.objects.get().made == DoorRegistration.objects.count() == 1


def test_one_of_many_approvals_of_an_id_makes_the_device(version: RecipeVersion) -> None:
    _, token = make_approval_door(version)
    sdk, owner = Sdk(token), User.objects.get()
    tokens = [sdk.get_approved(owner, "dev-0001") for _ in range(AT_ONCE)]
    answers = send_at_once([partial(sdk.register, each) for each in tokens])
    assert answers == {200: 1, 409: AT_ONCE - 1}
    assert (Device.objects.count(), Credential.objects.count(), Door.objects.get().made) == (1, 1, 1)


def test_no_more_register_than_there_is_room_for(version: RecipeVersion) -> None:
    _, token = make_approval_door(version, cap=4)
    sdk, owner = Sdk(token), User.objects.get()
    tokens = [sdk.get_approved(owner, f"dev-{number:04}") for number in range(AT_ONCE)]
    answers = send_at_once([partial(sdk.register, each) for each in tokens])
    assert answers == {200: 4, 423: AT_ONCE - 4}
    assert Device.objects.count() == Door.objects.get().made == 4


def test_one_of_many_decides(version: RecipeVersion) -> None:
    _, token = make_approval_door(version)
    started, owner = Sdk(token).init("dev-0001").json()["provisioningOperationId"], User.objects.get()
    operation, start = get_operation(started), Barrier(AT_ONCE)

    def decide(number: int) -> bool:
        start.wait()
        try:
            if number % 2:
                return decisions.cancel_operation(operation=operation, by=owner)
            decisions.approve_operation(operation=operation, by=owner, name=f"Number {number}")
        except Refusal:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(AT_ONCE) as threads:
        won = Counter(threads.map(decide, range(AT_ONCE)))
    told = Event.objects.filter(kind__startswith="operation-").count()
    assert told == won[True]
    # Whoever approves wins once; somebody may take that back, once, as nothing registered yet.
    approved = Event.objects.filter(kind="operation-approved").count()
    assert (approved, told - approved) in {(1, 0), (0, 1), (1, 1)}


def test_one_token_is_left_of_many_refreshes(version: RecipeVersion) -> None:
    _, token = make_approval_door(version)
    sdk = Sdk(token)
    registration = sdk.get_approved(User.objects.get(), "dev-0001")
    sdk.register(registration)
    assert send_at_once([lambda: sdk.refresh(registration)] * AT_ONCE)[200] >= 1
    assert RegistrationToken.objects.standing().count() == 1
