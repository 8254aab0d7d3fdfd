"""Which runs of hooks are due: of one device in their order, each by one process, and none before its time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from provisioning.models import Hook, HookCall, HookRun
from tests.access.hooks import make_hook

if TYPE_CHECKING:
    from devices.models import Device
    from tests.conftest import World

SOON, OVER = Now() + timedelta(minutes=1), Now()


def make_run(world: World, device: Device | None = None, **fields: Any) -> HookRun:
    fields = {"kind": HookRun.Kind.PLACED, "payload": {}, "event": HookRun.objects.count() + 1, **fields}
    return HookRun.objects.create(organisation=world.kanarra, device=device, **fields)


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({}, True),
        ({"due_at": SOON}, False),
        ({"held_until": SOON}, False),
        ({"held_until": OVER}, True),
        ({"overtaken": True}, False),
        *(({"state": state}, False) for state in ("failed", "done", "overtaken")),
    ],
    ids=str,
)
def test_what_waits_is_due_at_its_time_while_nobody_has_it(world: World, fields: dict[str, Any], *, due: bool) -> None:
    make_run(world, world.placed, **fields)
    assert HookRun.objects.due().exists() is due


@pytest.mark.parametrize(
    ("earlier", "due"), [("waiting", False), ("failed", False), ("done", True), ("overtaken", True)]
)
def test_of_one_device_the_earlier_comes_first(world: World, earlier: str, *, due: bool) -> None:
    make_run(world, world.placed, state=earlier, due_at=SOON)
    later = make_run(world, world.placed)
    assert HookRun.objects.due().filter(pk=later.pk).exists() is due
    assert HookRun.objects.due().filter(pk=make_run(world, world.foreign).pk).exists()


def test_what_is_about_several_waits_for_no_other(world: World) -> None:
    runs = [make_run(world, due_at=due_at) for due_at in (SOON, Now(), Now())]
    assert set(HookRun.objects.due()) == set(runs[1:])


def test_an_event_is_told_once(world: World) -> None:
    make_run(world, event=7)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run(world, event=7)


def test_hooks_are_called_by_position_and_then_by_age(world: World) -> None:
    names = [("Third", 2), ("First", 1), ("Fourth", 2), ("Ended", 1), ("Second", 1)]
    made = [
        Hook.objects.create(organisation=world.kanarra, name=name, url="https://a.example", position=at, sealed=b"")
        for name, at in names
    ]
    Hook.objects.filter(pk=made[3].pk).update(ended_at=OVER)
    assert [hook.name for hook in Hook.objects.all().working()] == ["First", "Second", "Third", "Fourth"]


def test_hooks_and_what_they_were_told_are_the_organisations_own_admins(world: World) -> None:
    hook, run = make_hook(world), make_run(world, world.placed)
    for who in ("viewer", "technician", "admin", "sibling", "stranger"):
        assert not Hook.objects.all().manageable_by(getattr(world, who)).exists()
        assert not HookRun.objects.all().manageable_by(getattr(world, who)).exists()
    assert not Hook.objects.all().manageable_by(AnonymousUser()).exists()
    assert not HookRun.objects.all().manageable_by(AnonymousUser()).exists()
    assert Hook.objects.all().manageable_by(world.owner).get() == hook
    assert HookRun.objects.all().manageable_by(world.owner).get() == run


def test_a_message_has_one_id_however_often_it_is_sent(world: World) -> None:
    run, hook = make_run(world, world.placed), make_hook(world)
    calls = [HookCall.objects.create(run=run, hook=hook, position=position) for position in (2, 1)]
    assert [call.position for call in HookCall.objects.all().of(run)] == [1, 2]
    assert len({call.message_id for call in calls}) == 2
    assert calls[0].message_id == HookCall.objects.get(pk=calls[0].pk).message_id == f"msg_{calls[0].key.hex}"
    with pytest.raises(IntegrityError), transaction.atomic():
        HookCall.objects.create(run=run, hook=hook, position=1)


def test_a_run_is_about_a_device_or_several(world: World) -> None:
    assert make_run(world, world.placed).serial == world.placed.serial
    assert make_run(world).serial == ""
