"""What the pages say about each kind of action."""

from __future__ import annotations

from typing import NamedTuple

from devices.models import Action

Kind = Action.Kind


class Act(NamedTuple):
    kind: str
    title: str
    icon: str
    what: str  # what it does, in a sentence
    dangerous: bool = False  # the number of devices is to be typed

    @property
    def reversible(self) -> bool:
        return self.kind in Action.REVERSIBLE


ACTS = {
    act.kind: act
    for act in (
        Act(Kind.MOVE, "Move to a group", "folder-symlink", "Hands them to a group: its users see them at once.", True),
        Act(Kind.RELEASE, "Release", "box-arrow-right", "Takes them out of their groups; they wait again.", True),
        Act(Kind.TAG, "Add a tag", "tag", "Sets a tag to a value, beside the tags that they have."),
        Act(Kind.UNTAG, "Remove a tag", "x-lg", "Takes one tag away, whatever its value."),
        Act(Kind.MODEL, "Set the model", "cpu", "An entry of the organisation's table of models."),
        Act(Kind.LOCK, "Lock", "lock", "A locked device can neither connect nor be registered.", True),
        Act(Kind.UNLOCK, "Unlock", "unlock", "Lets locked devices connect again."),
        Act(Kind.REOPEN, "Open again for activation", "hourglass-split", "More time for devices that never connected."),
        Act(
            Kind.REISSUE,
            "Reissue credentials",
            "key",
            "New access keys and secrets, in a file to be fetched once.",
            True,
        ),
        Act(Kind.REVOKE, "Revoke credentials", "shield-x", "Ends all their credentials: they can't connect.", True),
    )
}
