"""Two people have the same form open: what one of them saves, the other's saving does not undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.urls import reverse

from devices.models import Device, DeviceModel
from provisioning.models import Door, Hook
from tenants.models import Group, Membership, Organisation
from tests.access.hooks import make_hook
from tests.page_form import PageForm
from tests.provisioning.doors.makers import make_jwt_door

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.django_db

Fields = dict[str, Any]


class Case(NamedTuple):
    """A form; what the first and the second to save change in it; and a field that both write."""

    row: Callable[[World], Any]
    page: str
    save: str
    first: Fields
    second: Fields
    both: str
    words: str
    """What the first one writes into it."""
    names: tuple[tuple[str, str], ...] = (("key", "key"),)
    """In the addresses, and of what of the row."""
    told: str = ""
    """How the first one's value is told, where that is not as it was written."""


def _organisation(world: World) -> Organisation:
    return Organisation.objects.get(pk=world.kanarra.pk)


def _door(world: World) -> Door:
    return Door.objects.first() or make_jwt_door(world.version, networks=["192.0.2.0/24"])


def _hook(world: World) -> Hook:
    return Hook.objects.first() or make_hook(world)


def _model(world: World) -> DeviceModel:
    first = DeviceModel.objects.filter(organisation=world.kanarra).order_by("pk").first()
    return first or DeviceModel.objects.create(organisation=world.kanarra, name="KG-2")


def _personal(world: World) -> Device:
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    return _device(world)


def _device(world: World) -> Device:
    return Device.objects.get(pk=world.placed.pk)


CASES = {
    "settings": Case(
        _organisation,
        "tenants:settings",
        "tenants:settings-save",
        {"presence": "claim-code", "personal_devices": "on", "kept_days": "90"},
        {"colour": "#ffd400"},
        "window_seconds",
        "600",
        (),
    ),
    "door": Case(
        _door,
        "provisioning:door-edit",
        "provisioning:door-change",
        {"networks": "198.51.100.0/24", "cap": "7", "own-expires": "on", "own-leeway": "5"},
        {"name": "Line 2"},
        "pattern",
        "KG2-*",
    ),
    "hook": Case(
        _hook,
        "provisioning:hook-edit",
        "provisioning:hook-change",
        {"url": "https://93.184.216.34/other", "tells": "everything"},
        {"position": "7"},
        "name",
        "Theirs",
    ),
    "device": Case(
        _device,
        "devices:edit",
        "devices:edit",
        {"description": "On\r\nthe roof", "tags": "site: roof\r\nfloor: 2"},
        {"name": "Roof unit"},
        "name",
        "Theirs",
        (("serial", "serial"),),
    ),
}
PK = (("pk", "pk"),)
CASES |= {
    "group": Case(
        lambda world: Group.objects.get(pk=world.boise.pk),
        "tenants:group",
        "tenants:group-rename",
        {"rename-name": "Boise West"},
        {},
        "rename-name",
        "Theirs",
        PK,
    ),
    "model": Case(
        _model,
        "devices:model",
        "devices:model-rename",
        {"name": "KG-2a"},
        {},
        "name",
        "Theirs",
        PK,
    ),
    "format": Case(
        _organisation,
        "devices:identity",
        "devices:identity-save",
        {"identity-prefix": "GW-"},
        {},
        "identity-prefix",
        "GW-",
        (),
    ),
    "role": Case(
        lambda world: Membership.objects.get(user=world.viewer),
        "tenants:person",
        "tenants:person-role",
        {"role": "20"},
        {},
        "role",
        "20",
        (("pk", "user_id"),),
        "Technician: registers devices here too",
    ),
    "person": Case(
        _personal,
        "devices:person",
        "devices:person",
        {"person": "technician@sadler.example"},
        {},
        "person",
        "technician@sadler.example",
        (("serial", "serial"),),
    ),
}
OTHER = {"settings": "700", "door": "KG3-*", "hook": "Mine", "device": "Mine", "group": "Mine", "model": "Mine"}
OTHER |= {"format": "HX-", "role": "30", "person": "viewer@sadler.example"}


