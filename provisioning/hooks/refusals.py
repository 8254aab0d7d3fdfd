"""What is refused of hooks, to the admins who keep them."""

from __future__ import annotations

from lib.refusals import declare

HOOK_NAME_TAKEN = declare(
    "hook-name-taken", "Another hook of your organisation has this name.", "Give this one another name."
)
HOOK_ENDED = declare("hook-ended-already", "This hook was ended meanwhile.", "Make a new one.")
HOOKS_TOO_MANY = declare("hooks-too-many", "You have {most} hooks, and can't have more.", "End one that is not needed.")
HOOK_CALL_BUSY = declare(
    "hook-call-busy", "This message is being sent right now.", "Look at its result in some ten seconds."
)
HOOK_CALL_OVER = declare(
    "hook-call-over",
    "This message is not waiting to be sent: it was taken or skipped, or a later one overtook it.",
    "Look at what became of it.",
)
HOOK_NOT_ITS_TURN = declare(
    "hook-not-its-turn", "A hook before this one has not taken its message yet.", "Repeat or skip that one first."
)
