"""The catalogue of refusals: for the docs page, and as docs/refusals.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from devices import refusals as devices
from devices.imports import refusals as imports
from lib.refusals import Kind
from provisioning import refusals as provisioning
from provisioning.doors import refusals as doors
from provisioning.hooks import refusals as hooks
from telemetry import refusals as telemetry
from tenants import refusals as tenants

if TYPE_CHECKING:
    from types import ModuleType

ROOMS = {
    "The site, groups and people": tenants,
    "Devices": devices,
    "Imports": imports,
    "Registration": provisioning,
    "Doors": doors,
    "Hooks": hooks,
    "Reports": telemetry,
}
HEAD = """# Refusals

What the site says no to, in the words of its pages and of the API. `code` is what programs compare: it stays. Pages
show what happened and what to do; the API answers problem+json ([docs/api.md](api.md)) with `code`, `next_step`, and
`detail`, which is both. `manage.py refusals` writes this page from the rooms' `refusals.py`.
"""


def list_rooms() -> list[tuple[str, list[Kind]]]:
    """Return each room's kinds, in the order in which it declares them."""
    return [(title, _list_kinds(module)) for title, module in ROOMS.items()]


def _list_kinds(module: ModuleType) -> list[Kind]:
    return [value for value in vars(module).values() if isinstance(value, Kind)]


def write_page() -> str:
    """Return the catalogue as Markdown."""
    parts = [HEAD]
    for title, kinds in list_rooms():
        rows = [
            f"| `{kind.code}` | {kind.status} | {drop_facts(kind.message)} | {drop_facts(kind.next_step)} |"
            for kind in kinds
        ]
        head = ["| code | status | what happened | what to do |", "| --- | --- | --- | --- |"]
        parts.append("\n".join([f"## {title}", *head, *rows, ""]))
    return "\n".join(parts)


def drop_facts(words: str) -> str:
    """Return the words with … for each fact, which is another one each time."""
    return re.sub(r"\{\w+\}", "…", words)
