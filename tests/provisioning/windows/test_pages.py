"""The technician's pages, as a browser without JavaScript meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.models import Device, DeviceModel, Event
from devices.refusals import DEVICE_MOVED
from provisioning.models import Window
from provisioning.windows import operations as windows
from tests.provisioning.conftest import end_in, form_data, pressed_window, report_press
from tests.refused import refused

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from tests.conftest import World


@pytest.fixture
def technician(client: Client, world: World) -> Client:
    client.force_login(world.technician)
    return client


def scan(client: Client, text: str) -> HttpResponse:
    return client.post(reverse("provisioning:scan"), {"text": text, "via": "typed"})  # type: ignore[return-value]


def url(name: str, window: Window) -> str:
    return reverse(f"provisioning:{name}", kwargs={"key": window.key})


def test_from_scan_to_dashboard(technician: Client, world: World) -> None:
    answer = scan(technician, world.waiting.serial_grouped.lower())
    window = Window.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, url("window", window))
    assert "Press the register button" in technician.get(answer["Location"]).content.decode()
    report_press(world.waiting)
    page = technician.get(answer["Location"]).content.decode()
    assert '<optgroup label="Sadler-Isberg › Los Angeles">' in page
    assert "Tekton" not in page
    answer = technician.post(url("place", window), form_data(world))  # type: ignore[assignment]
    assert answer["Location"] == reverse("telemetry:dashboard", kwargs={"serial": world.waiting.serial})
    world.waiting.refresh_from_db()
    assert world.waiting.group == world.anaheim
    assert technician.get(url("window", window))["Location"] == answer["Location"]


def test_reloading_moves_nothing(technician: Client, world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    before = Window.objects.values().get()
    for _ in range(20):
        assert technician.get(url("window", window)).status_code == 200
    assert Window.objects.values().get() == before


def test_the_panel_alone_for_htmx(technician: Client, world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    part = technician.get(url("window", window), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'data-state="waiting"' in part


def test_never_a_word_of_the_devices_telemetry(technician: Client, world: World) -> None:
    world.kanarra.allow_reprovisioning = True
    world.kanarra.save()
    window = windows.open_window(device=world.foreign, by=world.technician)
    page = technician.get(url("window", window)).content.decode()
    assert "Canary" not in page
    assert "Boise" not in page


def test_the_form_does_not_tell_what_another_tenant_calls_its_device(technician: Client, world: World) -> None:
    world.kanarra.allow_reprovisioning = True
    world.kanarra.save()
    window = windows.open_window(device=world.foreign, by=world.technician)
    report_press(world.foreign)
    page = technician.get(url("window", window)).content.decode()
    assert 'data-state="pressed"' in page
    assert "Canary" not in page


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        ("WIFI:T:WPA;S:x;;", 422, "This is a Wi-Fi code"),
        ("javascript:alert(1)", 422, "This is a script"),
        ("https://evil.example/d/1", 422, "another site (evil.example)"),
        ("<script>alert(1)</script>", 422, "no serial number"),
        ("A" * 4096, 422, "at most 1024 characters"),
        ("", 422, "Scan the label"),
        ("NOSUCHSERIAL9", 404, "no device with this serial"),
        ("TMRY5AVJ28N6", 404, "most likely a character is mistyped"),
    ],
)
def test_bad_texts_open_nothing_and_say_why(technician: Client, text: str, status: int, says: str) -> None:
    answer = scan(technician, text)
    assert answer.status_code == status
    assert says in answer.content.decode()
    assert "<script>alert" not in answer.content.decode()
    assert not Window.objects.exists()


def test_absent_and_not_yours_answer_alike(technician: Client, world: World) -> None:
    def body(text: str) -> tuple[int, str]:
        answer = scan(technician, text)
        page = answer.content.decode().replace(text, "SERIAL")
        token = page.split('name="csrfmiddlewaretoken" value="')[1:]
        for part in token:
            page = page.replace(part.split('"')[0], "TOKEN")
        return answer.status_code, page

    absent = body("KPNOSUCHDEVICE")
    assert body(world.alien.serial) == absent
    assert body(world.foreign.serial) == absent
    assert not Window.objects.exists()


def test_a_device_of_ones_own_leads_to_its_dashboard(technician: Client, world: World) -> None:
    answer = scan(technician, world.placed.serial)
    assert answer.status_code == 409
    assert reverse("telemetry:dashboard", kwargs={"serial": world.placed.serial}) in answer.content.decode()


def test_a_second_technician_is_told(client: Client, world: World) -> None:
    windows.open_window(device=world.waiting, by=world.technician)
    client.force_login(world.sibling)
    answer = scan(client, world.waiting.serial)
    assert answer.status_code == 409
    assert "Somebody else is registering this device, for another 5 min" in answer.content.decode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": ""}, "Give the device a name"),
        ({"name": "x" * 121}, "at most 120"),
        ({"name": "a\x1bb"}, "Leave control characters out"),
        ({"group": ""}, "Choose where"),
        ({"group": "region"}, "This group can"),
        ({"group": "boise"}, "This group can"),
        ({"group": "other_site"}, "This group can"),
        ({"group": "999999"}, "This group can"),
        ({"group": "abc"}, "This group can"),
        ({"model": "999999"}, "This model is not supported"),
        ({"model": "foreign"}, "This model is not supported"),
    ],
)
def test_a_bad_form_comes_back_with_its_reason(
    technician: Client, world: World, change: dict[str, str], says: str
) -> None:
    window = pressed_window(world)
    data = form_data(world, **change)
    if hasattr(world, str(data["group"])):
        data["group"] = getattr(world, str(data["group"])).pk
    if data["model"] == "foreign":
        data["model"] = DeviceModel.objects.get(organisation=world.other).pk
    answer = technician.post(url("place", window), data)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    world.waiting.refresh_from_db()
    window.refresh_from_db()
    assert (world.waiting.group, window.closed_at) == (None, None)


def test_finishing_without_press_says_so(technician: Client, world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    answer = technician.post(url("place", window), form_data(world))
    assert answer.status_code == 409
    assert "has not been pressed" in answer.content.decode()


def test_finishing_too_late_says_so(technician: Client, world: World) -> None:
    window = pressed_window(world)
    end_in(window, milliseconds=-1)
    answer = technician.post(url("place", window), form_data(world))
    assert answer.status_code == 409
    assert "The time is up" in answer.content.decode()
    assert Device.objects.get(pk=world.waiting.pk).group is None


def test_an_expired_window_is_closed_for_every_reader_with_no_worker_at_all(technician: Client, world: World) -> None:
    window = pressed_window(world)
    end_in(window, milliseconds=-1)
    assert "The time is up" in technician.get(url("window", window)).content.decode()
    shown = technician.get(reverse("provisioning:api-window", kwargs={"key": window.key})).json()
    assert shown["state"] == "expired"


def test_cancel(technician: Client, world: World) -> None:
    window = pressed_window(world)
    assert technician.post(url("cancel", window))["Location"] == reverse("provisioning:register")
    assert "Cancelled" in technician.get(url("window", window)).content.decode()
    assert "was cancelled" in technician.post(url("place", window), form_data(world)).content.decode()


def test_somebody_elses_window_does_not_exist(client: Client, world: World) -> None:
    window = pressed_window(world)
    for person in (world.admin, world.sibling, world.viewer, world.stranger, world.owner):
        client.force_login(person)
        assert client.get(url("window", window)).status_code == 404
        assert client.get(url("stream", window)).status_code == 404
        assert client.post(url("place", window), form_data(world)).status_code == 404
        assert client.post(url("cancel", window)).status_code == 404
    window.refresh_from_db()
    assert window.closed_at is None


def test_a_technician_who_lost_the_role_lost_the_window(technician: Client, world: World) -> None:
    window = pressed_window(world)
    world.technician.memberships.update(role=10)
    assert technician.get(url("window", window)).status_code == 404
    assert technician.post(url("place", window), form_data(world)).status_code == 404


def test_the_labels_address(client: Client, world: World) -> None:
    def opens(person: str, serial: str) -> str | int:
        client.force_login(getattr(world, person))
        answer = client.get(reverse("provisioning:label", kwargs={"serial": serial}))
        return answer["Location"] if answer.status_code == 302 else answer.status_code

    register = f"{reverse('provisioning:register')}?serial={world.waiting.serial}"
    assert opens("viewer", world.placed.serial) == reverse(
        "telemetry:dashboard", kwargs={"serial": world.placed.serial}
    )
    assert opens("technician", world.waiting.serial) == register
    assert opens("viewer", world.waiting.serial) == 404
    assert opens("technician", world.foreign.serial) == 404
    assert opens("stranger", world.waiting.serial) == 404
    client.force_login(world.technician)
    assert f'value="{world.waiting.serial}"' in client.get(register).content.decode()


def test_only_technicians_see_the_register_page(client: Client, world: World) -> None:
    for person, status in (("technician", 200), ("admin", 200), ("viewer", 404), ("stranger", 200)):
        client.force_login(getattr(world, person))
        assert client.get(reverse("provisioning:register")).status_code == status


def test_the_event_names_who_did_it(technician: Client, world: World) -> None:
    window = pressed_window(world)
    technician.post(url("place", window), form_data(world))
    assert Event.objects.get(kind="provisioned", device=world.waiting).by == world.technician


def test_who_comes_by_get_is_led_back(technician: Client, world: World) -> None:
    window = pressed_window(world)
    assert technician.get(reverse("provisioning:scan"))["Location"] == reverse("provisioning:register")
    assert technician.get(url("place", window))["Location"] == url("window", window)
    assert technician.get(url("cancel", window))["Location"] == url("window", window)
    window.refresh_from_db()
    assert window.closed_at is None


def test_a_role_lost_while_the_form_was_checked_does_not_finish(world: World) -> None:
    window = pressed_window(world)
    assert world.technician.grants  # read before, as a request would have
    world.technician.memberships.update(role=10)
    model = DeviceModel.objects.get(organisation=world.kanarra)
    with refused(DEVICE_MOVED):
        windows.finish_window(window=window, by=world.technician, name="KP002", group=world.anaheim, model=model)
    window.refresh_from_db()
    assert window.closed_at is None
