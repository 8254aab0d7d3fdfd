"""`manage.py demo_data`: the demo's world, the factory's file, and never into production."""

from __future__ import annotations

import csv
import stat
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command

from config.demo import activity, credentials_file, places
from config.demo import organisations as demo
from devices.credentials import operations as credentials
from devices.identity import serials
from devices.lifecycle import locks
from devices.models import Attribute, BulkAction, Credential, Device, Import, Recipe
from devices.recipes import operations as recipes
from firmware_sim.receiver import read_places
from tenants.models import AuditEntry, Group, Invitation, Organisation, Role, User

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path, settings: Settings) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path / "demo" / "devices.csv"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def account(email: str) -> User:
    return User.objects.get(email=email)


def test_makes_the_world_of_the_demo(file: Path) -> None:
    call_command("demo_data")
    names = Organisation.objects.order_by("pk").values_list("root__name", flat=True)
    assert list(names) == ["Kanarra", "Northlight Pumps"]
    owner, technician = account("admin@kanarra.example"), account("technician@sadler.example")
    tekton, other = account("admin@tekton.example"), account("admin@other.example")
    assert technician.check_password("demo-demo")
    assert technician.reach(Role.TECHNICIAN)
    assert not account("viewer@sadler.example").reach(Role.TECHNICIAN)
    counts = [Device.objects.visible_to(each).count() for each in (owner, technician, tekton, other)]
    assert counts == [24, 10, 3, 1]  # of the technician's group one is the viewer's alone
    assert {device.group for device in Device.objects.registrable_by(technician)} == {None}
    assert (
        Device.objects.registrable_by(technician).count() == 10
    )  # of which one is locked, one expired, two on the shelf
    statuses = [device.status for device in Device.objects.visible_to(owner).with_status()]
    assert sorted(statuses) == ["expired", "locked", *["never"] * 22]


def test_reports_are_left_to_the_devices(file: Path) -> None:
    call_command("demo_data")
    device = Device.objects.get(name="KP001")
    assert not device.reports.exists()
    assert {attribute.name for attribute in device.version.attributes.all()} >= {"rpm", "fuelLevel", "registerButton"}


def test_each_gateway_stands_in_its_hospitals_town(file: Path) -> None:
    """In the form that the simulator reads, near enough, and where it stood before."""
    call_command("demo_data", fleet=3)
    found = read_places(file.parent / places.FILE)
    towns = {
        **demo.list_homes(),
        **{device.serial: str(device.group) for device in Device.objects.filter(name__startswith="Load")},
    }
    assert set(found) == {serial for serial, town in towns.items() if town}
    for serial, place in found.items():
        latitude, longitude = places.PLACES[towns[serial]]
        assert abs(place.latitude - latitude) <= places.AROUND
        assert abs(place.longitude - longitude) <= places.AROUND
    assert set(Group.objects.filter(numchild=0, archived_at=None).values_list("name", flat=True)) == set(places.PLACES)
    Device.objects.filter(name="KP001").update(group=Group.objects.get(name="Cascade General"))
    call_command("demo_data", fleet=3)
    assert read_places(file.parent / places.FILE) == found


def test_gateways_of_an_earlier_demo_report_no_position(file: Path) -> None:
    call_command("demo_data")
    Attribute.objects.filter(name="position", version__recipe__name="Generator gateway").delete()
    devices = demo.load_organisations()
    assert places.renew_places(file.parent / places.FILE, devices, demo.list_homes()) == 12
    assert list(read_places(file.parent / places.FILE)) == demo.NORTHLIGHT.serials


def test_a_database_from_before_gets_what_is_new_once(file: Path) -> None:
    call_command("demo_data")
    sensors = Recipe.objects.get(name="Fuel tank sensor")
    assert (sensors.current.number, sensors.current.credential_kind) == (2, "access-key")
    speeds = Attribute.objects.filter(version__recipe__organisation__slug="kanarra", name="rpm")
    assert [speed.maximum for speed in speeds] == [1950, 1950]
    sensors.versions.all().delete()
    sensors.delete()
    for _ in range(2):
        call_command("demo_data")
        assert Recipe.objects.get(name="Fuel tank sensor").versions.count() == 2
    Recipe.objects.filter(name="Fuel tank sensor").update(name="Mine")
    call_command("demo_data")
    assert Recipe.objects.count() == 4


