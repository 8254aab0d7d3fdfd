"""The same steps for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from provisioning.models import Window
from provisioning.windows import operations as windows
from tenants.models import Role
from tests.devices.api import Program, kind
from tests.provisioning.conftest import end_in, form_data, pressed_window, report_press

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.fixture
def technician(client: Client, world: World) -> Client:
    client.force_login(world.technician)
    return client


def url(name: str, window: Window) -> str:
    return reverse(f"provisioning:api-{name}", kwargs={"key": window.key})


def test_open_press_complete(technician: Client, world: World) -> None:
    opened = technician.post(reverse("provisioning:api-windows"), {"text": world.waiting.serial}, "application/json")
    assert opened.status_code == 201
    window = Window.objects.get(key=opened.json()["key"])
    assert opened.json()["state"] == "waiting"
    report_press(world.waiting)
    assert technician.get(url("window", window)).json()["state"] == "pressed"
    done = technician.post(url("complete", window), form_data(world), "application/json")
    assert (done.status_code, done.json()["state"]) == (200, "completed")
    world.waiting.refresh_from_db()
    assert world.waiting.group == world.anaheim


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        ("WIFI:S:x;;", 400, "Wi-Fi"),
        ("", 400, "This is empty."),
        ("KPNOSUCHDEVICE", 404, "no device with this serial"),
        (None, 400, "null"),
        ([], 400, "Send a text."),
        ("a" * 2000, 400, "1024"),
    ],
)
def test_problems_are_problem_json(technician: Client, text: object, status: int, says: str) -> None:
    answer = technician.post(reverse("provisioning:api-windows"), {"text": text}, "application/json")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert says in str(answer.json())


def test_not_json_and_no_object(technician: Client) -> None:
    for body in ("{", "[]", "1", '"x"', "[" * 100_000):
        assert technician.post(reverse("provisioning:api-windows"), body, "application/json").status_code == 400


def test_absent_and_not_yours_answer_alike(technician: Client, world: World) -> None:
    answers = {
        technician.post(reverse("provisioning:api-windows"), {"text": text}, "application/json").content
        for text in ("KPNOSUCHDEVICE", world.foreign.serial, world.alien.serial)
    }
    assert len(answers) == 1


def test_who_sees_a_placed_device_is_told_that_it_is_placed(technician: Client, world: World) -> None:
    answer = technician.post(reverse("provisioning:api-windows"), {"text": world.placed.serial}, "application/json")
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (409, "problem-device-placed")


def test_busy_and_late_and_unpressed_are_conflicts(technician: Client, world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    assert technician.post(url("complete", window), form_data(world), "application/json").status_code == 409
    windows.cancel_window(window=window, by=world.technician)
    assert technician.post(url("cancel", window)).status_code == 409
    late = pressed_window(world)
    end_in(late, milliseconds=-1)
    assert technician.post(url("complete", late), form_data(world), "application/json").status_code == 409
    windows.open_window(device=world.waiting, by=world.sibling)
    busy = technician.post(reverse("provisioning:api-windows"), {"text": world.waiting.serial}, "application/json")
    assert (busy.status_code, "Somebody else" in busy.json()["detail"]) == (409, True)


def test_a_bad_form_names_its_fields(technician: Client, world: World) -> None:
    window = pressed_window(world)
    data = form_data(world, group=world.boise.pk, name="")
    answer = technician.post(url("complete", window), data, "application/json")
    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {"#/group", "#/name"}


@pytest.mark.parametrize("name", ["\\ud800", "a\\u0000b", ["a"], {"a": 1}, None, 7])
def test_strange_names_are_no_server_error(technician: Client, world: World, name: object) -> None:
    window = pressed_window(world)
    body = json.dumps(form_data(world, name=name)).replace("\\\\", "\\")
    assert technician.post(url("complete", window), body, "application/json").status_code in {200, 400}


@pytest.mark.parametrize("data", [{"group-sought": ["x"]}, {"group": [1], "model": {}}, {"group": 10**400}, [], "x"])
def test_what_is_no_form_is_no_server_error(
    technician: Client, world: World, data: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there are more groups than a list holds."""
    monkeypatch.setattr("tenants.picker.LISTED", 0)
    answer = technician.post(url("complete", pressed_window(world)), json.dumps(data), "application/json")
    assert answer.status_code == 400


def test_others_windows_do_not_exist(client: Client, world: World) -> None:
    window = pressed_window(world)
    client.force_login(world.sibling)
    assert client.get(url("window", window)).status_code == 404
    assert client.post(url("complete", window), form_data(world), "application/json").status_code == 404
    assert client.post(url("cancel", window)).status_code == 404


def test_a_narrow_token_meets_the_windows_that_it_opened(technician: Client, world: World) -> None:
    """Of its person it may do less than all, and the person opened others: on the page, or with other tokens."""
    opened = pressed_window(world)
    one, other = (Program(world.technician, world.anaheim, Role.TECHNICIAN) for _ in range(2))
    at = f"windows/{opened.key}/"
    assert kind(one.get(at)) == kind(one.post(f"{at}cancel/")) == "not-found"
    assert kind(one.post(f"{at}complete/", form_data(world))) == "not-found"
    busy = one.post("windows/", {"text": world.waiting.serial})
    assert (busy.status_code, "opened a window on this device in another way" in busy.content.decode()) == (409, True)
    opened.refresh_from_db()
    assert (opened.closed_at, opened.pressed_at is None) == (None, False)
    assert technician.post(url("cancel", opened)).status_code == 200
    own = f"windows/{one.post('windows/', {'text': world.waiting.serial}).json()['key']}/"
    assert kind(other.get(own)) == "not-found"
    assert [one.get(own).json()["state"], technician.get(f"/api/v1/{own}").json()["state"]] == ["waiting", "waiting"]
    again = one.post("windows/", {"text": world.waiting.serial}).json()["key"]
    assert one.get(own).json()["state"] == "superseded"
    assert one.post(f"windows/{again}/cancel/").json()["state"] == "cancelled"


def test_a_token_for_the_whole_organisation_meets_all_of_its_person(client: Client, world: World) -> None:
    client.force_login(world.owner)
    opened = client.post(reverse("provisioning:api-windows"), {"text": world.waiting.serial}, "application/json")
    key = opened.json()["key"]
    assert Program(world.owner, world.kanarra.root).get(f"windows/{key}/").json()["key"] == key
