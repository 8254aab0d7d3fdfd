"""Event rows have one writer, which writes what each kind declares and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction

from devices import events
from devices.events import Fact
from devices.models import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import World

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("lib", "tenants", "devices", "telemetry", "provisioning", "config")
WRITER = ROOT / "devices/events.py"
READS = {
    *("all", "filter", "exclude", "get", "first", "of", "values", "values_list", "order_by", "select_related", "count"),
    *("none", "told_to"),
}
Kind = Event.Kind


def written(source: str) -> list[int]:
    """Lines that make or change event rows: `Event(…)`, its manager but for reading, the model handed to what writes
    rows of any model, and SQL that names the table."""
    tree = ast.parse(source)
    lines = set[int]()
    known = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("devices.models")
        for name in node.names
        if name.name == "Event"
    }

    def is_event(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in known

    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (is_event(node.func) or any(map(is_event, node.args))):
            lines.add(node.lineno)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.attr not in READS:
            manager = node.value
            if manager.attr in {"objects", "_default_manager", "_base_manager"} and is_event(manager.value):
                lines.add(node.lineno)
            if manager.attr == "events":  # of a device, an assignment, an organisation, a user
                lines.add(node.lineno)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "devices_event" in node.value:
            lines.add(node.lineno)
    return sorted(lines)


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from (path for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts)


def test_nothing_else_writes_events() -> None:
    found = {str(path.relative_to(ROOT)): lines for path in sources() if (lines := written(path.read_text()))}
    assert found.pop(str(WRITER.relative_to(ROOT)))
    assert not found


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("Event(device=device).save()", True),
        ("Event.objects.create(device=device)", True),
        ("Event.objects.bulk_create([])", True),
        ("Event.objects.update(by=None)", True),
        ("device.events.create(kind='moved')", True),
        ("bulk_sql.insert(Event, rows)", True),
        ("copy.write(Event, columns, rows)", True),
        ("cursor.execute('INSERT INTO devices_event VALUES (1)')", True),
        ("Event.objects.of(device).filter(kind=Event.Kind.MOVED)", False),
        ("stop = threading.Event()", False),
        ("events.record(Event.Kind.MOVED, device=device)", False),
    ],
)
def test_the_scan_finds_them(code: str, is_found: bool) -> None:
    assert written(f"from devices.models import Event\n{code}") == ([2] if is_found else [])


def test_every_kind_says_what_it_tells() -> None:
    assert events.DATA.keys() == set(Kind)
    assert {kind.value for kind in events.OF_NO_DEVICE} >= {"recipe-changed", "exported", "action-ended"}
    assert not events.OF_NO_DEVICE & events.OF_NO_TENANT


WRONG: list[tuple[Event.Kind, dict[str, Any]]] = [
    (Kind.LOCKED, {"reason": "lost"}),
    (Kind.MOVED, {"from": 1}),
    (Kind.MOVED, {"from": 1, "to": "Boise"}),
    (Kind.CREDENTIAL_REVOKED, {"action": "an action", "access_key": "a key"}),
]


@pytest.mark.parametrize(("kind", "data"), WRONG)
def test_what_a_kind_does_not_declare_is_refused_on_every_path(
    world: World, kind: Event.Kind, data: dict[str, Any]
) -> None:
    device, before = world.placed, Event.objects.count()
    with pytest.raises(ValueError, match=r"tell|told|about|misses"):
        events.record(kind, device=device, by=world.owner, **data)
    with pytest.raises(ValueError, match=r"tell|told|about|misses"):
        events.record_many(kind, devices=[device.pk], by=world.owner, **data)
    with pytest.raises(ValueError, match=r"tell|told|about|misses"), transaction.atomic():
        events.record_each([Fact.about(device, kind, data)])
    assert Event.objects.count() == before


def test_an_event_is_about_a_device_or_about_an_organisation(world: World) -> None:
    device, organisation = world.placed, world.kanarra.pk
    wrong: list[dict[str, Any]] = [{}, {"device": device, "organisation": organisation}, {"organisation": organisation}]
    for about in wrong:
        with pytest.raises(ValueError, match=r"tell|told|about|misses"):
            events.record(Kind.LOCKED, **about)
    with pytest.raises(ValueError, match=r"tell|told|about|misses"):
        events.record(Kind.RESULT_TAKEN, device=device, of="labels")
    with pytest.raises(ValueError, match=r"tell|told|about|misses"):
        events.record_many(Kind.RESULT_TAKEN, devices=[device.pk], of="labels")
    with pytest.raises(ValueError, match=r"tell|told|about|misses"):
        events.record_many(Kind.PRESSED, devices=[device.pk])


def test_every_path_writes_the_same_row(world: World) -> None:
    device, kind = world.placed, Kind.CREDENTIAL_REVOKED
    data: dict[str, Any] = {"access_key": "é\t\\", "reason": 'said "so"'}
    events.record(kind, device=device, by=world.owner, **data)
    events.record_many(kind, devices=[device.pk], by=world.owner.pk, **data)
    events.record_each([Fact.about(device, kind, data)], by=world.owner)
    same = {"organisation": world.kanarra, "device": device, "assignment": device.assignment_id, "by": world.owner}
    same["group"] = world.anaheim
    assert [event.data for event in Event.objects.filter(kind=kind, **same)] == [data] * 3


def test_what_is_of_no_tenant_is_in_no_assignment(world: World) -> None:
    device = world.placed
    events.record(Kind.PRESSED, device=device)
    events.record_each([Fact.about(device, Kind.REGISTERED, {})])
    told = list(Event.objects.filter(device=device).order_by("-pk")[:2])
    assert [(event.kind, event.assignment_id) for event in told] == [("registered", None), ("pressed", None)]
    assert {event.group_id for event in told} == {None}


def test_an_assignment_has_a_group(world: World) -> None:
    device = world.placed
    with pytest.raises(ValueError, match="misses the group"), transaction.atomic():
        events.record_each([Fact(Kind.LOCKED, device.organisation_id, device.pk, device.assignment_id)])
