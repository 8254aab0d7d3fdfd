"""Which devices an admin means, whatever else the request says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.http import QueryDict

from devices.inventory import selection
from devices.inventory.selection import Selection
from devices.models import Device
from tenants.models import User
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World


def select(world: World, who: str = "owner", ticks: tuple[str, ...] = (), **data: Any) -> Selection:
    given = QueryDict(mutable=True)
    given.update(data)
    given.setlist("serial", list(ticks))
    return Selection(given, user=User.objects.get(pk=getattr(world, who).pk))


def meant(form: Selection) -> list[Device]:
    assert form.is_valid(), form.errors
    return list(form.devices().order_by("pk"))


def cause(form: Selection) -> str:
    assert not form.is_valid()
    return " ".join(str(text) for texts in form.errors.values() for text in texts)


def test_ticks_and_what_was_chosen_before_are_one_selection(world: World) -> None:
    typed = f" {world.placed.serial.lower()}  {world.placed.serial} "
    form = select(world, chosen=typed, ticks=(world.foreign.serial,))
    assert meant(form) == [world.placed, world.foreign]
    assert form.count_outside() == 0
    assert form.describe() == {"ticked": True}


def test_what_is_not_managed_or_not_there_is_counted_and_left(world: World) -> None:
    form = select(world, "admin", chosen=f"{world.placed.serial} {world.foreign.serial} {world.alien.serial} NONE")
    assert meant(form) == [world.placed]
    assert form.count_outside() == 3
    whole = select(world, "viewer", scope="all")
    assert (meant(whole), whole.count_outside()) == ([], 1)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "No device is selected. Tick some in the list, or select all that match."),
        ({"chosen": "  - "}, "No device is selected."),
        ({"scope": "all", "query": "status=gone"}, "These filters can't be understood any more."),
        ({"scope": "every"}, "every"),
        ({"chosen": "A B C"}, "More than 2 devices are ticked. Narrow the list with its filters"),
        ({"scope": "all", "left_out": "A B C"}, "More than 2 devices are ticked."),
        ({"scope": "all", "query": "q=" + "x" * 2000}, "at most 2000"),
    ],
    ids=str,
)
def test_what_can_not_be_meant_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, data: dict[str, Any], told: str
) -> None:
    monkeypatch.setattr(selection, "MOST", 2)
    assert told in cause(select(world, **data))


@pytest.mark.parametrize(
    ("query", "left_out", "names"),
    [
        ("", "", ["waiting", "placed", "foreign"]),
        ("?q=one", "", ["placed", "foreign"]),
        ("q=one&q=boise", "", ["foreign"]),  # the last one of a name, as the list takes it
        ("waiting=1", "", ["waiting"]),
        ("group={sadler}", "", ["placed"]),
        ("group={other}", "", []),
        ("group=x", "", []),
        ("group=0", "", []),
        ("", "{placed}", ["waiting", "foreign"]),
        ("q=one", "{placed} NONE", ["foreign"]),
    ],
)
def test_all_that_match_are_meant_less_those_left_out(
    world: World, query: str, left_out: str, names: list[str]
) -> None:
    known: dict[str, Any] = {"sadler": world.sadler.pk, "other": world.other_site.pk, "placed": world.placed.serial}
    form = select(world, scope="all", query=query.format(**known), left_out=left_out.format(**known))
    assert meant(form) == [getattr(world, name) for name in names]


def test_what_was_asked_for_is_logged_without_naming_serials(world: World) -> None:
    form = select(world, scope="all", query="?q=one&status=never", left_out="A B")
    assert form.is_valid()
    assert form.describe() == {"query": "q=one&status=never", "left_out": 2}


def test_the_next_page_is_told_the_same(world: World) -> None:
    form = select(world, chosen=world.placed.serial.lower(), ticks=(world.foreign.serial,))
    before = meant(form)
    told: dict[str, Any] = dict(form.list_values())
    assert meant(select(world, **told)) == before


def test_a_page_can_be_led_to_with_the_same_devices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def address(**data: Any) -> str:
        form = select(world, **data)
        assert form.is_valid(), form.errors
        return form.build_address()

    assert address(chosen="A1 B2") == "serials=A1%0AB2"
    assert address(scope="all", query="?q=one&group=7") == "q=one&group=7"
    assert address(scope="all") == "all=1"
    assert address(scope="all", left_out="A1") == ""
    monkeypatch.setattr(selection, "ADDRESSED", 1)
    assert address(chosen="A1") == "serials=A1"
    assert address(chosen="A1 B2") == ""


def test_a_device_that_comes_meanwhile_is_meant_too_where_all_are(world: World) -> None:
    form = select(world, scope="all", query="q=later")
    assert meant(form) == []
    made = builders.make_device(world.version, name="A later one")
    assert meant(form) == [made]
