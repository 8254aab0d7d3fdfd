"""How hooks and what they were told are shown, to pages and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, Exists, OuterRef, Q

from provisioning.hooks.results import describe
from provisioning.models import HookCall, HookRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from provisioning.models import Hook, HookQuerySet

CALL_STATES = [*HookCall.State.choices, (HookRun.State.OVERTAKEN.value, "Overtaken")]


class CallShown(NamedTuple):
    """Show one hook's part in a run. `next_at` is when it is sent, where that is known; an admin may `act` on it."""

    call: HookCall
    state: str
    words: str
    next_at: datetime | None
    act: bool


def count_failed(hooks: HookQuerySet) -> HookQuerySet:
    """Add `failed`: how many messages wait for an admin at each; and `retried`: how many it did not take so far, which
    are sent again by themselves."""
    failed = Q(calls__state=HookCall.State.FAILED, calls__run__state=HookRun.State.FAILED)
    retried = Q(calls__state=HookCall.State.WAITING, calls__run__state=HookRun.State.WAITING, calls__result__gt="")
    counts: dict[str, Any] = {"failed": Count("calls", filter=failed), "retried": Count("calls", filter=retried)}
    return hooks.annotate(**counts)


def find_last_retried(hook: Hook) -> CallShown | None:
    """Return the last call that the hook did not take so far, and when it is made again."""
    waiting = HookCall.objects.filter(hook=hook, state=HookCall.State.WAITING, run__state=HookRun.State.WAITING)
    call = waiting.filter(result__gt="").select_related("run").order_by("-attempted_at").first()
    return show_calls(call.run, [call])[0] if call else None


def find_failed_runs(hook: Hook) -> Any:
    """Match runs that wait for an admin because of the hook."""
    failed = HookCall.objects.filter(run=OuterRef("pk"), hook=hook, state=HookCall.State.FAILED)
    return Exists(failed)


def show_calls(run: HookRun, calls: Sequence[HookCall]) -> list[CallShown]:
    """Return the run's calls in their order; what an overtaken run did not send was overtaken."""
    shown, its_turn = [], run.state in HookRun.OPEN and not run.overtaken
    for call in calls:
        is_open = call.state in (HookCall.State.WAITING, HookCall.State.FAILED)
        words = describe(call.result, call.status)
        if is_open and run.state == HookRun.State.OVERTAKEN:
            words = "Not sent: something later happened to the device, which is told instead."
            shown.append(CallShown(call, "overtaken", words, None, act=False))
            continue
        next_at = run.due_at if its_turn and is_open and call.state == HookCall.State.WAITING else None
        shown.append(CallShown(call, call.state, words or _say_waits(its_turn, is_open), next_at, its_turn and is_open))
        its_turn = its_turn and not is_open
    return shown


def _say_waits(its_turn: bool, is_open: bool) -> str:
    if not is_open:
        return ""
    return "It is sent next." if its_turn else "It waits for the hooks before it."
