"""Back ends hear of placed devices in order, each with its result; the next one only after the one before."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db.models import F
from django.db.models.functions import Now

from devices.lifecycle import assignments
from devices.models import Device
from lib.outgoing import results
from lib.refusals import Refusal
from provisioning.hooks import delivery, operations, planning, queue
from provisioning.models import HookCall, HookFeed, HookRun, HookSender
from tests.receivers import Got

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.provisioning.hooks.conftest import BackEnds

pytestmark = pytest.mark.django_db


def verify(got: Got, secret: str) -> bool:
    """As a receiver does, by Standard Webhooks' own words and not by our code."""
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    own = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(got.headers["webhook-timestamp"])) < 300
    return fresh and any(each == f"v1,{own}" for each in got.headers["webhook-signature"].split())


def test_three_back_ends_are_told_in_order(back_ends: BackEnds) -> None:
    world = back_ends.world
    back_ends.place(world.waiting)
    assert back_ends.heard() == [0, 0, 0]

    back_ends.tell()

    assert back_ends.heard() == [1, 1, 1]
    first, second, third = (each.got[0] for each in back_ends.receivers)
    assert first.at < second.at < third.at
    told = json.loads(first.body)
    assert told["type"] == "device.placed"
    assert told["data"]["serial"] == world.waiting.serial
    assert told["data"]["group"] == {
        "id": world.boise.pk,
        "name": "Boise",
        "path": ["Kanarra", "Tekton Health", "Boise"],
    }
    assert HookRun.objects.get().state == HookRun.State.DONE
    assert back_ends.states() == ["done"] * 3
    assert {call.status for call in HookCall.objects.all()} == {204}
    back_ends.tell()
    assert back_ends.heard() == [1, 1, 1]


def test_messages_are_signed_each_with_its_own_secret(back_ends: BackEnds) -> None:
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()

    first, second = back_ends.receivers[0].got[0], back_ends.receivers[1].got[0]

    assert verify(first, back_ends.secrets[0])
    assert verify(second, back_ends.secrets[1])
    assert not verify(first, back_ends.secrets[1])
    assert not verify(Got(first.headers, first.body + b" ", 0), back_ends.secrets[0])
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert first.headers["host"].startswith("localhost:")


def test_a_new_secret_signs_beside_the_former_for_a_day(back_ends: BackEnds) -> None:
    hook, former = back_ends.hooks[0], back_ends.secrets[0]
    fresh = operations.renew_secret(hook=hook, by=back_ends.world.owner)
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()
    assert verify(back_ends.receivers[0].got[0], former)
    assert verify(back_ends.receivers[0].got[0], fresh)

    type(hook).objects.filter(pk=hook.pk).update(former_until=Now() - timedelta(seconds=1))
    back_ends.place(back_ends.world.placed)
    back_ends.tell()
    assert not verify(back_ends.receivers[0].got[1], former)
    assert verify(back_ends.receivers[0].got[1], fresh)


def test_the_third_waits_until_the_second_took_its_message(back_ends: BackEnds) -> None:
    back_ends.receivers[1].refuse(503)
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()
    assert back_ends.heard() == [1, 1, 0]
    assert back_ends.states() == ["done", "waiting", "waiting"]
    call = HookCall.objects.get(position=2)
    assert (call.result, call.status, call.attempts) == (results.STATUS, 503, 1)
    assert Device.objects.get(pk=back_ends.world.waiting.pk).group == back_ends.world.boise

    back_ends.tell()
    assert back_ends.heard() == [1, 1, 0], "not before its time"

    back_ends.receivers[1].accept()
    back_ends.tell(again=True)
    assert back_ends.heard() == [1, 2, 1]
    assert back_ends.states() == ["done"] * 3
    again = back_ends.receivers[1].got
    assert again[0].headers["webhook-id"] == again[1].headers["webhook-id"]
    assert again[0].body == again[1].body


def test_after_all_attempts_it_waits_for_an_admin_who_repeats_it(back_ends: BackEnds) -> None:
    back_ends.receivers[1].refuse(500)
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()
    for _ in queue.RETRIES:
        back_ends.tell(again=True)
    run = HookRun.objects.get()
    assert run.state == HookRun.State.FAILED
    assert back_ends.heard() == [1, 1 + len(queue.RETRIES), 0]
    back_ends.tell(again=True)
    assert back_ends.heard() == [1, 1 + len(queue.RETRIES), 0]

    back_ends.receivers[1].accept()
    operations.repeat_call(call=HookCall.objects.of(run)[1], by=back_ends.world.owner)
    back_ends.tell()

    assert back_ends.states() == ["done"] * 3
    assert back_ends.heard()[2] == 1
    assert len({got.headers["webhook-id"] for got in back_ends.receivers[1].got}) == 1


