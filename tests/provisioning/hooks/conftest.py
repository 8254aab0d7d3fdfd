"""Three back ends of Kanarra, in order, and the site that may reach them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now

from devices.lifecycle import assignments
from devices.models import Device
from provisioning.hooks import delivery, operations
from provisioning.models import Hook, HookCall, HookRun
from tests.receivers import Receiver, certificates, receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import Settings

    from tenants.models import Group
    from tests.conftest import World


@dataclass
class BackEnds:
    """Receivers and their hooks, with the secrets as they were shown."""

    world: World
    receivers: list[Receiver]
    hooks: list[Hook]
    secrets: list[str]

    def place(self, device: Device, group: Group | None = None) -> None:
        """Place it as an admin does."""
        fresh = Device.objects.select_related("organisation", "version").get(pk=device.pk)
        group = group or self.world.boise
        assignments.assign(device=fresh, group=group, name="Pump", model=None, by=self.world.owner)

    def tell(self, *, again: bool = False) -> None:
        """Send what is due; `again`: also what is due later."""
        if again:
            HookRun.objects.update(due_at=Now())
        delivery.deliver_due()

    def states(self, run: HookRun | None = None) -> list[str]:
        run = run or HookRun.objects.latest("pk")
        return [call.state for call in HookCall.objects.of(run)]

    def heard(self) -> list[int]:
        return [len(each.got) for each in self.receivers]


@pytest.fixture
def _reachable(settings: Settings) -> None:
    settings.HOOK_NETWORKS = ["127.0.0.0/8"]
    settings.HOOK_CA = str(certificates()[0])


@pytest.fixture
def back_ends(world: World, _reachable: None) -> Iterator[BackEnds]:
    with ExitStack() as stack:
        receivers = [stack.enter_context(receiver()) for _ in range(3)]
        names = ("Join server", "Network server", "Application server")
        made = [
            operations.create_hook(organisation=world.kanarra, name=name, url=each.url, by=world.owner)
            for name, each in zip(names, receivers, strict=True)
        ]
        yield BackEnds(world, receivers, [hook for hook, _ in made], [secret for _, secret in made])
