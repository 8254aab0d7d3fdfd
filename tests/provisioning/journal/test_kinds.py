"""What a reader of the journal may look for: categories, single kinds, words."""

from __future__ import annotations

import pytest

from devices.models import Event
from provisioning.journal import kinds
from tenants.models import AuditEntry


def test_nothing_chosen_is_every_kind() -> None:
    assert kinds.choose("") == (tuple(Event.Kind), tuple(AuditEntry.Kind))


@pytest.mark.parametrize("code", kinds.CATEGORIES)
def test_a_category_is_its_kinds(code: str) -> None:
    assert kinds.choose(code) is kinds.CATEGORIES[code].kinds


@pytest.mark.parametrize("kind", Event.Kind)
def test_a_kind_of_event_is_that_alone(kind: Event.Kind) -> None:
    assert kinds.choose(kind.value) == kinds.Kinds((kind,))


@pytest.mark.parametrize("kind", AuditEntry.Kind)
def test_a_kind_of_entry_is_that_alone(kind: AuditEntry.Kind) -> None:
    assert kinds.choose(kind.value) == kinds.Kinds((), (kind,))


@pytest.mark.parametrize("code", ["nothing", "WINDOWS", "press", " "])
def test_no_other_code_is_one(code: str) -> None:
    assert code not in kinds.CODES
    with pytest.raises(KeyError):
        kinds.choose(code)


def test_words_narrow_events_by_what_they_are_called_and_entries_by_their_own() -> None:
    found = kinds.narrow(kinds.ALL, "LOCKED")
    assert set(found.events) == {Event.Kind.LOCKED, Event.Kind.UNLOCKED}
    assert found.entries == kinds.ALL.entries


def test_connections_are_found_by_words_only_where_nothing_else_fits() -> None:
    label = kinds.LABELS[Event.Kind.DISCONNECTED]
    assert kinds.narrow(kinds.ALL, label).events == (Event.Kind.DISCONNECTED,)
    both = kinds.Kinds((Event.Kind.CONNECTED, Event.Kind.LOCKED))
    assert kinds.narrow(both, "e").events == (Event.Kind.LOCKED,)
    assert kinds.narrow(kinds.CATEGORIES["connections"].kinds, "connect").events == kinds.CONNECTIONS


def test_words_that_no_kind_has_leave_no_event() -> None:
    assert kinds.narrow(kinds.ALL, "aubergine") == kinds.Kinds((), kinds.ALL.entries)


def test_every_kind_is_offered_once_below_its_category() -> None:
    offered = kinds.list_options()
    values = [value for _, options in offered for value, _ in options]
    assert sorted(values) == sorted(kinds.CODES)
    for name, category in kinds.CATEGORIES.items():
        ((_, options),) = [each for each in offered if each[0] == category.words]
        assert options[0] == (name, f"{category.words}: all")
        assert [value for value, _ in options[1:]] == [*category.kinds.events, *category.kinds.entries]
        assert all(kinds.OF_CATEGORY[value] == category.words for value, _ in options[1:])