def test_an_admin_skips_the_second_and_the_third_is_told(back_ends: BackEnds) -> None:
    back_ends.receivers[1].refuse(410)
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()
    run = HookRun.objects.get()
    assert run.state == HookRun.State.FAILED, "410 says that it wants nothing more"
    calls = HookCall.objects.of(run)
    with pytest.raises(Refusal, match="A hook before this one"):
        operations.skip_call(call=calls[2], by=back_ends.world.owner)

    operations.skip_call(call=calls[1], by=back_ends.world.owner)
    back_ends.tell()

    assert back_ends.heard() == [1, 1, 1]
    assert back_ends.states() == ["done", "skipped", "done"]
    assert HookRun.objects.get().state == HookRun.State.DONE
    with pytest.raises(Refusal, match="not waiting to be sent"):
        operations.repeat_call(call=calls[1], by=back_ends.world.owner)


def test_of_one_device_the_last_placement_is_told_and_the_former_is_overtaken(back_ends: BackEnds) -> None:
    back_ends.receivers[1].refuse(503)
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()
    back_ends.receivers[1].accept()

    back_ends.place(back_ends.world.waiting, back_ends.world.anaheim)
    back_ends.tell(again=True)

    assert [run.state for run in HookRun.objects.order_by("pk")] == ["overtaken", "done"]
    groups = [[json.loads(got.body)["data"]["group"]["name"] for got in each.got] for each in back_ends.receivers]
    assert groups == [["Boise", "Kaiser Permanente Anaheim"]] * 2 + [["Kaiser Permanente Anaheim"]]


def test_what_is_overtaken_while_it_is_sent_ends_with_that_call(back_ends: BackEnds) -> None:
    world = back_ends.world
    back_ends.place(world.waiting)
    planning.plan_all()
    job = queue.claim(world.kanarra.pk)
    assert job is not None

    back_ends.place(world.waiting, world.anaheim)
    planning.plan_all()
    assert queue.claim(world.kanarra.pk) is None, "nothing of this device while it is told of"

    queue.record(job, results.Answer(results.DONE, 204))
    back_ends.tell()
    assert [run.state for run in HookRun.objects.order_by("pk")] == ["overtaken", "done"]
    assert back_ends.heard() == [1, 1, 1], "the first call was made by nobody here"


def test_who_was_overtaken_as_sender_writes_nothing_any_more(back_ends: BackEnds) -> None:
    world = back_ends.world
    back_ends.place(world.waiting)
    planning.plan_all()
    former = queue.claim(world.kanarra.pk)
    assert former is not None
    HookRun.objects.update(held_until=Now() - timedelta(seconds=1))
    latter = queue.claim(world.kanarra.pk)
    assert latter is not None
    queue.record(former, results.Answer(results.GONE, 410))
    assert back_ends.states() == ["waiting", "waiting", "waiting"]
    queue.record(latter, results.Answer(results.DONE, 204))
    assert back_ends.states() == ["done", "waiting", "waiting"]


