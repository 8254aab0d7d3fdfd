"""Whom a door lets in by what it says of time, number, place and identity: the first thing that is wrong is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioning.doors import refusals
from provisioning.doors.registration import LONGEST, check_policy, fits, has_pattern_of, is_within
from provisioning.models import Door, DoorKey
from tests.provisioning.doors.makers import make_jwt_door
from tests.refused import refused

if TYPE_CHECKING:
    from lib.refusals import Kind
    from tests.conftest import World


def make_door(state: str = "open", **fields: Any) -> Door:
    door = Door(**fields)
    door.state = state
    return door


def make_key(state: str = "open", **fields: Any) -> DoorKey:
    key = DoorKey(**fields)
    key.state = state
    return key


@pytest.mark.parametrize(
    ("door", "key", "kind"),
    [
        ("ended", "open", refusals.DOOR_ENDED),
        ("expired", "open", refusals.DOOR_EXPIRED),
        ("full", "open", refusals.DOOR_FULL),
        ("open", "ended", refusals.DOOR_KEY_ENDED),
        ("open", "expired", refusals.DOOR_KEY_EXPIRED),
        ("open", "full", refusals.DOOR_KEY_FULL),
        ("full", "ended", refusals.DOOR_FULL),
    ],
)
def test_a_door_or_key_that_is_shut_says_why(door: str, key: str, kind: Kind) -> None:
    with refused(kind):
        check_policy(make_door(door), "SN-1", key=make_key(key))


@pytest.mark.parametrize(("door", "key"), [("full", "open"), ("open", "full"), ("full", "full")])
def test_a_full_door_is_open_to_who_takes_no_place(door: str, key: str) -> None:
    check_policy(make_door(door), "SN-1", key=make_key(key), makes=False)


@pytest.mark.parametrize(("state", "kind"), [("ended", refusals.DOOR_ENDED), ("expired", refusals.DOOR_EXPIRED)])
def test_one_that_is_over_is_open_to_nobody(state: str, kind: Kind) -> None:
    with refused(kind):
        check_policy(make_door(state), makes=False)


@pytest.mark.parametrize(
    ("fields", "identity", "kind"),
    [
        ({}, "x" * LONGEST, None),
        ({}, "x" * (LONGEST + 1), refusals.DOOR_IDENTITY_UNFIT),
        ({"pattern": "KG2-*"}, "KG2-0001", None),
        ({"pattern": "KG2-*"}, "KG3-0001", refusals.DOOR_IDENTITY_OTHER),
        ({"pattern": "KG2-*"}, "", None),
        ({"networks": ["192.0.2.0/24"]}, "", refusals.DOOR_ADDRESS),
        ({"networks": ["192.0.2.0/24"], "pattern": "A*"}, "B", refusals.DOOR_ADDRESS),
    ],
)
def test_what_it_is_for_is_asked_of_an_identity(fields: dict[str, Any], identity: str, kind: Kind | None) -> None:
    if kind is None:
        check_policy(make_door(**fields), identity)
        return
    with refused(kind):
        check_policy(make_door(**fields), identity, address="198.51.100.7")


@pytest.mark.parametrize(("identity", "is_its_own"), [("SN-1", True), ("sn-1", False), ("SN-2", False), ("", True)])
def test_a_key_for_one_device_is_for_that_alone(identity: str, *, is_its_own: bool) -> None:
    key = make_key(identity="SN-1")
    if is_its_own:
        check_policy(make_door(), identity, key=key)
        return
    with refused(refusals.DOOR_IDENTITY_OTHER):
        check_policy(make_door(), identity, key=key)


@pytest.mark.parametrize(
    ("pattern", "identity", "fitting"),
    [
        ("", "anything", True),
        ("KG2-*", "kg2-17", True),
        ("kg2-*", "KG2-17", True),
        ("KG2-*", "KG2-", True),
        ("KG2-*", "XKG2-17", False),
        ("KG?-17", "KG2-17", True),
        ("KG?-17", "KG22-17", False),
        ("KG?-17", "KG-17", False),
        ("*17", "KG2-17", True),
        ("[K]*", "KG2-17", False),
        ("[K]*", "[K]G2", True),
        ("KG2", "KG2-17", False),
        ("*", "", True),
    ],
)
def test_a_pattern_has_two_signs_and_no_case(pattern: str, identity: str, *, fitting: bool) -> None:
    assert has_pattern_of(Door(pattern=pattern), identity) is fitting


@pytest.mark.parametrize(
    ("address", "networks", "inside"),
    [
        ("192.0.2.7", ["192.0.2.0/24"], True),
        ("192.0.3.7", ["192.0.2.0/24"], False),
        ("192.0.3.7", ["192.0.2.0/24", "192.0.3.7/32"], True),
        ("::ffff:192.0.2.7", ["192.0.2.0/24"], True),
        ("2001:db8::7", ["2001:db8::/32"], True),
        ("2001:db9::7", ["2001:db8::/32"], False),
        ("2001:db8::7", ["0.0.0.0/0"], False),
        (None, ["0.0.0.0/0", "::/0"], False),
        ("", ["0.0.0.0/0"], False),
        ("unix:", ["0.0.0.0/0"], False),
        ("192.0.2.7", [], False),
    ],
)
def test_where_an_address_is(address: str | None, networks: list[str], *, inside: bool) -> None:
    assert is_within(address, networks) is inside


def test_a_door_without_networks_is_open_from_everywhere() -> None:
    check_policy(make_door(), "SN-1", address=None)
    check_policy(make_door(networks=["::/0"]), "SN-1", address="2001:db8::7")


def test_an_identity_fits_a_door_by_its_pattern_and_by_having_letters_or_digits(world: World) -> None:
    door = make_jwt_door(world.version, pattern="KG*")
    assert [fits(door, identity) for identity in ("KG2-17", world.waiting.serial, "---", "")] == [
        True,
        False,
        False,
        False,
    ]
    assert fits(make_jwt_door(world.version, name="Any"), world.waiting.serial)
