"""What admins do with hooks: made in order, changed, ended; and each message that failed repeated or skipped once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import F
from django.db.models.functions import Now

from devices.models import Event
from provisioning.hooks import messages, operations, refusals
from provisioning.models import Hook, HookCall, HookRun
from tests.access.hooks import URL, make_hook, make_run
from tests.refused import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.refusals import Kind
    from tests.conftest import World

pytestmark = pytest.mark.django_db


def make(world: World, name: str, **fields: Any) -> Hook:
    given: dict[str, Any] = {"organisation": world.kanarra, "url": URL, "by": world.owner, **fields}
    return operations.create_hook(name=name, **given)[0]


def acts() -> list[str]:
    """What was told of hooks, in order."""
    rows = Event.objects.filter(kind=Event.Kind.HOOK_CHANGED).order_by("pk")
    return [f"{row.data['name']}: {row.data['act']}" for row in rows]


def refresh(hook: Hook) -> Hook:
    return Hook.objects.get(pk=hook.pk)


def test_a_new_one_comes_after_the_others_unless_its_place_is_said(world: World) -> None:
    assert [make(world, name).position for name in "ABC"] == [1, 2, 3]
    assert make(world, "First", position=1).position == 1
    assert make(world, "Last", position=99).position == 99
    assert make(world, "Beyond").position == 99
    assert make(world, "Theirs", organisation=world.other, by=world.stranger).position == 1
    for hook in Hook.objects.filter(organisation=world.kanarra):
        operations.end_hook(hook=hook, by=world.owner)
    assert make(world, "Anew").position == 1


@pytest.mark.parametrize("position", [0, 100, -1])
def test_a_place_is_one_of_ninety_nine(world: World, position: int) -> None:
    with pytest.raises(ValidationError) as caught:
        make(world, "A", position=position)
    assert caught.value.message_dict == {"position": ["Write a number from 1 to 99."]}
    hook = make(world, "A")
    with pytest.raises(ValidationError):
        operations.change_hook(hook=hook, fields={"position": position}, by=world.owner)
    assert refresh(hook).position == 1


def test_a_name_is_one_line_and_taken_once_in_an_organisation(world: World) -> None:
    hook, other = make(world, "  Join \n server "), make(world, "Other")
    assert hook.name == "Join server"
    make(world, "Join server", organisation=world.other, by=world.stranger)
    with refused(refusals.HOOK_NAME_TAKEN) as caught:
        make(world, "Join server")
    assert caught.value.field == "name"
    with refused(refusals.HOOK_NAME_TAKEN):
        operations.change_hook(hook=other, fields={"name": "Join server"}, by=world.owner)
    assert refresh(other).name == "Other"
    operations.end_hook(hook=hook, by=world.owner)
    assert operations.change_hook(hook=other, fields={"name": "Join server"}, by=world.owner)


@pytest.mark.parametrize(
    ("fields", "changed", "act"),
    [
        ({"name": "B"}, True, "B: changed: name"),
        ({"url": "https://other.example/"}, True, "A: changed: address"),
        ({"position": 7, "tells": "everything"}, True, "A: changed: order, what it is told"),
        ({"name": "A", "url": URL, "position": 1, "tells": "placements"}, False, ""),
        ({}, False, ""),
    ],
)
def test_only_what_is_another_is_changed_and_told(
    world: World, fields: dict[str, Any], changed: bool, act: str
) -> None:
    hook = make(world, "A")
    assert operations.change_hook(hook=hook, fields=fields, by=world.owner) is changed
    assert acts()[1:] == ([act] if changed else [])
    now = refresh(hook)
    assert {name: getattr(now, name) for name in fields} == fields


def test_a_change_that_will_not_do_changes_nothing(world: World) -> None:
    hook = make(world, "A")
    with pytest.raises(ValidationError) as caught:
        operations.change_hook(hook=hook, fields={"name": "B", "url": "http://plain.example"}, by=world.owner)
    assert list(caught.value.message_dict) == ["url"]
    assert (refresh(hook).name, refresh(hook).url, acts()) == ("A", URL, ["A: made"])


def test_of_two_who_change_different_things_both_are_kept(world: World) -> None:
    hook = make(world, "A")
    seen = refresh(hook)
    operations.change_hook(hook=hook, fields={"name": "B"}, by=world.owner)
    operations.change_hook(hook=seen, fields={"position": 5}, by=world.owner)
    assert (refresh(hook).name, refresh(hook).position) == ("B", 5)


def test_a_new_secret_leaves_the_former_for_a_day_and_no_older_one(world: World) -> None:
    hook, first = operations.create_hook(organisation=world.kanarra, name="A", url=URL, by=world.owner)
    second = operations.renew_secret(hook=hook, by=world.owner)
    third = operations.renew_secret(hook=hook, by=world.owner)
    assert len({first, second, third}) == 3
    now = Hook.objects.annotate(left=F("former_until") - Now()).get(pk=hook.pk)
    assert timedelta(hours=23, minutes=59) < now.left <= timedelta(hours=24)  # type: ignore[attr-defined]
    keys = messages.unseal_keys(now, with_former=True)
    shown = [messages.sign([key], "m", 1, b"") for key in keys]
    assert len(set(shown)) == 2
    assert acts() == ["A: made", "A: new secret", "A: new secret"]


@pytest.mark.parametrize(
    "act",
    [
        lambda hook, by: operations.change_hook(hook=hook, fields={"name": "B"}, by=by),
        lambda hook, by: operations.renew_secret(hook=hook, by=by),
        lambda hook, by: operations.repeat_failed(hook=hook, by=by),
    ],
    ids=["change", "secret", "repeat"],
)
def test_one_that_ended_is_left_as_it_was(world: World, act: Callable[..., object]) -> None:
    hook = make(world, "A")
    assert [operations.end_hook(hook=hook, by=world.owner) for _ in range(2)] == [True, False]
    with refused(refusals.HOOK_ENDED):
        act(hook, world.owner)
    assert acts() == ["A: made", "A: ended"]


def test_so_many_work_at_a_time_in_each_organisation(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MOST_HOOKS", 2)
    hooks = [make(world, name) for name in "AB"]
    make(world, "Theirs", organisation=world.other, by=world.stranger)
    with refused(refusals.HOOKS_TOO_MANY, match="You have 2 hooks"):
        make(world, "C")
    operations.end_hook(hook=hooks[0], by=world.owner)
    make(world, "C")


# What failed -------------------------------------------------------------------------------------


@pytest.fixture
def run(world: World) -> HookRun:
    """Two hooks; the first one failed for good."""
    make_hook(world)
    make(world, "Second")
    made = make_run(world)
    failed = {"state": "failed", "attempts": 10, "result": "status", "status": 503}
    HookCall.objects.filter(run=made, position=1).update(**failed)
    HookRun.objects.filter(pk=made.pk).update(state="failed", due_at=Now() + timedelta(hours=9))
    return made


def read_call(run: HookRun, position: int) -> HookCall:
    return HookCall.objects.of(run).select_related("run__device").get(position=position)


def is_due(run: HookRun) -> bool:
    return HookRun.objects.due().filter(pk=run.pk).exists()


def test_what_is_repeated_begins_anew_at_once(world: World, run: HookRun) -> None:
    assert not is_due(run)
    operations.repeat_call(call=read_call(run, 1), by=world.owner)
    call = read_call(run, 1)
    assert (call.state, call.attempts, call.result, call.status) == ("waiting", 0, "", None)
    assert is_due(run)
    assert acts()[-1] == "Join server: repeated"
    assert Event.objects.latest("pk").data["serial"] == world.foreign.serial


def test_what_is_skipped_is_done_with_and_the_next_one_is_due(world: World, run: HookRun) -> None:
    operations.skip_call(call=read_call(run, 1), by=world.owner)
    call = read_call(run, 1)
    assert (call.state, call.result, call.status) == ("skipped", "skipped", None)
    assert call.finished_at is not None
    assert is_due(run)
    assert read_call(run, 2).state == "waiting"


@pytest.mark.parametrize("act", [operations.repeat_call, operations.skip_call])
@pytest.mark.parametrize(
    ("position", "run_fields", "call_fields", "kind"),
    [
        (2, {}, {}, refusals.HOOK_NOT_ITS_TURN),
        (1, {"held_until": Now() + timedelta(minutes=1)}, {}, refusals.HOOK_CALL_BUSY),
        (1, {"overtaken": True}, {}, refusals.HOOK_CALL_OVER),
        (1, {"state": "overtaken"}, {}, refusals.HOOK_CALL_OVER),
        (1, {"state": "done"}, {}, refusals.HOOK_CALL_OVER),
        (1, {}, {"state": "done"}, refusals.HOOK_CALL_OVER),
        (1, {}, {"state": "skipped"}, refusals.HOOK_CALL_OVER),
    ],
    ids=["not its turn", "being sent", "overtaken meanwhile", "overtaken", "all done", "taken", "skipped"],
)
def test_what_is_not_waiting_for_an_admin_is_left_alone(
    world: World,
    run: HookRun,
    act: Callable[..., None],
    position: int,
    run_fields: dict[str, Any],
    call_fields: dict[str, Any],
    kind: Kind,
) -> None:
    HookCall.objects.filter(run=run, position=1).update(**call_fields)
    HookRun.objects.filter(pk=run.pk).update(**run_fields)
    before = list(HookCall.objects.order_by("pk").values()), list(HookRun.objects.values("state", "due_at"))
    with refused(kind):
        act(call=read_call(run, position), by=world.owner)
    assert (list(HookCall.objects.order_by("pk").values()), list(HookRun.objects.values("state", "due_at"))) == before
    assert "repeated" not in acts()[-1]


def test_all_that_failed_at_a_hook_is_repeated_and_nothing_else(world: World, run: HookRun) -> None:
    second = Hook.objects.get(name="Second")
    assert operations.repeat_failed(hook=second, by=world.owner) == 0
    assert not is_due(run)
    assert operations.repeat_failed(hook=make_hook(world), by=world.owner) == 1
    assert (read_call(run, 1).state, read_call(run, 1).attempts, is_due(run)) == ("waiting", 0, True)
    assert operations.repeat_failed(hook=make_hook(world), by=world.owner) == 0
    assert acts()[-1] == "Join server: 1 repeated"


def test_the_end_of_a_hook_lets_what_failed_there_go_on(world: World, run: HookRun) -> None:
    operations.end_hook(hook=make_hook(world), by=world.owner)
    call = read_call(run, 1)
    assert (call.state, call.result, call.status) == ("skipped", "ended", None)
    assert is_due(run)


def test_the_end_of_a_hook_that_is_not_called_yet_hurries_nobody(world: World, run: HookRun) -> None:
    HookCall.objects.filter(position=1).update(state="waiting")
    HookRun.objects.update(state="waiting")
    operations.end_hook(hook=Hook.objects.get(name="Second"), by=world.owner)
    assert [call.state for call in HookCall.objects.of(run)] == ["waiting", "skipped"]
    assert not is_due(run)


def test_what_a_hook_was_told_stays_as_it_was_when_it_ends(world: World, run: HookRun) -> None:
    HookCall.objects.filter(position=1).update(state="done", result="done", status=204)
    HookRun.objects.update(state="done")
    operations.end_hook(hook=make_hook(world), by=world.owner)
    assert (read_call(run, 1).state, read_call(run, 1).status) == ("done", 204)
