"""Rows of the journal in words, for one reader: nobody is shown people, groups or devices that they may not know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from devices import event_words
from devices.models import Device, Event, Import
from provisioning.journal import kinds
from provisioning.journal.sources import DEVICES, PEOPLE
from provisioning.journal.window_words import describe_duration, describe_window
from provisioning.models import Window
from tenants.audit import actors
from tenants.models import Role, User

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lib.merged_paging import Row

SITE = "the site"
MOVED_OUT = "Moved out of the group"
PLACED = (Event.Kind.PROVISIONED, Event.Kind.MOVED, Event.Kind.ASSIGNED)
IMPORT_RESULT = re.compile(r"import ([0-9a-f-]{36})")


class Entry(NamedTuple):
    """Say one thing that happened. `who`: None where no person did it; `device`: a serial, or none; `page`: that of its
    page, if the reader may see that now."""

    at: datetime
    kind: str
    words: str
    details: str
    who: str | None
    outsider: bool  # somebody did it, of whom the reader is not told who
    device: str
    page: str
    group: str
    group_id: int | None


class Subject(NamedTuple):
    """Hold the serial that a device has or had, that of its page, which a removed one has not, and its group's path."""

    serial: str
    page: str = ""
    group: str | None = None
    whose: int | None = None


class Reading(NamedTuple):
    """Hold what all rows of a page are worded with; each was asked for once."""

    reader: User
    known: frozenset[int]
    by_key: dict[str, Window]
    by_assignment: dict[int | None, Window]
    imports: dict[str, str]
    devices: dict[int, Subject]
    people: dict[int, str]  # whose devices are, or were
    managed: tuple[str, ...]  # paths
    visible: tuple[str, ...]


def build_entries(reader: User, rows: Sequence[Row]) -> list[Entry]:
    """Return the rows in words, in seven queries at most, however many they are."""
    events = [row.values for row in rows if row.key.rank == DEVICES]
    reading = Reading(
        reader,
        actors.find_known(reader, (row.values["by"] for row in rows)),
        *_find_windows(events),
        _find_imports(reader, events),
        _find_devices(events),
        _find_people(reader, events),
        tuple(reader.reach(Role.ADMIN)),
        tuple(reader.reach()),
    )
    words = {DEVICES: _word_event, PEOPLE: _word_entry}
    return [words[row.key.rank](row.values, reading) for row in rows]


def _find_windows(events: Sequence[dict[str, Any]]) -> tuple[dict[str, Window], dict[int | None, Window]]:
    """Return the windows that the events name, by key, and those that led to their assignments."""
    keys = {values["data"]["window"] for values in events if values["data"].get("window")}
    led = {values["assignment"] for values in events if values["kind"] in PLACED}
    opened = Window.objects.with_state().filter(key__in=keys) if keys else ()
    placed = Window.objects.with_state().filter(assignment__in=led - {None}) if led - {None} else ()
    return {str(window.key): window for window in opened}, {window.assignment_id: window for window in placed}


def _find_imports(reader: User, events: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return key -> name of those that the events name and the reader manages."""
    keys = {key for values in events if (key := _get_import_key(values["data"]))}
    found = Import.objects.manageable_by(reader).filter(key__in=keys).select_related("file") if keys else ()
    return {str(job.key): str(job) for job in found}


def _find_devices(events: Sequence[dict[str, Any]]) -> dict[int, Subject]:
    """Return the events' devices by key; one that was removed as the last of its own events says."""
    keys = {values["device"] for values in events if values["device"]}
    rows = Device.objects.filter(pk__in=keys).values_list("pk", "serial", "former_serial", "group__path", "person")
    found = {key: Subject(former or serial, serial, path, whose) for key, serial, former, path, whose in rows}
    if gone := keys - found.keys():
        removed = Event.objects.filter(kind=Event.Kind.DEVICE_REMOVED, device__in=gone)
        found |= {key: Subject(serial) for key, serial in removed.values_list("device_id", "data__serial")}
    return found


def _find_people(reader: User, events: Sequence[dict[str, Any]]) -> dict[int, str]:
    """Return the names of those whose devices the events are about, of whom the reader is told."""
    keys = {values["data"]["person"] for values in events if "person" in values["data"]}
    found = User.objects.known_to(reader).filter(pk__in=keys) if keys else ()
    return {person.pk: str(person) for person in found}


def _get_import_key(data: dict[str, Any]) -> str:
    """Return the key of the import that the event is about, or whose result was taken; empty for none."""
    taken = IMPORT_RESULT.fullmatch(str(data.get("of", "")))
    return str(data.get("import") or (taken[1] if taken else ""))


def _word_event(values: dict[str, Any], reading: Reading) -> Entry:
    here, before = (_starts(values[name], reading.managed) for name in ("group__path", "former_group__path"))
    left = before and not here
    details = "" if left else _describe_event(values, reading)
    if before and here:
        details = f"from {values['former_group__name']}"
    if not left:
        details = ", ".join(filter(None, [_name_person(values, reading), details]))
    name = "former_group" if left else "group"
    owner = reading.reader.owns_organisation
    about = reading.devices.get(values["device"], Subject(""))
    return Entry(
        values["at"],
        values["kind"],
        MOVED_OUT if left else kinds.LABELS[values["kind"]],
        details,
        *_name_actor(values, reading),
        about.serial,
        about.page if owner or _starts(about.group, _choose_scope(about, reading)) else "",
        values[f"{name}__name"] or "",
        values[name],
    )


def _describe_event(values: dict[str, Any], reading: Reading) -> str:
    data = values["data"]
    if window := reading.by_key.get(data.get("window", "")):
        return describe_window(window) if values["kind"] == Event.Kind.WINDOW_OPENED else ""
    if window := reading.by_assignment.get(values["assignment"]):
        placing = values["kind"] in PLACED
        return f"registered in {describe_duration(window)}" if placing else event_words.describe(values["kind"], data)
    named = reading.imports.get(_get_import_key(data), "")
    return ": ".join(filter(None, [named, event_words.describe(values["kind"], data)]))


def _word_entry(values: dict[str, Any], reading: Reading) -> Entry:
    who, outsider = _name_actor(values, reading)
    place = values["group_name"], values["group"]
    return Entry(values["at"], values["kind"], values["what"], "", who or SITE, outsider, "", "", *place)


def _name_actor(values: dict[str, Any], reading: Reading) -> tuple[str | None, bool]:
    if values["by"] is None:
        return None, False
    if values["by"] not in reading.known:
        return actors.OUTSIDE, True
    return values["by__name"] or values["by__email"], False


def _name_person(values: dict[str, Any], reading: Reading) -> str:
    """Say whose the device became, or was."""
    if (key := values["data"].get("person")) is None:
        return ""
    name = reading.people.get(key, actors.OUTSIDE)
    return name if values["kind"] == Event.Kind.UNASSIGNED else f"for {name}"


def _choose_scope(about: Subject, reading: Reading) -> tuple[str, ...]:
    """Return below which paths the reader sees the device: a person's is for them and for admins."""
    return reading.visible if about.whose in (None, reading.reader.pk) else reading.managed


def _starts(path: str | None, tops: tuple[str, ...]) -> bool:
    return path is not None and path.startswith(tops)
