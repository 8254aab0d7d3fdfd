"""What is told of a command's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.events import Fact
from devices.models import Event

if TYPE_CHECKING:
    from devices.models import Command


def build_end(command: Command) -> Fact:
    """Tell it in the command's assignment, which may be over; the group is the one of now, and none where it is."""
    device = command.device
    data = {"command": str(command.key), "name": command.name, "state": command.state}
    data |= {"reason": command.reason} if command.reason else {}
    here = command.assignment_id == device.assignment_id
    place = (command.assignment_id, device.group_id) if here else (None, None)
    return Fact(Event.Kind.COMMAND_ENDED, device.organisation_id, device.pk, place[0], data, place[1])
