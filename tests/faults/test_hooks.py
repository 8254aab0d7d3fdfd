"""The process that sends is killed, after the receiver has the message and before its answer: nothing is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now

from devices.lifecycle import assignments
from devices.models import Device
from provisioning.hooks import delivery, operations
from provisioning.models import HookCall, HookRun, HookSender
from tests.mqtt.processes import eventually, python
from tests.receivers import Got, certificates, receiver

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.postgres]

SEND = "import django; django.setup(); from provisioning.tasks import deliver_hooks; deliver_hooks()"
HERE = "127.0.0.0/8"


def test_a_killed_sender_loses_nothing_and_repeats_under_the_same_id(world: World, settings: Settings) -> None:
    settings.HOOK_NETWORKS, settings.HOOK_CA = [HERE], str(certificates()[0])
    killed = threading.Event()

    def answer(got: Got) -> tuple[int, dict[str, str], bytes]:
        killed.wait(30)
        return 204, {}, b""

    with receiver() as back_end:
        operations.create_hook(organisation=world.kanarra, name="Join server", url=back_end.url, by=world.owner)
        operations.create_hook(organisation=world.kanarra, name="Network server", url=back_end.url, by=world.owner)
        device = Device.objects.select_related("organisation", "version").get(pk=world.waiting.pk)
        assignments.assign(device=device, group=world.boise, name="Pump", model=None, by=world.owner)
        back_end.answer = answer
        environment = {"DJANGO_SETTINGS_MODULE": "config.settings", "HOOK_NETWORKS": HERE, "HOOK_CA": settings.HOOK_CA}
        sender = python("-c", SEND, **environment)
        sender.start()
        eventually(lambda: back_end.got, 60)
        sender.kill()
        killed.set()

        delivery.deliver_due()
        assert len(back_end.got) == 1, "the one who was killed may still be at it"
        HookSender.objects.update(held_until=Now())
        HookRun.objects.update(held_until=Now())  # half a minute later
        delivery.deliver_due()

    ids = [got.headers["webhook-id"] for got in back_end.got]
    assert len(ids) == 3
    assert ids[0] == ids[1] != ids[2]
    assert back_end.got[0].body == back_end.got[1].body
    assert HookRun.objects.get().state == HookRun.State.DONE
    assert list(HookCall.objects.values_list("attempts", flat=True)) == [2, 1]
