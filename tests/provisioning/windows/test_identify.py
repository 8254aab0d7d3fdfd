"""After the scan the device shows which one it is: while the window is open, and to nobody else's knowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from devices.commands import queue
from devices.credentials import presence_secrets
from devices.models import Command, Connection, Device, Event, RecipeVersion
from devices.recipes import command_lines
from provisioning import refusals
from provisioning.models import Window
from provisioning.windows import identify
from provisioning.windows import operations as windows
from tests.provisioning.conftest import ask_for
from tests.provisioning.windows.test_races import at_once
from tests.refused import refused

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.fixture(autouse=True)
def _knows_how(world: World) -> None:
    lines = command_lines.clean_lines([{"name": "identify", "role": "admin"}])
    RecipeVersion.objects.update(commands=lines)
    Connection.objects.bulk_create(
        [Connection(device=device, last_seen_at=Now()) for device in (world.waiting, world.placed)]
    )


def scan(world: World, device: Device) -> Window:
    window = windows.open_window(device=Device.objects.get(pk=device.pk), by=world.technician)
    return Window.objects.select_related("device__version").get(pk=window.pk)


def told() -> list[str]:
    """Names of what is sent now."""
    jobs = queue.claim_due()
    assert all(queue.record_sent(job) for job in jobs)
    return [job.command.name for job in jobs]


def test_the_scan_lets_it_blink_and_again_when_asked(client: Client, world: World) -> None:
    window = scan(world, world.waiting)
    assert told() == ["identify"]
    client.force_login(world.technician)
    assert (
        "The right one blinks"
        in client.get(reverse("provisioning:window", kwargs={"key": window.key})).content.decode()
    )
    client.post(reverse("provisioning:identify", kwargs={"key": window.key}))
    client.post(reverse("provisioning:identify", kwargs={"key": window.key}))  # twice at once
    assert told() == ["identify"]
    assert Command.objects.filter(expires_at__gt=window.deadline).count() == 0


def show(client: Client, window: Window) -> str:
    return client.get(reverse("provisioning:window", kwargs={"key": window.key})).content.decode()


def test_of_a_device_that_is_not_connected_no_blinking_is_said(client: Client, world: World) -> None:
    client.force_login(world.technician)
    Connection.objects.all().delete()
    page = show(client, scan(world, world.waiting))
    assert "Not connected yet" in page
    assert "blink" not in page


def test_where_a_code_is_asked_for_the_page_tells_not_whether_it_is_connected(client: Client, world: World) -> None:
    ask_for(world, "claim-code")
    presence_secrets.make_presence_secret(device=world.waiting, method="claim-code", by=None)
    client.force_login(world.technician)
    window = scan(world, world.waiting)
    pages = [show(client, window)]
    Connection.objects.all().delete()
    pages.append(show(client, window))
    for page in pages:
        assert "The right one blinks for a while, if it is connected." in page
        assert "Let it blink again" in page
        assert "Not connected" not in page


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_asks_the_device(world: World) -> None:
    window = scan(world, world.waiting)
    assert told() == ["identify"]
    outcomes = at_once(10, lambda _: identify.identify(window=window, by=world.technician))
    assert outcomes == [None] * 10
    assert Command.objects.filter(state=Command.State.QUEUED).count() == 1


def test_nothing_once_the_window_is_over(world: World) -> None:
    window = scan(world, world.waiting)
    windows.cancel_window(window=window, by=world.technician)
    assert told() == []
    with refused(refusals.WINDOW_ENDED):
        identify.identify(window=window, by=world.technician)
    window = scan(world, world.waiting)
    assert told() == ["identify"]
    Window.objects.update(deadline=Now())
    with refused(refusals.WINDOW_ENDED):
        identify.identify(window=window, by=world.technician)


def test_a_fresh_scan_ends_what_the_former_sent(world: World) -> None:
    former = scan(world, world.waiting)
    later = scan(world, world.waiting)
    assert told() == ["identify"]
    assert dict(Command.objects.values_list("window", "state")) == {str(former.key): "expired", str(later.key): "sent"}


def test_the_tenant_that_has_the_device_learns_nothing(client: Client, world: World) -> None:
    world.kanarra.allow_reprovisioning = True
    world.kanarra.save()
    windows.open_window(device=Device.objects.get(pk=world.placed.pk), by=world.sibling)
    assert told() == ["identify"]
    device = Device.objects.get(pk=world.placed.pk)
    assert not Command.objects.of(device).exists()
    assert not Event.objects.of(device).filter(kind__in=["identified", "command-sent", "command-ended"]).exists()
    client.force_login(world.admin)
    page = client.get(reverse("devices:commands", kwargs={"serial": device.serial})).content.decode()
    assert "No command was sent yet" in page


def test_not_where_the_device_may_not_be_registered_any_more(world: World) -> None:
    window = windows.open_window(device=Device.objects.get(pk=world.waiting.pk), by=world.technician)
    world.technician.memberships.all().delete()
    assert told() == []  # asked again when it is sent
    assert Command.objects.get().reason == queue.NO_LEAVE
    assert window.device_id == world.waiting.pk


def test_a_recipe_without_the_command(world: World) -> None:
    RecipeVersion.objects.update(commands=[])
    window = scan(world, world.waiting)
    assert not Command.objects.exists()
    with refused(refusals.CANNOT_IDENTIFY):
        identify.identify(window=window, by=world.technician)
