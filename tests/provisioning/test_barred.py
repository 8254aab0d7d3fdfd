"""A locked or expired device can't be registered: who otherwise could is told why, everybody else nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from django.db.models.functions import Now
from django.urls import reverse

from devices.lifecycle import assignments, locks
from devices.models import Device
from provisioning.models import Window
from provisioning.refusals import DEVICE_LOCKED
from provisioning.windows import operations as windows
from tests.provisioning.conftest import form_data, pressed_window
from tests.refused import is_refusal, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World

WHY = {"locked": "This device is locked. Ask an admin", "expired": "activation window is over. Ask an admin"}


def bar(device: Device, world: World, how: str) -> None:
    if how == "locked":
        locks.lock_devices([device], by=world.owner)
    else:
        Device.objects.filter(pk=device.pk).update(expires_at=Now() - timedelta(seconds=1))


@pytest.mark.parametrize("how", WHY)
def test_a_technician_is_told_why_on_the_page_and_by_the_api(client: Client, world: World, how: str) -> None:
    bar(world.waiting, world, how)
    client.force_login(world.technician)
    page = client.post(reverse("provisioning:scan"), {"text": world.waiting.serial})
    assert page.status_code == 409
    assert WHY[how] in page.content.decode()
    assert f'value="{world.waiting.serial}"' in page.content.decode()
    answer = client.post(reverse("provisioning:api-windows"), {"text": world.waiting.serial}, "application/json")
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert WHY[how] in answer.json()["detail"]
    assert not Window.objects.exists()


@pytest.mark.parametrize("how", WHY)
def test_to_others_it_does_not_exist(client: Client, world: World, how: str) -> None:
    def asked(serial: str) -> list[tuple[int, bytes]]:
        api = client.post(reverse("provisioning:api-windows"), {"text": serial}, "application/json")
        page = client.post(reverse("provisioning:scan"), {"text": serial})
        return [(api.status_code, api.content), (page.status_code, page.content.replace(serial.encode(), b""))]

    for person in (world.stranger, world.viewer):
        client.force_login(person)
        before = asked(world.waiting.serial)
        bar(world.waiting, world, how)
        assert [status for status, _ in asked(world.waiting.serial)] == [404, 404]
        assert [status for status, _ in before] == [404, 404]
        assert WHY[how].encode() not in asked(world.waiting.serial)[1][1]


@pytest.mark.parametrize("how", WHY)
def test_placing_is_refused_when_it_was_barred_meanwhile(client: Client, world: World, how: str) -> None:
    window = pressed_window(world)
    before = Device.objects.values().get(pk=world.waiting.pk)
    bar(world.waiting, world, how)
    client.force_login(world.technician)
    page = client.post(reverse("provisioning:place", kwargs={"key": window.key}), form_data(world))
    assert page.status_code == 409
    assert WHY[how] in page.content.decode()
    assert 'value="KP002"' in page.content.decode()
    url = reverse("provisioning:api-complete", kwargs={"key": window.key})
    answer = client.post(url, form_data(world), "application/json")
    assert answer.status_code == 409
    assert WHY[how] in answer.json()["detail"]
    after = Device.objects.values().get(pk=world.waiting.pk)
    assert (after["group_id"], after["assignment_id"]) == (before["group_id"], before["assignment_id"])
    assert not Device.objects.get(pk=world.waiting.pk).assignments.exists()
    assert Window.objects.with_state().get(pk=window.pk).state == "pressed"


def test_after_unlocking_the_same_window_goes_on(world: World) -> None:
    window = pressed_window(world)
    locks.lock_devices([world.waiting], by=world.owner)
    facts = {"name": "KP002", "group": world.anaheim, "model": world.waiting.model}
    with refused(DEVICE_LOCKED):
        windows.finish_window(window=window, by=world.technician, **facts)  # type: ignore[arg-type]
    locks.unlock_devices([world.waiting], by=world.owner)
    device = windows.finish_window(window=window, by=world.technician, **facts)  # type: ignore[arg-type]
    assert device.group == world.anaheim


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_lock_at_the_moment_of_placing_comes_before_or_after(world: World) -> None:
    facts: dict[str, Any] = {"name": "KP002", "group": world.anaheim, "model": world.waiting.model}
    for _ in range(10):
        window = pressed_window(world)
        outcomes = at_once(
            partial(windows.finish_window, window=window, by=world.technician, **facts),
            lambda: locks.lock_devices([world.waiting], by=world.owner),
        )
        device = Device.objects.get(pk=world.waiting.pk)
        told = list(device.events.filter(kind__in=["provisioned", "locked"]).order_by("pk").values_list("kind"))
        barred = is_refusal(outcomes[0], DEVICE_LOCKED)
        assert outcomes[1] == [world.waiting.pk]
        assert (device.group is None) is barred
        assert told[-2:] == [("provisioned",), ("locked",)] or barred
        locks.unlock_devices([device], by=world.owner)
        if device.group:
            assignments.release(device=device, by=world.owner)
        Window.objects.all().delete()


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What each returned or raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_a_window_says_that_its_device_was_locked(client: Client, world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    locks.lock_devices([world.waiting], by=world.owner)
    client.force_login(world.technician)
    page = client.get(reverse("provisioning:window", kwargs={"key": window.key})).content.decode()
    assert "Locked meanwhile" in page
    assert "Power it up" not in page
