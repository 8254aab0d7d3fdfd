"""The kinds of what the journal tells, by what a reader looks for."""

from __future__ import annotations

from typing import NamedTuple

from devices.models import Event
from tenants.models import AuditEntry

Of, About = Event.Kind, AuditEntry.Kind
CONNECTIONS = (Of.CONNECTED, Of.DISCONNECTED)


class Kinds(NamedTuple):
    """Choose kinds of devices' events and of entries about groups and people."""

    events: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


class Category(NamedTuple):
    words: str
    kinds: Kinds


CATEGORIES: dict[str, Category] = {
    "added": Category("Devices added", Kinds((Of.REGISTERED, Of.ACTIVATED, Of.OPENED_AGAIN))),
    "ended": Category(
        "Devices retired or removed", Kinds((Of.RETIRED, Of.BROUGHT_BACK, Of.SERIAL_FREED, Of.DEVICE_REMOVED))
    ),
    "windows": Category(
        "Windows and presses",
        Kinds((Of.WINDOW_OPENED, Of.PRESSED, Of.PRESENCE_PROVEN, Of.WINDOW_CANCELLED, Of.IDENTIFIED)),
    ),
    "placements": Category("Hand-overs", Kinds((Of.PROVISIONED, Of.MOVED, Of.RELEASED, Of.ASSIGNED, Of.UNASSIGNED))),
    "changes": Category("Changes of devices", Kinds((Of.CHANGED, Of.LOCKED, Of.UNLOCKED, Of.LIMITED))),
    "commands": Category("Commands", Kinds((Of.COMMAND_SENT, Of.COMMAND_ENDED))),
    "attention": Category("Attention", Kinds((Of.NEEDS_ATTENTION, Of.FINE_AGAIN, Of.ACKNOWLEDGED, Of.ATTENTION_TOLD))),
    "ties": Category("Ties to gateways", Kinds((Of.TIED, Of.UNTIED))),
    "credentials": Category(
        "Credentials",
        Kinds((Of.CREDENTIAL_ISSUED, Of.CREDENTIAL_REVOKED, Of.CREDENTIAL_ROTATED, Of.PRESENCE_SECRET_MADE)),
    ),
    "files": Category("Files and labels", Kinds((Of.RESULT_TAKEN, Of.RESULT_REFUSED, Of.LABELS_PRINTED, Of.EXPORTED))),
    "jobs": Category(
        "Imports and bulk actions", Kinds((Of.IMPORT_STARTED, Of.IMPORT_ENDED, Of.ACTION_STARTED, Of.ACTION_ENDED))
    ),
    "recipes": Category("Recipes and models", Kinds((Of.RECIPE_CHANGED, Of.MODEL_CHANGED))),
    "doors": Category("Doors", Kinds((Of.DOOR_CHANGED, Of.OPERATION_APPROVED, Of.OPERATION_CANCELLED))),
    "hooks": Category("Hooks", Kinds((Of.HOOK_CHANGED,))),
    "groups": Category("Groups", Kinds((), (About.GROUP,))),
    "people": Category("People and invitations", Kinds((), (About.PERSON, About.INVITATION))),
    "tokens": Category("API tokens", Kinds((), (About.TOKEN,))),
    "settings": Category("Settings", Kinds((), (About.SETTING,))),
    "connections": Category("Connections", Kinds(CONNECTIONS)),
}
ALL = Kinds(tuple(Of), tuple(About))
LABELS: dict[str, str] = {kind.value: str(kind.label) for kind in (*Of, *About)}
OF_CATEGORY: dict[str, str] = {
    kind: category.words
    for category in CATEGORIES.values()
    for kind in (*category.kinds.events, *category.kinds.entries)
}
CODES = (*CATEGORIES, *LABELS)


def choose(code: str) -> Kinds:
    """Return the kinds of a category, or the one of that name; all of them for none. Raises KeyError."""
    if not code:
        return ALL
    if code in CATEGORIES:
        return CATEGORIES[code].kinds
    return Kinds((code,) if code in Of.values else (), () if code in Of.values else (About(LABELS[code] and code),))


def narrow(kinds: Kinds, words: str) -> Kinds:
    """Return those of the events' kinds whose words hold the text, connections only where nothing else fits; of entries
    their own words are searched."""
    text = words.casefold()
    found = tuple(kind for kind in kinds.events if text in LABELS[kind].casefold())
    return Kinds(tuple(kind for kind in found if kind not in CONNECTIONS) or found, kinds.entries)


def list_options() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what a field offers: each category, and below it its kinds where it has several."""
    return [
        (
            category.words,
            [
                (name, f"{category.words}: all"),
                *((kind, LABELS[kind]) for kind in (*category.kinds.events, *category.kinds.entries)),
            ],
        )
        for name, category in CATEGORIES.items()
    ]
