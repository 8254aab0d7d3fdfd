"""What the device list can be narrowed by, each to its edge, and what is not understood."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from devices.inventory.filters import DeviceFilter
from devices.models import Attention, Device, DeviceModel, Import
from tenants.models import User
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World

NAMES = ("waiting", "placed", "foreign", "alien")


def build(world: World, who: str = "owner", **query: Any) -> DeviceFilter:
    user = User.objects.get(pk=getattr(world, who).pk)
    return DeviceFilter({name: str(value) for name, value in query.items()}, user=user)


def found(world: World, who: str = "owner", **query: Any) -> set[str]:
    user = User.objects.get(pk=getattr(world, who).pk)
    keys = set(build(world, who, **query).apply(Device.objects.visible_to(user)).values_list("pk", flat=True))
    return {name for name in NAMES if getattr(world, name).pk in keys}


def causes(form: DeviceFilter) -> dict[str, list[str]]:
    return {} if form.is_valid() else {name: [*map(str, texts)] for name, texts in form.errors.items()}


ALL = {"waiting", "placed", "foreign"}


@pytest.mark.parametrize(
    ("since", "until", "names"),
    [
        ("2026-03-01", "", {"placed", "foreign"}),
        ("2026-03-02", "", {"foreign"}),
        ("", "2026-03-01", {"waiting", "placed"}),
        ("", "2026-02-28", {"waiting"}),
        ("2026-03-01", "2026-03-01", {"placed"}),
        ("2026-03-03", "", set()),
    ],
)
def test_days_are_whole_and_in_utc(world: World, since: str, until: str, names: set[str]) -> None:
    times = {
        "waiting": datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
        "placed": datetime(2026, 3, 1, tzinfo=UTC),
        "foreign": datetime(2026, 3, 2, tzinfo=UTC),
    }
    for name, at in times.items():
        Device.objects.filter(pk=getattr(world, name).pk).update(registered_at=at)
    assert found(world, since=since, until=until) == names


@pytest.mark.parametrize(
    ("query", "field", "cause"),
    [
        ({"since": "01/02/2026"}, "since", "Send a day as 2026-01-31: year, month, day."),
        ({"until": "2026-02-30"}, "until", "Send a day as 2026-01-31: year, month, day."),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "until", "This day is before the first one."),
        ({"waiting": "yes"}, "waiting", "Send true or false."),
        ({"waiting": "2"}, "waiting", "Send true or false."),
        ({"status": "gone"}, "status", "There is no such status. There are: attention, online, offline, never, "),
        ({"order": "size"}, "order", "There is no such order. There are: name, attention, id."),
        ({"model": "x"}, "model", "There is no such model. Send its id."),
        ({"model": 2**70}, "model", "There is no such model. Send its id."),
        ({"recipe": 0}, "recipe", "There is no such recipe. Send its id."),
        ({"import": "x"}, "import", "There is no such import. Send its key."),
        ({"import": uuid.UUID(int=77)}, "import", "There is no such import. Send its key."),
        ({"tag": "=roof"}, "tag", "There is no name. Write site, or site=Anaheim."),
        ({"q": "x" * 121}, "q", "at most 120"),
    ],
    ids=str,
)
def test_what_is_not_understood_is_told_and_finds_nothing(
    world: World, query: dict[str, Any], field: str, cause: str
) -> None:
    told = causes(build(world, **query))
    assert list(told) == [field]
    assert cause in told[field][0]
    assert found(world, **query) == set()


@pytest.mark.parametrize(
    ("waiting", "names"),
    [("true", {"waiting"}), ("True", {"waiting"}), ("1", {"waiting"}), ("false", ALL), ("", ALL)],
)
def test_waiting_is_a_yes_or_a_no(world: World, waiting: str, names: set[str]) -> None:
    assert found(world, waiting=waiting) == names


def test_the_retired_are_found_where_they_are_asked_for(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(retired_at=timezone.now())
    assert found(world) == {"waiting", "foreign"}
    assert found(world, status="retired") == {"placed"}
    assert found(world, q=world.placed.serial) == set()


def test_what_needs_attention_is_a_status_beside_the_others(world: World) -> None:
    for device in (world.placed, world.foreign, world.alien):
        device.refresh_from_db()
        facts = {"organisation_id": device.organisation_id, "assignment_id": device.assignment_id}
        Attention.objects.create(device=device, cause="silent", **facts)
    assert found(world, status="attention") == {"placed", "foreign"}
    assert found(world, "viewer", status="attention") == {"placed"}
    assert found(world, status="attention", q="anaheim") == {"placed"}
    Device.objects.filter(pk=world.placed.pk).update(retired_at=timezone.now())
    assert found(world, status="attention") == {"foreign"}


def test_others_recipes_imports_and_models_are_as_unknown_as_none(world: World) -> None:
    importing = Import.objects.create(organisation=world.kanarra, by=world.owner, version=world.version)
    Device.objects.filter(pk=world.waiting.pk).update(source=importing)
    made_by: dict[str, Any] = {"import": importing.key}
    mine = {"recipe": world.version.recipe_id} | made_by
    assert found(world, recipe=mine["recipe"]) == ALL
    assert found(world, **made_by) == {"waiting"}
    for name, value in mine.items():
        for who in ("admin", "stranger"):
            assert causes(build(world, who, **{name: value})).keys() == {name}
    assert causes(build(world, model=world.other_version.model_id)).keys() == {"model"}
    assert found(world, "viewer", model=world.version.model_id) == {"placed"}


def test_a_retired_model_is_offered_while_a_device_has_it(world: World) -> None:
    DeviceModel.objects.update(retired_at=timezone.now())
    unused = DeviceModel.objects.create(organisation=world.kanarra, name="Unused", retired_at=timezone.now())
    field: Any = build(world).fields["model"]
    assert [label for _, label in field.widget.choices] == ["Any model", "KG-250"]
    assert found(world, model=world.version.model_id) == ALL
    assert causes(build(world, model=unused.pk)).keys() == {"model"}


@pytest.mark.parametrize(
    "text", ["001b44113ab7", "00:1B:44:11:3A:B7", "001b.4411.3ab7", "OO1B44113AB7", "00-1b-44-11-3a-b7"]
)
def test_an_address_is_found_in_whatever_writing(world: World, text: str) -> None:
    key = "00:1B:44:11:3A:B7"
    Device.objects.filter(pk=world.placed.pk).update(serial=key, serial_key=key)
    assert found(world, q=text) == {"placed"}


@pytest.mark.parametrize(
    ("query", "plain", "active"),
    [
        ({}, True, []),
        ({"waiting": "1"}, True, []),
        ({"waiting": "x"}, False, []),
        ({"after": "x", "before": ""}, True, []),
        ({"q": ""}, True, []),
        ({"q": "a"}, False, ["q"]),
        ({"order": "id"}, False, []),
        ({"tag": "a", "status": "online", "import": "x"}, False, ["status", "tag", "import"]),
        ({"group": "7", "page": "2"}, True, []),
    ],
    ids=str,
)
def test_what_narrows_the_list(world: World, query: dict[str, str], plain: bool, active: list[str]) -> None:
    form = build(world, **query)
    assert (form.is_plain, form.active) == (plain, active)


@pytest.mark.parametrize(("order", "used"), [("", "name"), ("id", "id"), ("attention", "attention"), ("x", "name")])
def test_the_order_is_by_name_unless_another_one_is_there(world: World, order: str, used: str) -> None:
    assert build(world, order=order).find_order() == used


def test_filters_go_together(world: World) -> None:
    other = builders.make_device(
        world.version, group=world.anaheim, by=world.owner, name="Anaheim Two", tags={"a": "1"}
    )
    assert found(world, q="anaheim", tag="a") == set()
    Device.objects.filter(pk=world.placed.pk).update(tags={"a": "1"})
    user = User.objects.get(pk=world.owner.pk)
    form = build(world, q="anaheim", tag="a=1", status="never", recipe=world.version.recipe_id)
    assert set(form.apply(Device.objects.visible_to(user))) == {other, world.placed}
