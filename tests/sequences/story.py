"""All steps, and how often each comes."""

from __future__ import annotations

from tests.sequences.devices import Devices
from tests.sequences.groups import Groups
from tests.sequences.people import People

TREE = ("create", "create", "create", "move", "move", "delete", "delete", "rename", "archive", "restore")
PEOPLE = ("invite", "invite", "invite", "change_role", "change_role", "remove_role", "disable", "enable", "expel")
DEVICES = ("assign", "assign", "assign", "release", "report", "report", "issue", "reissue", "reissue", "take")
ENDS = ("retire", "bring_back", "bring_back", "remove")
DOORS = ("make_token", "end_token", "open_window", "press", "expire", "place", "make_technician")
START = (*["create"] * 5, *["assign"] * 2, *["invite"] * 4, "issue", *["make_token"] * 2)
ACTS = (*TREE, *PEOPLE, *DEVICES, *ENDS, *DOORS)


class Story(Groups, People, Devices):
    def step(self, act: str) -> None:
        self.number += 1
        getattr(self, act)()
        self.naive.settle()
