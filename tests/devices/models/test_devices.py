"""A device's status, who sees it, who may register it, and what the database itself refuses of its row."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from devices.models import Assignment, Connection, Device, DeviceModel, new_device_id
from tenants.models import Group, Organisation, Role, User
from tests import builders

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

Status = Device.Status
HOUR = timedelta(hours=1)


def ago(**span: float) -> Any:
    return Now() - timedelta(**span)


# The row, when it was heard (as a connection has it, or not at all) -> its status, and whether it may connect.
STATES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, str, bool]] = {
    "added": ({}, None, Status.NEVER, True),
    "added, its window open": ({"expires_at": ago(hours=-1)}, None, Status.NEVER, True),
    "added, its window over": ({"expires_at": Now()}, None, Status.EXPIRED, False),
    "activated in time": ({"expires_at": ago(hours=1), "activated_at": ago(hours=2)}, None, Status.NEVER, True),
    "heard just now": ({}, {"last_seen_at": Now()}, Status.ONLINE, True),
    "heard a little less than long ago": ({}, {"last_seen_at": ago(seconds=50)}, Status.ONLINE, True),
    "heard as long ago as counts": ({}, {"last_seen_at": ago(seconds=60)}, Status.OFFLINE, True),
    "left": ({}, {"last_seen_at": ago(seconds=9), "disconnected_at": ago(seconds=5)}, Status.OFFLINE, True),
    "left as it was heard": ({}, {"last_seen_at": ago(seconds=9), "disconnected_at": ago(seconds=9)}, "offline", True),
    "came back": ({}, {"last_seen_at": ago(seconds=5), "disconnected_at": ago(seconds=9)}, Status.ONLINE, True),
    "locked while it is heard": ({"locked_at": Now()}, {"last_seen_at": Now()}, Status.LOCKED, False),
    "locked and expired": ({"locked_at": Now(), "expires_at": Now()}, None, Status.LOCKED, False),
    "retired and locked": ({"retired_at": Now(), "locked_at": Now()}, None, Status.RETIRED, False),
    "retired while it is heard": ({"retired_at": Now()}, {"last_seen_at": Now()}, Status.RETIRED, False),
}


@pytest.mark.parametrize("state", STATES)
def test_a_device_has_one_status_by_the_databases_clock(world: World, settings: Settings, state: str) -> None:
    settings.ONLINE_SECONDS = 60
    row, heard, status, may = STATES[state]
    devices = Device.objects.filter(pk=world.placed.pk)
    devices.update(**{"expires_at": None, "activated_at": None} | row)
    if heard:
        Connection.objects.create(device=world.placed, **heard)
    assert devices.with_status().get().status == status
    assert [each for each in Status.values if devices.in_status(each).exists()] == [status]
    assert devices.with_admitted().get().admitted is may
    assert devices.filter(Device.may_connect()).exists() is may


@pytest.mark.parametrize(("until", "is_out"), [(None, False), (ago(seconds=1), False), (ago(hours=-1), True)])
def test_who_sent_too_much_is_shut_out_until_its_time_is_over(world: World, until: Any, is_out: bool) -> None:
    Connection.objects.create(device=world.placed, last_seen_at=timezone.now())
    Connection.objects.update(limited_until=until)
    assert Device.objects.with_status().get(pk=world.placed.pk).shut_out is is_out
    assert not Device.objects.with_status().get(pk=world.foreign.pk).shut_out


SEEN = {
    "owner": ({"waiting", "placed", "foreign"}, {"waiting", "placed", "foreign"}, {"waiting"}),
    "admin": ({"placed"}, {"placed"}, {"waiting"}),
    "technician": ({"placed"}, set(), {"waiting"}),
    "viewer": ({"placed"}, set(), set()),
    "sibling": ({"foreign"}, set(), {"waiting"}),
    "stranger": ({"alien"}, {"alien"}, set()),
}
NAMES = ("waiting", "placed", "foreign", "alien")


def names(world: World, rows: Any) -> set[str]:
    keys = set(rows.values_list("pk", flat=True))
    return {name for name in NAMES if getattr(world, name).pk in keys}


@pytest.mark.parametrize("who", SEEN)
def test_who_sees_manages_and_may_register_which(world: World, who: str) -> None:
    user = User.objects.get(pk=getattr(world, who).pk)
    sees, manages, registers = SEEN[who]
    assert names(world, Device.objects.visible_to(user)) == sees
    assert names(world, Device.objects.manageable_by(user)) == manages
    assert names(world, Device.objects.registrable_by(user)) == registers


def test_where_an_organisation_allows_it_placed_ones_are_registered_anew(world: World) -> None:
    Organisation.objects.filter(pk=world.kanarra.pk).update(allow_reprovisioning=True)
    for who in ("owner", "technician", "sibling"):
        user = User.objects.get(pk=getattr(world, who).pk)
        assert names(world, Device.objects.registrable_by(user)) == {"waiting", "placed", "foreign"}
    assert names(world, Device.objects.registrable_by(world.stranger)) == set()


def test_whoever_is_nobody_sees_and_registers_nothing(world: World) -> None:
    left = builders.make_user("left@kanarra.example", world.anaheim, Role.TECHNICIAN)
    left.memberships.all().delete()
    for user in (AnonymousUser(), User.objects.get(pk=left.pk)):
        for scope in (Device.objects.visible_to, Device.objects.manageable_by, Device.objects.registrable_by):
            assert not scope(user).exists()


class TestPersonal:
    @pytest.fixture(autouse=True)
    def _own(self, world: World) -> None:
        Device.objects.filter(pk=world.placed.pk).update(person=world.viewer)

    @pytest.mark.parametrize(
        ("who", "sees", "hidden"),
        [
            ("owner", True, False),
            ("admin", True, False),
            ("viewer", True, False),
            ("technician", False, True),
            ("sibling", False, False),
            ("stranger", False, False),
        ],
    )
    def test_is_hidden_from_the_groups_others(self, world: World, who: str, sees: bool, hidden: bool) -> None:
        user = User.objects.get(pk=getattr(world, who).pk)
        assert Device.objects.visible_to(user).filter(pk=world.placed.pk).exists() is sees
        assert Device.objects.hidden_from(user).filter(pk=world.placed.pk).exists() is hidden

    def test_an_admin_elsewhere_is_one_of_the_others_here(self, world: World) -> None:
        both = builders.make_user("both@kanarra.example", world.tekton, Role.ADMIN)
        both.memberships.create(group=world.region, role=Role.VIEWER)
        user = User.objects.get(pk=both.pk)
        assert names(world, Device.objects.visible_to(user)) == {"foreign"}
        assert names(world, Device.objects.hidden_from(user)) == {"placed"}
        groups = Group.objects.visible_to(user)
        assert names(world, Device.objects.within_groups(user, groups)) == {"foreign"}


def test_within_groups_are_those_of_the_organisation_alone(world: World) -> None:
    owner = User.objects.get(pk=world.owner.pk)
    every = Group.objects.all()
    assert names(world, Device.objects.within_groups(owner, every)) == {"placed", "foreign"}
    assert names(world, Device.objects.within_groups(owner, every.filter(pk=world.boise.pk))) == {"foreign"}
    assert names(world, Device.objects.within_groups(owner, every.none())) == set()


def test_a_serial_is_kept_as_it_was_added_in_its_own_writing_and_folded(world: World) -> None:
    device = Device(organisation=world.kanarra, version=world.version, serial=" oil-7 b ", name="x")
    device.save()
    assert (device.serial, device.serial_key) == ("OIL7B", "0117B")
    device.serial = "other-1"
    device.save(update_fields=["serial"])
    device.refresh_from_db()
    assert (device.serial, device.serial_key) == ("other-1", "0117B")  # only what is new is brought into form


REFUSED: dict[str, Any] = {
    "the serial of another, in look-alikes": lambda world: Device.objects.filter(pk=world.waiting.pk).update(
        serial_key=world.placed.serial_key
    ),
    "the device id of another": lambda world: Device.objects.filter(pk=world.waiting.pk).update(
        device_id=world.placed.device_id
    ),
    "an id of its own that another has": lambda world: Device.objects.filter(
        pk__in=[world.waiting.pk, world.placed.pk]
    ).update(own_id="urn:1"),
    "a group without an assignment": lambda world: Device.objects.filter(pk=world.waiting.pk).update(
        group=world.anaheim
    ),
    "an assignment without a group": lambda world: Device.objects.filter(pk=world.placed.pk).update(group=None),
    "an assignment that another has": lambda world: Device.objects.filter(pk=world.foreign.pk).update(
        assignment=world.placed.assignment
    ),
    "two open assignments": lambda world: Assignment.objects.create(device=world.placed, group=world.boise),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_database_itself_refuses(world: World, what: str) -> None:
    world.placed.refresh_from_db()
    with pytest.raises(IntegrityError), transaction.atomic():
        REFUSED[what](world)


def test_two_organisations_may_have_one_serial_and_ids_of_ones_own(world: World) -> None:
    Device.objects.filter(pk=world.alien.pk).update(serial_key=world.placed.serial_key, own_id="urn:1")
    assert Device.objects.filter(pk=world.placed.pk).update(own_id="urn:1") == 1
    Assignment.objects.create(device=world.placed, group=world.boise, closed_at=timezone.now())


@pytest.mark.parametrize("field", ["serial", "version", "model"])
def test_what_is_anothers_is_told_beside_its_field(world: World, field: str) -> None:
    world.placed.clean()
    alien = DeviceModel.objects.get(organisation=world.other)
    setattr(world.placed, field, {"serial": "n-e-w", "version": world.other_version, "model": alien}[field])
    with pytest.raises(ValidationError) as caught:
        world.placed.clean()
    assert list(caught.value.message_dict) == [field]


def test_what_was_before_the_assignment_is_the_former_tenants(world: World) -> None:
    opened = Assignment.objects.get(device=world.placed).opened_at
    device = Device.objects.select_related("assignment").get(pk=world.placed.pk)
    assert device.since_assigned(opened) == opened
    assert device.since_assigned(opened - timedelta(microseconds=1)) is None
    assert device.since_assigned(None) is None
    assert device.last_seen_at is None
    for device, before in ((world.placed, None), (world.waiting, opened - HOUR)):
        Connection.objects.create(device=device, last_seen_at=opened - HOUR)
        assert Device.objects.get(pk=device.pk).last_seen_at == before
    Connection.objects.update(last_seen_at=opened + HOUR)
    assert Device.objects.get(pk=world.placed.pk).last_seen_at == opened + HOUR


def test_device_ids_are_24_hex_digits_and_differ() -> None:
    made = {new_device_id() for _ in range(200)}
    assert len(made) == 200
    assert all(len(each) == 24 and set(each) <= set("0123456789abcdef") for each in made)


def test_addresses_and_topics_name_serial_and_device_id() -> None:
    device = Device(serial="TMRY5AVJ28N5", device_id="5" * 24, name="Pump")
    assert (str(device), device.serial_grouped) == ("Pump", "TMRY 5AVJ 28N5")
    assert device.get_absolute_url() == "/devices/TMRY5AVJ28N5/"
    assert device.state_topic == f"devices/{'5' * 24}/state"