def test_what_can_not_be_planned_for_one_organisation_holds_up_no_other(
    back_ends: BackEnds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world, plan = back_ends.world, planning.plan_organisation
    operations.create_hook(organisation=world.other, name="First", url=back_ends.receivers[0].url, by=world.stranger)
    broken = min(world.kanarra.pk, world.other.pk)

    def fail(organisation: int) -> bool:
        if organisation == broken:
            raise ValueError("a row that nothing can be made of")
        planned.append(organisation)
        return plan(organisation)

    planned: list[int] = []
    monkeypatch.setattr(planning, "plan_organisation", fail)
    planning.plan_all()
    assert planned == [max(world.kanarra.pk, world.other.pk)]
    assert f"organisation {broken}" in caplog.text


def test_a_released_device_is_told_too(back_ends: BackEnds) -> None:
    placed = Device.objects.get(pk=back_ends.world.placed.pk)
    assignments.release(device=placed, by=back_ends.world.owner)
    back_ends.tell()
    told = json.loads(back_ends.receivers[2].got[0].body)
    assert (told["type"], told["data"]["group"]["name"]) == ("device.released", "Kaiser Permanente Anaheim")


def test_a_new_hook_hears_of_nothing_that_was_before(back_ends: BackEnds) -> None:
    back_ends.place(back_ends.world.waiting)
    HookFeed.objects.update(read_until=Now() - timedelta(days=1))
    hook, _ = operations.create_hook(
        organisation=back_ends.world.kanarra,
        name="Late",
        url=back_ends.receivers[0].url,
        by=back_ends.world.owner,
    )
    back_ends.tell()
    assert not HookCall.objects.filter(hook=hook).exists()
    assert back_ends.heard() == [1, 1, 1]


def test_what_a_long_transaction_wrote_is_told_although_later_events_were(back_ends: BackEnds) -> None:
    """Its events carry the time at which they were written, and come into sight when it ends."""
    back_ends.place(back_ends.world.waiting)
    HookFeed.objects.update(read_until=Now() + timedelta(minutes=30))  # as if others had been gone through since
    back_ends.tell()
    assert back_ends.heard() == [1, 1, 1]


def test_an_ended_hook_is_passed_over(back_ends: BackEnds) -> None:
    back_ends.receivers[1].refuse(410)
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()

    operations.end_hook(hook=back_ends.hooks[1], by=back_ends.world.owner)
    back_ends.tell()

    assert back_ends.states() == ["done", "skipped", "done"]
    back_ends.place(back_ends.world.placed)
    back_ends.tell()
    assert back_ends.heard() == [2, 1, 2]


def test_the_end_of_one_hook_lets_no_other_be_called_before_its_time(back_ends: BackEnds) -> None:
    back_ends.receivers[0].refuse(503, Retry_After="600")
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()
    operations.end_hook(hook=back_ends.hooks[1], by=back_ends.world.owner)
    back_ends.tell()
    assert back_ends.heard() == [1, 0, 0]
    assert back_ends.states() == ["waiting", "skipped", "waiting"]


def test_all_that_failed_at_one_is_repeated_at_once(back_ends: BackEnds) -> None:
    back_ends.receivers[0].refuse(410)
    for device in (back_ends.world.waiting, back_ends.world.placed):
        back_ends.place(device)
    back_ends.tell()
    back_ends.receivers[0].accept()
    assert operations.repeat_failed(hook=back_ends.hooks[0], by=back_ends.world.owner) == 2
    back_ends.tell()
    assert back_ends.heard() == [4, 2, 2]


def test_a_receiver_says_how_long_to_wait(back_ends: BackEnds) -> None:
    back_ends.receivers[0].refuse(429, retry_after="3600")
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()
    run = HookRun.objects.annotate(left=F("due_at") - Now()).get()
    assert timedelta(minutes=59) < run.left <= timedelta(hours=1)  # type: ignore[attr-defined]


def test_nobody_sends_beside_the_one_who_does(back_ends: BackEnds) -> None:
    back_ends.place(back_ends.world.waiting)
    HookSender.objects.update_or_create(pk=1, defaults={"held_until": Now() + timedelta(seconds=9)})
    back_ends.tell()
    assert back_ends.heard() == [0, 0, 0]
    HookSender.objects.update(held_until=Now() - timedelta(seconds=1))  # it is heard no more
    back_ends.tell()
    assert back_ends.heard() == [1, 1, 1]


def test_what_is_being_sent_is_neither_repeated_nor_skipped(back_ends: BackEnds) -> None:
    back_ends.place(back_ends.world.waiting)
    planning.plan_all()
    job = queue.claim(back_ends.world.kanarra.pk)
    assert job is not None
    for act in (operations.repeat_call, operations.skip_call):
        with pytest.raises(Refusal, match="being sent right now"):
            act(call=job.call, by=back_ends.world.owner)


def test_a_slow_receiver_delays_no_other_organisation(back_ends: BackEnds) -> None:
    """Its four calls at a time wait side by side with what others are told; and of its own no more are begun."""
    world, slow, quick = back_ends.world, back_ends.receivers[0], back_ends.receivers[1]
    for hook in back_ends.hooks[1:]:
        operations.end_hook(hook=hook, by=world.owner)
    operations.create_hook(organisation=world.other, name="Theirs", url=quick.url, by=world.stranger)
    slow.sleep(4)
    for device in (world.waiting, world.placed, world.foreign):
        back_ends.place(device, world.anaheim)
    alien = Device.objects.get(pk=world.alien.pk)
    assignments.assign(device=alien, group=world.other_site, name="X", model=None, by=world.stranger)

    began = time.monotonic()
    back_ends.tell()

    assert quick.got[0].at - began < 3.0
    assert len(slow.got) == 3
    assert time.monotonic() - began < 10.0, "side by side"


def test_of_more_organisations_than_calls_each_has_its_turn(
    back_ends: BackEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has much to tell a slow receiver does not go on before the others have begun."""
    world, slow, quick = back_ends.world, back_ends.receivers[0], back_ends.receivers[1]
    monkeypatch.setattr(delivery, "AT_ONCE", 1)
    for hook in back_ends.hooks[1:]:
        operations.end_hook(hook=hook, by=world.owner)
    operations.create_hook(organisation=world.other, name="Theirs", url=quick.url, by=world.stranger)
    slow.sleep(0.3)
    for device in (world.waiting, world.placed, world.foreign):
        back_ends.place(device, world.anaheim)
    alien = Device.objects.get(pk=world.alien.pk)
    assignments.assign(device=alien, group=world.other_site, name="X", model=None, by=world.stranger)

    back_ends.tell()

    assert len(slow.got) == 3
    assert quick.got[0].at < slow.got[2].at


def test_a_run_that_is_cleared_at_once_is_not_told_again(back_ends: BackEnds, settings: Settings) -> None:
    settings.HOOK_KEEP_DAYS = 0
    back_ends.place(back_ends.world.waiting)
    back_ends.tell()
    delivery.clear_old()
    back_ends.tell()
    assert back_ends.heard() == [1, 1, 1]


def test_old_runs_are_cleared(back_ends: BackEnds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "CHUNK", 1)
    for device in (back_ends.world.waiting, back_ends.world.placed):
        back_ends.place(device)
    back_ends.tell()
    assert delivery.clear_old() == 0
    HookRun.objects.update(finished_at=Now() - timedelta(days=91))
    assert delivery.clear_old() == 2
