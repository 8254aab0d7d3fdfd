"""Many devices at once at one door: one identity gets in once, and no more get in than there is room for."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from devices.identity import serials
from devices.models import Credential, Device, Event
from provisioning.models import Door, DoorKey, DoorRegistration
from tests import builders
from tests.provisioning.doors.makers import make_jwt_door, register, sign

if TYPE_CHECKING:
    from collections.abc import Sequence

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
