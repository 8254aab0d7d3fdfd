"""The commands that bring the demo's devices in by its doors: kept in a file, for the banner and the doors' pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

from lib.private_file import open_private
from provisioning.models import DoorRegistration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from django.http import HttpRequest


class DoorCommand(NamedTuple):
    """Hold the command that brings a device in; `door` is the key of its door, `words` what the device has."""

    door: str
    words: str
    line: str
    serial: str = ""


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
    """Tell the page of a door `demo_command`, which brings the device in that waits for it, and `demo_came`: whether
    all came in that did; no other page."""
    match = request.resolver_match
    if match is None or "key" not in match.kwargs or not match.view_name.startswith("provisioning:door"):
        return {}
    key = str(match.kwargs["key"])
    commands = [each for each in read_commands(settings.VAR_DIR / "demo") if each.door == key]
    came = DoorRegistration.objects.filter(door__key=key, device__serial__in=[each.serial for each in commands])
    serials = set(came.values_list("device__serial", flat=True)) if commands else set()
    waiting = [each for each in commands if each.serial not in serials]
    return {"demo_command": (waiting or commands)[0].line if commands else "", "demo_came": not waiting}
