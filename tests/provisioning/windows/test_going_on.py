"""What carries over: a form that is sent again, the last group, and what a mistyped serial's length tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from devices.lifecycle import retirement
from devices.models import Device, Event
from provisioning.windows import operations as windows
from tests import builders
from tests.provisioning.conftest import form_data, pressed_window, report_press

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from provisioning.models import Window
    from tests.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def technician(client: Client, world: World) -> Client:
    client.force_login(world.technician)
    return client


def place(client: Client, window: Window, data: dict[str, object]) -> HttpResponse:
    return client.post(reverse("provisioning:place", kwargs={"key": window.key}), data)  # type: ignore[return-value]


def test_what_is_sent_again_leads_to_the_device_and_does_nothing(technician: Client, world: World) -> None:
    window = pressed_window(world)
    answers = [place(technician, window, form_data(world)) for _ in range(3)]
    there = reverse("telemetry:dashboard", kwargs={"serial": world.waiting.serial})
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, there)] * 3
    assert Event.objects.filter(device=world.waiting, kind=Event.Kind.PROVISIONED).count() == 1
    assert technician.get(there).content.decode().count("is placed in") == 1


@pytest.mark.parametrize("status", ["locked", "retired"])
def test_who_can_change_what_hinders_is_led_there(client: Client, world: World, status: str) -> None:
    if status == "retired":
        retirement.retire_devices([world.waiting], by=world.owner)
    else:
        Device.objects.filter(pk=world.waiting.pk).update(locked_at=Now())
    there = f'<a href="{reverse("telemetry:dashboard", kwargs={"serial": world.waiting.serial})}">Open its page</a>'
    for user, led in ((world.owner, True), (world.technician, False)):
        client.force_login(user)
        answer = client.post(reverse("provisioning:scan"), {"text": world.waiting.serial})
        assert answer.status_code == 409
        assert (there in answer.content.decode()) is led


@pytest.mark.parametrize("change", ["name", "renamed since", "moved since", "cancelled"])
def test_anything_else_is_refused_as_before(technician: Client, world: World, change: str) -> None:
    window, data = pressed_window(world), form_data(world)
    if change == "cancelled":
        windows.cancel_window(window=window, by=world.technician)
    else:
        place(technician, window, data)
    if change == "renamed since":
        Device.objects.filter(pk=world.waiting.pk).update(name="Other")
    elif change == "moved since":
        Device.objects.filter(pk=world.waiting.pk).update(group=world.boise)
    elif change == "name":
        data["name"] = "Other"
    assert place(technician, window, data).status_code == 409


def test_the_last_group_is_offered_first(technician: Client, world: World) -> None:
    other = builders.make_group(world.region, "Harbor")
    window = pressed_window(world)
    page = reverse("provisioning:window", kwargs={"key": window.key})
    assert "As with the last device" not in technician.get(page).content.decode()
    answer = technician.post(
        reverse("provisioning:place", kwargs={"key": window.key}), form_data(world, group=other.pk), follow=True
    )
    assert f'<a href="{reverse("provisioning:register")}">Another one here</a>' in answer.content.decode()
    device = builders.make_device(world.version, name="Next")
    window = windows.open_window(device=device, by=world.technician)
    report_press(device)
    html = technician.get(reverse("provisioning:window", kwargs={"key": window.key})).content.decode()
    assert f'<option value="{other.pk}" selected>' in html
    assert "As with the last device that you registered." in html


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TMRY5AVJ28N", "it has 11 characters, labels here have 12"),
        ("TMRY-5AVJ-28N6-7", "it has 13 characters, labels here have 12"),
        ("TMRY5AVJ28", "There is no device with this serial that you can register."),
        ("TMRY5AVJ28N6", "its check characters don&#x27;t fit"),
    ],
)
def test_a_length_that_no_label_has_is_told(technician: Client, text: str, said: str) -> None:
    answer = technician.post(reverse("provisioning:scan"), {"text": text})
    assert answer.status_code == 404
    assert said in answer.content.decode()


def test_lengths_are_told_where_every_format_has_one(technician: Client, world: World) -> None:
    def scan(text: str) -> str:
        return technician.post(reverse("provisioning:scan"), {"text": text}).content.decode()

    world.version.identity = {"kind": "base10", "length": 15, "prefix": "KG-"}
    world.version.save()
    assert "it has 18 characters, labels here have 12 or 17" in scan("KG1234567890123456")
    world.version.identity = {"kind": "opaque"}
    world.version.save()
    assert "labels here have" not in scan("TMRY5AVJ28N")
