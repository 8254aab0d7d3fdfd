"""What a run's page says of each hook's part: its result, whose turn it is, when it is sent, who may act on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest
from django.db.models.functions import Now

from lib.outgoing import results
from provisioning.hooks import listing, operations
from provisioning.hooks.results import BROKEN, ENDED, NO_SECRET, SKIPPED, WORDS, describe
from provisioning.models import Hook, HookCall, HookRun
from tests.access.hooks import URL, make_hook, make_run

if TYPE_CHECKING:
    from tests.conftest import World

DUE = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class Part(NamedTuple):
    state: str
    words: str
    is_due: bool
    act: bool


def show(run_state: str, *calls: str, overtaken: bool = False) -> list[Part]:
    """Of a run in the state and its calls: each a state, and a result after a colon."""
    run = HookRun(state=run_state, overtaken=overtaken, due_at=DUE)
    parts = [call.partition(":") for call in calls]
    rows = [
        HookCall(state=state, result=result, status=503 if result == "status" else None) for state, _, result in parts
    ]
    shown = listing.show_calls(run, rows)
    assert [each.call for each in shown] == rows
    assert {each.next_at for each in shown} <= {None, DUE}
    return [Part(each.state, each.words, each.next_at is not None, each.act) for each in shown]


NEXT = Part("waiting", "It is sent next.", is_due=True, act=True)
WAITS = Part("waiting", "It waits for the hooks before it.", is_due=False, act=False)
DONE = Part("done", "", is_due=False, act=False)
SKIPPED_PART = Part("skipped", "Skipped by an admin.", is_due=False, act=False)
LATER = "Not sent: something later happened to the device, which is told instead."
OVERTAKEN = Part("overtaken", LATER, is_due=False, act=False)
REFUSED = "It answered 503. Anything but 2xx means that it did not take it."


@pytest.mark.parametrize(
    ("run", "calls", "parts"),
    [
        ("waiting", ["waiting", "waiting"], [NEXT, WAITS]),
        ("waiting", ["done", "waiting", "waiting"], [DONE, NEXT, WAITS]),
        ("waiting", ["waiting:status", "waiting"], [Part("waiting", REFUSED, is_due=True, act=True), WAITS]),
        ("failed", ["failed:status", "waiting"], [Part("failed", REFUSED, is_due=False, act=True), WAITS]),
        ("waiting", ["skipped:skipped", "waiting"], [SKIPPED_PART, NEXT]),
        ("done", ["done", "done"], [DONE, DONE]),
        ("overtaken", ["done", "waiting", "failed:status"], [DONE, OVERTAKEN, OVERTAKEN]),
    ],
)
def test_one_hook_at_a_time_has_its_turn(run: str, calls: list[str], parts: list[Part]) -> None:
    assert show(run, *calls) == parts


def test_what_ends_with_the_call_that_is_made_has_no_next_one() -> None:
    assert show("waiting", "waiting", "waiting", overtaken=True) == [WAITS, WAITS]


@pytest.mark.parametrize("result", [name for name in vars(results) if name.isupper() and "LIMIT" not in name])
def test_every_result_of_an_attempt_has_words(result: str) -> None:
    words = describe(getattr(results, result), 302)
    assert words[-1] in ".?"
    assert "{" not in words


@pytest.mark.parametrize(
    ("result", "status", "words"),
    [
        ("", None, ""),
        (results.DONE, 204, "It answered 204."),
        (results.TIMEOUT, None, "Its answer was not complete within 10 seconds."),
        (results.TOO_LONG, 200, "Its answer has more than 65,536 bytes. An empty one is enough."),
        (SKIPPED, None, "Skipped by an admin."),
        (ENDED, None, "It is called no more: an admin ended it."),
        ("of-a-later-release", None, "of-a-later-release"),
    ],
)
def test_results_in_words(result: str, status: int | None, words: str) -> None:
    assert describe(result, status) == words


def test_each_result_is_said_in_its_own_words() -> None:
    assert len(set(WORDS.values())) == len(WORDS)
    assert {NO_SECRET, BROKEN} < WORDS.keys()


def counted(world: World) -> dict[str, tuple[int, int]]:
    hooks = listing.count_failed(Hook.objects.filter(organisation=world.kanarra))
    return {hook.name: (hook.failed, hook.retried) for hook in hooks}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("run", "call", "result", "told"),
    [
        ("waiting", "waiting", "", (0, 0)),
        ("waiting", "waiting", "status", (0, 1)),
        ("failed", "failed", "status", (1, 0)),
        ("done", "done", "done", (0, 0)),
        ("overtaken", "failed", "status", (0, 0)),
        ("overtaken", "waiting", "status", (0, 0)),
    ],
)
def test_of_a_hook_is_counted_what_waits_for_an_admin_and_what_is_sent_again(
    world: World, run: str, call: str, result: str, told: tuple[int, int]
) -> None:
    made = make_run(world)
    operations.create_hook(organisation=world.kanarra, name="Idle", url=URL, by=world.owner)
    HookRun.objects.update(state=run)
    HookCall.objects.update(state=call, result=result, attempted_at=Now())
    assert counted(world) == {"Join server": told, "Idle": (0, 0)}
    hook = make_hook(world)
    retried = listing.find_last_retried(hook)
    assert (retried is not None and retried.call.run == made) == bool(told[1])
    waiting = HookRun.objects.filter(listing.find_failed_runs(hook), state="failed")
    assert waiting.count() == told[0]
