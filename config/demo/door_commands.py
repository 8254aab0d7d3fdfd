"""The commands that bring the demo's devices in by its doors: kept in a file, for the banner and the doors' pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

from lib.private_file import open_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from django.http import HttpRequest


class DoorCommand(NamedTuple):
    """Hold the command that brings a device in; `door` is the key of its door, `words` what the device has."""

    door: str
    words: str
    line: str


def keep_commands(folder: Path, commands: Sequence[DoorCommand]) -> None:
    with open_private(folder / "doors.json") as out:
        json.dump(commands, out)


def read_commands(folder: Path) -> list[DoorCommand]:
    """Return what was kept; nothing where the demo's data were not made yet."""
    try:
        return [DoorCommand(*each) for each in json.loads((folder / "doors.json").read_text())]
    except FileNotFoundError:
        return []


def offer_command(request: HttpRequest) -> dict[str, object]:
    """Tell the page of a door `demo_command`, which brings the device in that waits for it; no other page."""
    match = request.resolver_match
    if match is None or "key" not in match.kwargs or not match.view_name.startswith("provisioning:door"):
        return {}
    commands = read_commands(settings.VAR_DIR / "demo")
    return {"demo_command": next((each.line for each in commands if each.door == str(match.kwargs["key"])), "")}
