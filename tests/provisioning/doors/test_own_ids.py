"""IDs by which devices go are compared as they are written, beside serials, which compare look-alikes as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.identity import serials
from devices.models import Device
from devices.recipes.organisation_format import format_of
from provisioning.doors import own_ids, refusals
from tests import builders
from tests.provisioning.doors.makers import make_approval_door
from tests.refused import refused

if TYPE_CHECKING:
    from provisioning.models import Door
    from tests.conftest import World


@pytest.fixture
def door(world: World) -> Door:
    return make_approval_door(world.version)[0]


@pytest.mark.parametrize("own_id", ["ab-1", "A" * 90, "dev_01.2", "0000", "----"])
def test_what_an_id_may_be(own_id: str) -> None:
    assert own_ids.check_id(own_id) == own_id


@pytest.mark.parametrize(
    "own_id", ["", "abc", "A" * 91, "ab 1", "ab/1", "ab:1", "größe", "ab-1\n", "ab\0c", None, 1234, ["ab-1"]], ids=repr
)
def test_what_none_may_be(own_id: object) -> None:
    with refused(refusals.DOOR_ID_UNFIT) as caught:
        own_ids.check_id(own_id)
    assert caught.value.field == "id"


def test_ids_that_look_alike_are_several_devices(world: World) -> None:
    made = {own_id: builders.make_device(world.version) for own_id in ("ab-1", "AB-1", "AB1", "ABI")}
    for own_id, device in made.items():
        own_ids.write_own_id(device, own_id)
        assert device.own_id == own_id
    organisation = world.kanarra.pk
    assert {own_id: own_ids.find_own(organisation, own_id) for own_id in made} == made
    assert own_ids.find_own(organisation, "Ab-1") is None
    assert own_ids.find_own(organisation, "") is None
    assert own_ids.find_own(world.other.pk, "ab-1") is None


def test_a_device_goes_by_one_id_and_an_id_is_one_devices(world: World) -> None:
    own_ids.write_own_id(world.waiting, "ab-1")
    for device, own_id in ((world.placed, "ab-1"), (world.waiting, "cd-2")):
        with refused(refusals.DOOR_REGISTERED):
            own_ids.write_own_id(device, own_id)
    own_ids.write_own_id(world.alien, "ab-1")
    found = Device.objects.exclude(own_id="").values_list("pk", "own_id")
    assert set(found) == {(world.waiting.pk, "ab-1"), (world.alien.pk, "ab-1")}


def test_an_id_also_means_who_was_added_under_it_until_they_go_by_another(world: World, door: Door) -> None:
    serial = world.waiting.serial
    for written in (serial, serial.lower(), f"{serial[:4]}-{serial[4:]}"):
        assert own_ids.find_listed(door, written) == own_ids.find_claimed(door, written) == world.waiting
    own_ids.write_own_id(world.waiting, "ab-1")
    assert own_ids.find_listed(door, serial) is own_ids.find_claimed(door, serial) is None
    assert own_ids.find_claimed(door, "ab-1") == world.waiting
    assert own_ids.find_listed(door, world.alien.serial) is None
    assert own_ids.find_claimed(door, "") is own_ids.find_listed(door, "--") is None


def test_whose_id_it_is_counts_before_whose_serial_it_is(world: World, door: Door) -> None:
    own_ids.write_own_id(world.placed, world.waiting.serial)
    assert own_ids.find_claimed(door, world.waiting.serial) == world.placed
    assert own_ids.find_listed(door, world.waiting.serial) == world.waiting


def test_an_id_is_the_serial_where_the_format_takes_it_as_it_is_written(world: World) -> None:
    fitting = serials.generate()
    for own_id in (fitting, fitting.lower(), f"{fitting[:4]}-{fitting[4:]}"):
        assert own_ids.is_serial(world.version, own_id)
    for own_id in ("ab-1", "----", "x" * 90, fitting[:-1], f"SN:{fitting}"):
        assert not own_ids.is_serial(world.version, own_id)


def test_who_goes_by_an_id_that_is_no_serial_gets_one_of_the_format(world: World, door: Door) -> None:
    made = {own_ids.write_serial(door, world.version) for _ in range(5)}
    assert len(made) == 5
    for serial in made:
        assert own_ids.is_serial(world.version, serial)
        assert format_of(world.version).problem(serial) is None


def test_of_a_format_that_makes_none_a_serial_is_made_all_the_same(world: World, door: Door) -> None:
    version = builders.make_recipe(world.kanarra, "Anything", identity={"kind": "opaque"})
    serial = own_ids.write_serial(door, version)
    assert 4 < len(serials.canonical(serial)) <= serials.MAX_LENGTH
    assert not Device.objects.filter(serial_key=serials.fold(serial)).exists()


def test_where_all_serials_are_taken_it_is_refused(world: World, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_ids, "_is_free", lambda *_: False)
    with refused(refusals.DOOR_IDENTITY_UNFIT):
        own_ids.write_serial(door, world.version)