def test_an_admin_was_at_work_once(file: Path) -> None:
    call_command("demo_data")
    done = Import.objects.get()
    assert (done.state, done.made, done.refused) == (Import.State.DONE, 6, 2)
    assert set(BulkAction.objects.values_list("state", "kind")) == {(BulkAction.State.DONE, BulkAction.Kind.TAG)}
    assert Device.objects.filter(tags__contract="full service").count() == 3
    assert Group.objects.exclude(archived_at=None).get().name == "Closed clinic"
    assert Invitation.objects.waiting().get().email == "new.colleague@sadler.example"
    Group.objects.filter(name="Sadler-Isberg").update(name="Mine")
    before = AuditEntry.objects.count()
    call_command("demo_data")
    assert (Import.objects.count(), BulkAction.objects.count(), AuditEntry.objects.count()) == (1, 2, before)


def test_broken_off_it_is_made_whole_the_next_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    steps = [(demo, "_make_barred"), (recipes, "change"), (activity, "_invite"), (credentials_file, "_write_rows")]
    for module, step in steps:  # the last one of each that is to be whole
        with monkeypatch.context() as patched:
            patched.setattr(module, step, killed)
            with pytest.raises(KeyboardInterrupt):
                call_command("demo_data")
    test_makes_the_world_of_the_demo(file)
    test_an_admin_was_at_work_once(file)
    test_every_row_of_the_factorys_file_opens_its_device(file)
    assert Recipe.objects.get(name="Fuel tank sensor").current.number == 2


def test_every_row_of_the_factorys_file_opens_its_device(file: Path) -> None:
    call_command("demo_data")
    for row in rows(file):
        device = credentials.authenticate_device(access_key=row["access_key"], access_secret=row["access_secret"])
        assert device is not None
        assert (device.serial, device.device_id) == (row["serial"], row["device_id"])
        assert serials.is_valid(row["serial"])
    assert [row["serial"] for row in rows(file)][-2:] == demo.list_spares()
    assert Device.objects.filter(serial__in=demo.list_spares(), name__startswith="Spare").count() == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_second_time_changes_nothing(file: Path) -> None:
    call_command("demo_data")
    before = file.read_bytes(), Device.objects.count(), Credential.objects.count()
    call_command("demo_data")
    assert (file.read_bytes(), Device.objects.count(), Credential.objects.count()) == before


def test_what_a_visitor_locked_keeps_its_credential(file: Path) -> None:
    call_command("demo_data")
    before = file.read_bytes()
    locks.lock_devices([Device.objects.get(name="KP001")], by=account("admin@kanarra.example"))
    call_command("demo_data")
    assert file.read_bytes() == before


def test_what_a_visitor_changed_stays(file: Path) -> None:
    call_command("demo_data")
    Device.objects.filter(name="KP001").update(name="Mine")
    call_command("demo_data")
    assert Device.objects.filter(name="Mine").exists()
    assert not Device.objects.filter(name="KP001").exists()


def test_a_lost_file_is_made_again_and_the_lost_credentials_revoked(file: Path) -> None:
    call_command("demo_data")
    lost = rows(file)
    file.unlink()
    call_command("demo_data")
    for row in lost:
        assert credentials.authenticate_device(access_key=row["access_key"], access_secret=row["access_secret"]) is None
    assert Credential.objects.filter(revoked_at=None, device__source=None).count() == len(rows(file)) == len(lost)


def test_a_fleet_is_registered_and_placed_before_the_spares(file: Path) -> None:
    call_command("demo_data", fleet=7)
    call_command("demo_data", fleet=7)
    fleet = Device.objects.filter(name__startswith="Load")
    assert fleet.exclude(group=None).count() == 7
    assert len(rows(file)) == 15 + 7
    assert [row["serial"] for row in rows(file)][-2:] == demo.list_spares()


def test_the_password_is_the_environments(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("demo_data")
    monkeypatch.setenv("DEMO_PASSWORD", "another one")
    call_command("demo_data")
    assert account("viewer@sadler.example").check_password("another one")


def test_refuses_a_production_configuration(file: Path, settings: Settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="never in production"):
        call_command("demo_data")
    assert not User.objects.exists()
    assert not file.exists()


def test_the_sign_in_page_offers_the_accounts(file: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before they are made, and not where the password is somebody's own."""
    assert "demo-accounts" not in client.get("/accounts/login/").content.decode()
    call_command("demo_data")
    page = client.get("/accounts/login/?next=/register/").content.decode()
    assert "technician@sadler.example" in page
    assert "demo-accounts" not in client.get("/accounts/password/reset/").content.decode()
    sent = {"login": "technician@sadler.example", "password": "demo-demo", "next": "/register/"}
    assert client.post("/accounts/login/", sent)["Location"] == "/register/"
    client.logout()
    monkeypatch.setenv("DEMO_PASSWORD", "one of my own")
    assert "demo-accounts" not in client.get("/accounts/login/").content.decode()