class Tab:
    """Hold a form as a browser has it open."""

    def __init__(self, client: Client, world: World, case: Case) -> None:
        row = case.row(world)
        kwargs = {name: getattr(row, attribute) for name, attribute in case.names}
        self.client, self.save_url = client, reverse(case.save, kwargs=kwargs)
        page = client.get(reverse(case.page, kwargs=kwargs))
        self.fields = self._read(page.content)

    def _read(self, page: bytes) -> Fields:
        fields = PageForm(page, self.save_url).sent or PageForm(page).sent
        assert fields
        return dict(fields)

    def save(self, **typed: Any) -> Any:
        answer = self.client.post(self.save_url, {**self.fields, **typed})
        if answer.status_code == 422:
            self.fields = self._read(answer.content)
        return answer


def _read_row(case: Case, world: World) -> Fields:
    row = case.row(world)
    row.refresh_from_db()
    return {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _own(case: Case, world: World) -> Fields:
    return {name: value for name, value in _read_row(case, world).items() if name not in {"changed_at", "updated_at"}}


@pytest.mark.parametrize("name", CASES)
def test_what_somebody_else_saved_meanwhile_stays(client: Client, world: World, name: str) -> None:
    case = CASES[name]
    client.force_login(world.owner)
    mine, theirs = Tab(client, world, case), Tab(client, world, case)
    before = _own(case, world)
    assert theirs.save(**case.first).status_code == 302
    after_theirs = _own(case, world)
    assert mine.save(**case.second).status_code == 302
    after = _own(case, world)
    changed = {key for key in after if after[key] != after_theirs[key]}
    assert before != after_theirs
    assert changed == set(case.second)


@pytest.mark.parametrize("name", CASES)
def test_what_both_changed_is_refused_and_replaced_by_who_sends_again(client: Client, world: World, name: str) -> None:
    case = CASES[name]
    client.force_login(world.owner)
    mine, theirs = Tab(client, world, case), Tab(client, world, case)
    assert theirs.save(**{case.both: case.words}).status_code == 302
    kept = _own(case, world)
    answer = mine.save(**{case.both: OTHER[name]})
    assert answer.status_code == 422
    assert f"it is “{case.told or case.words}” now. Save again to put yours in its place" in answer.content.decode()
    assert _own(case, world) == kept
    assert mine.fields[case.both] == [OTHER[name]]
    assert mine.save().status_code == 302
    assert Tab(client, world, case).fields[case.both] == [OTHER[name]]


@pytest.mark.parametrize("name", CASES)
def test_what_both_wrote_alike_is_no_conflict(client: Client, world: World, name: str) -> None:
    case = CASES[name]
    client.force_login(world.owner)
    mine, theirs = Tab(client, world, case), Tab(client, world, case)
    assert theirs.save(**case.first).status_code == 302
    kept = _own(case, world)
    assert mine.save(**case.first).status_code == 302
    assert _own(case, world) == kept


def test_a_refused_form_shows_what_is_stored_now_and_what_was_typed(client: Client, world: World) -> None:
    case = CASES["settings"]
    client.force_login(world.owner)
    mine, theirs = Tab(client, world, case), Tab(client, world, case)
    theirs.save(personal_devices="on", kept_days="90")
    assert mine.save(window_seconds="7").status_code == 422
    assert (mine.fields["window_seconds"], mine.fields["kept_days"]) == (["7"], ["90"])
    assert mine.fields["personal_devices"] == ["on"]
    assert mine.save(window_seconds="700").status_code == 302
    assert (_organisation(world).window_seconds, _organisation(world).personal_devices) == (700, True)


@pytest.mark.parametrize("shown", ["", "{", "[1]", "null", "[" * 100_000, '{"name": 1, "colour": null}'])
def test_what_was_shown_may_be_unreadable(client: Client, world: World, shown: str) -> None:
    """Then each field counts as touched."""
    client.force_login(world.owner)
    tab = Tab(client, world, CASES["settings"])
    assert tab.save(shown=shown, window_seconds="700").status_code == 302
    assert _organisation(world).window_seconds == 700
