"""What the pages say about each kind of action."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from devices.models import BulkAction

if TYPE_CHECKING:
    from tenants.models import User

Kind = BulkAction.Kind


class Act(NamedTuple):
    kind: str
    title: str
    icon: str
    what: str  # what it does, in a sentence
    dangerous: bool = False  # the number of devices is to be typed
    besides: str = ""  # what its preview says too
    done: str = "changed"  # what becomes of a device
    is_offered: bool = True  # for devices that were selected

    @property
    def reversible(self) -> bool:
        return self.kind in BulkAction.REVERSIBLE


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
        Act(
            Kind.RETIRE,
            "Retire",
            "archive",
            "For devices whose life is over: out of every list, their history kept.",
            True,
            "Their credentials end for good, and with them their connections: who is brought back needs new ones. "
            "The serials stay theirs.",
            "retired",
        ),
        Act(
            Kind.RESTORE,
            "Bring back",
            "arrow-counterclockwise",
            "Puts retired devices back where they were.",
            besides="Each needs a new credential before it connects.",
            done="brought back",
        ),
        Act(
            Kind.FREE,
            "Give the serial free",
            "unlock",
            "Lets new devices have the serials of retired ones.",
            True,
            "The retired ones keep their history under a serial that no label has, and can't be brought back.",
        ),
        Act(
            Kind.REMOVE,
            "Remove",
            "trash",
            "For devices made by mistake: as if they had never been made.",
            True,
            "Only those that never connected, and that nobody placed, or changed in their group, since they were made: "
            "within 24 hours. Their credentials go with them, and whoever sees them in a group sees them no more.",
            "removed",
        ),
        Act(
            Kind.RECIPE,
            "Bring to the recipe's last version",
            "arrow-repeat",
            "What they may report is as the recipe says now.",
            besides="Their model, tags and credentials stay as they are.",
        ),
        Act(
            Kind.COMMAND,
            "Send a command",
            "send",
            "Each gets it when it is there, or when it is back, until the command expires.",
            True,
            done="sent it",
        ),
        Act(
            Kind.TIE,
            "Tie to a gateway",
            "diagram-3",
            "Lets a gateway speak for them: it is in the same group as they are.",
            besides="It may report for them and hears their commands, as long as both stay where they are.",
            done="tied",
        ),
        Act(
            Kind.UNTIE,
            "End ties to a gateway",
            "x-lg",
            "No gateway, or not this one, speaks for them any more.",
            besides="Their gateways are disconnected once, within seconds.",
            done="untied",
        ),
        Act(
            Kind.PERSON,
            "Give to a person",
            "person",
            "Within its group only that person and the admins see a device then; or the whole group again.",
            True,
            "What was reported and written so far stays with whoever has them now.",
            "given",
        ),
        Act(Kind.CHANGE, "Change by a file", "filetype-csv", "Sets what a file says of each.", is_offered=False),
    )
}
OFFERED = {kind: act for kind, act in ACTS.items() if act.is_offered}
CHOICES = [(str(act.kind), act.title) for act in OFFERED.values()]


def list_acts(user: User) -> list[Act]:
    """Return those that the user may do."""
    return [act for act in OFFERED.values() if user.owns_organisation or act.kind not in BulkAction.OWNERS]
