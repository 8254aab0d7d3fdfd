"""A refusal says the same on pages and by the API, as somebody meets it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from devices.credentials import operations as credentials
from devices.lifecycle import edits, locks
from devices.models import Device, DeviceModel, LabelPrintJob
from devices.recipes import operations as recipes
from lib.refusals import CATALOGUE, Refusal
from provisioning.windows import operations as windows
from tenants.groups import operations as groups
from tests.devices.api import Program
from tests.devices.doing import ran, started
from tests.provisioning.conftest import ask_for, form_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World


class Pair(NamedTuple):
    """One refusal by both doors."""

    code: str
    page_status: int
    page: Any
    api: Any


class Doors:
    def __init__(self, world: World) -> None:
        self.world = world

    def ask(self, who: str) -> tuple[Client, Program]:
        client = Client()
        client.force_login(getattr(self.world, who))
        return client, Program(getattr(self.world, who))

    def scan(self, code: str, status: int, text: str, who: str = "technician") -> Pair:
        client, program = self.ask(who)
        page = client.post(reverse("provisioning:scan"), {"text": text})
        return Pair(code, status, page, program.post("windows/", {"text": text}))

    def place(self, code: str, window: Any) -> Pair:
        client, program = self.ask("technician")
        page = client.post(reverse("provisioning:place", kwargs={"key": window.key}), form_data(self.world))
        return Pair(code, 409, page, program.post(f"windows/{window.key}/complete/", form_data(self.world)))

    def post(self, code: str, status: int, name: str, api: str, who: str = "owner", **kwargs: Any) -> Pair:
        client, program = self.ask(who)
        return Pair(code, status, client.post(reverse(name, kwargs=kwargs)), program.post(api))


def foreign_code(doors: Doors) -> Pair:
    return doors.scan("not-a-label", 422, "WIFI:S:x;;")


def unknown_serial(doors: Doors) -> Pair:
    return doors.scan("serial-unknown", 404, "KPNOSUCHDEVICE")


def mistyped_serial(doors: Doors) -> Pair:
    return doors.scan("serial-mistyped", 404, "TMRY5AVJ28N6")


def busy(doors: Doors) -> Pair:
    windows.open_window(device=doors.world.waiting, by=doors.world.technician)
    return doors.scan("window-of-somebody-else", 409, doors.world.waiting.serial, "sibling")


def locked(doors: Doors) -> Pair:
    locks.lock_devices([doors.world.waiting], by=doors.world.owner)
    return doors.scan("device-locked", 409, doors.world.waiting.serial)


def not_pressed(doors: Doors) -> Pair:
    return doors.place("window-not-pressed", windows.open_window(device=doors.world.waiting, by=doors.world.technician))


def wrong_code(doors: Doors) -> Pair:
    ask_for(doors.world, "claim-code")
    window = windows.open_window(device=doors.world.waiting, by=doors.world.technician)
    client, program = doors.ask("technician")
    page = client.post(reverse("provisioning:prove", kwargs={"key": window.key}), {"code": "0000"})
    return Pair("wrong-code", 409, page, program.post(f"windows/{window.key}/proof/", {"code": "0000"}))


def cancelled(doors: Doors) -> Pair:
    window = windows.open_window(device=doors.world.waiting, by=doors.world.technician)
    windows.cancel_window(window=window, by=doors.world.technician)
    return doors.place("window-cancelled", window)


def taken_serial(doors: Doors) -> Pair:
    client, program = doors.ask("owner")
    recipe, serial = doors.world.version.recipe_id, doors.world.waiting.serial
    page = client.post(reverse("devices:new-one"), {"recipe": recipe, "serial": serial})
    return Pair("serial-taken", 409, page, program.post("devices/", {"recipe": recipe, "serial": serial}))


def enough_credentials(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> Pair:
    monkeypatch.setattr(credentials, "MAX_LIVE", 0)
    serial = doors.world.placed.serial
    api = f"devices/{serial}/credentials/"
    return doors.post("too-many-credentials", 409, "devices:credential-issue", api, "admin", serial=serial)


def activated(doors: Doors) -> Pair:
    serial = doors.world.placed.serial
    Device.objects.filter(serial=serial).update(activated_at=Now())
    api = f"devices/{serial}/open-again/"
    return doors.post("activation-not-needed", 409, "devices:open-again", api, "admin", serial=serial)


def model_in_use(doors: Doors) -> Pair:
    client, program = doors.ask("owner")
    model = DeviceModel.objects.get(organisation=doors.world.kanarra)
    Device.objects.filter(pk=doors.world.placed.pk).update(model=model)
    page = client.post(reverse("devices:model-delete", kwargs={"pk": model.pk}))
    return Pair("model-in-use", 409, page, program.delete(f"models/{model.pk}/"))


def parent_of_devices(doors: Doors) -> Pair:
    client, program = doors.ask("owner")
    holder = doors.world.anaheim
    page = client.post(reverse("tenants:group-create", kwargs={"pk": holder.pk}), {"new-name": "Wing"})
    return Pair("group-holds-devices", 422, page, program.post("groups/", {"name": "Wing", "parent": holder.pk}))


def group_in_use(doors: Doors) -> Pair:
    client, program = doors.ask("owner")
    page = client.post(reverse("tenants:group-delete", kwargs={"pk": doors.world.anaheim.pk}))
    return Pair("group-in-use", 422, page, program.delete(f"groups/{doors.world.anaheim.pk}/"))


def own_group(doors: Doors) -> Pair:
    sadler = doors.world.sadler.pk
    return doors.post(
        "group-beyond-your-powers", 409, "tenants:group-archive", f"groups/{sadler}/archive/", "admin", pk=sadler
    )


def last_admin(doors: Doors) -> Pair:
    owner = doors.world.owner.pk
    client, program = doors.ask("owner")
    page = client.post(reverse("tenants:person-remove", kwargs={"pk": owner}))
    return Pair("last-admin", 422, page, program.delete(f"people/{owner}/"))


def ended_action(doors: Doors) -> Pair:
    key = ran(started("lock", doors.world.owner)).key
    return doors.post("job-ended", 409, "devices:action-cancel", f"actions/{key}/cancel/", key=key)


def undone_action(doors: Doors) -> Pair:
    key = ran(started("reissue", doors.world.owner)).key
    return doors.post("not-undoable", 409, "devices:action-undo", f"actions/{key}/undo/", key=key)


def no_range(doors: Doors) -> Pair:
    client, program = doors.ask("viewer")
    serial = doors.world.placed.serial
    page = client.get(reverse("telemetry:export", kwargs={"serial": serial}), {"range": "2h"})
    return Pair("range-unknown", 400, page, program.get(f"devices/{serial}/telemetry/", range="2h"))


def empty_file(doors: Doors) -> Pair:
    client, program = doors.ask("owner")
    recipe = doors.world.version.recipe_id
    sent = [{"recipe": recipe, "file": SimpleUploadedFile("a.csv", b"Serial\n")} for _ in range(2)]
    page = client.post(reverse("devices:import-new"), sent[0])
    return Pair("file-without-rows", 422, page, program.send("imports/", sent[1]))


def no_file(doors: Doors) -> Pair:
    client, program = doors.ask("owner")
    made = program.post("labels/", {"serials": [doors.world.placed.serial]}).json()
    LabelPrintJob.objects.update(devices=[doors.world.placed.pk, 999_999])
    page = client.get(reverse("devices:sheet-file", kwargs={"key": made["key"]}))
    return Pair("devices-departed", 410, page, program.get(f"labels/{made['key']}/file/"))


def gateway_elsewhere(doors: Doors) -> Pair:
    client, program = doors.ask("owner")
    serial, sent = doors.world.placed.serial, {"gateway": doors.world.foreign.serial}
    page = client.post(reverse("devices:gateways", kwargs={"serial": serial}), sent)
    return Pair("tie-across-groups", 409, page, program.post(f"devices/{serial}/gateways/", sent))


PAIRS: list[Callable[..., Pair]] = [
    foreign_code, unknown_serial, mistyped_serial, busy, locked, not_pressed, cancelled, taken_serial, activated,
    wrong_code,
    model_in_use, parent_of_devices, group_in_use, own_group, last_admin, ended_action, undone_action, no_range,
    empty_file, no_file, gateway_elsewhere,
]  # fmt: skip


@pytest.mark.parametrize("make", PAIRS, ids=lambda make: make.__name__)
def test_page_and_api_say_the_same(world: World, make: Callable[..., Pair]) -> None:
    check(make(Doors(world)))


def test_page_and_api_say_the_same_of_credentials(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    check(enough_credentials(Doors(world), monkeypatch))


def check(pair: Pair) -> None:
    kind = CATALOGUE[pair.code]
    told = pair.api.json()
    assert pair.api["Content-Type"] == "application/problem+json"
    assert (pair.api.status_code, told["status"], told["code"]) == (kind.status, kind.status, pair.code), told
    assert told["type"] == f"/api/docs/#problem-{pair.code}"
    page = " ".join(pair.page.content.decode().split())
    assert pair.page.status_code == pair.page_status, page[-3000:]
    happened = told["detail"].removesuffix(told["next_step"]).strip()
    for words in (happened, told["next_step"]):
        assert words
        assert escape(words) in page, words


# What a form keeps, and what is no refusal -------------------------------------------------------


def test_a_form_comes_back_with_what_was_typed(world: World) -> None:
    client, _ = Doors(world).ask("owner")
    data = {"recipe": world.version.recipe_id, "serial": world.waiting.serial, "name": "Generator nine"}
    page = client.post(reverse("devices:new-one"), data).content.decode()
    assert 'value="Generator nine"' in page
    assert "There is a device with the serial" in page


def test_a_change_that_comes_too_late_keeps_what_was_typed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = Doors(world).ask("admin")
    change = edits.change_device

    def late(*, device: Device, **to: Any) -> bool:
        Device.objects.filter(pk=device.pk).update(name="Somebody else's")
        return change(device=device, **to)

    monkeypatch.setattr(edits, "change_device", late)
    url = reverse("devices:edit", kwargs={"serial": world.placed.serial})
    answer = client.post(url, {"name": "Mine", "description": "", "tags": ""})
    assert (answer.status_code, 'value="Mine"' in answer.content.decode()) == (409, True)
    assert "was changed or moved meanwhile" in answer.content.decode()


def test_htmx_is_led_to_the_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "MAX_LIVE", 0)
    client, _ = Doors(world).ask("admin")
    serial = {"serial": world.placed.serial}
    answer = client.post(reverse("devices:credential-issue", kwargs=serial), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == reverse("devices:credentials", kwargs=serial)
    assert "working credentials already" in client.get(answer["HX-Redirect"]).content.decode()


def test_what_is_no_refusal_is_a_fault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**kwargs: object) -> None:
        raise RuntimeError("our own")

    for module, name in ((credentials, "issue_credential"), (groups, "create"), (recipes, "change")):
        monkeypatch.setattr(module, name, fail)
    client = Client(raise_request_exception=False)
    client.force_login(world.owner)
    pages = [
        client.post(reverse("devices:credential-issue", kwargs={"serial": world.placed.serial})),
        client.post(reverse("tenants:group-create", kwargs={"pk": world.sadler.pk}), {"new-name": "New"}),
    ]
    assert [page.status_code for page in pages] == [500, 500]
    answer = client.post(f"/api/v1/devices/{world.placed.serial}/credentials/", {}, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (500, "server-error")
    assert "our own" not in answer.content.decode()


def test_a_refusal_undoes_what_its_transaction_did(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision comes before the answer: pages and API both run after the rollback."""
    before = list(Device.objects.order_by("pk").values())
    with pytest.raises(Refusal):
        windows.finish_window(
            window=windows.open_window(device=world.waiting, by=world.technician),
            by=world.technician,
            name="KP002",
            group=world.anaheim,
            model=DeviceModel.objects.get(organisation=world.kanarra),
        )
    assert list(Device.objects.order_by("pk").values()) == before


# Words that said less -----------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["-1", "0", "x", ""])
def test_the_first_free_label(world: World, start: str) -> None:
    client, _ = Doors(world).ask("admin")
    page = client.get(reverse("devices:sheets"), {"start": start, "chosen": "1"}).content.decode()
    assert "Labels are counted from 1" in page
    assert "Ensure this value" not in page


def test_an_address_that_is_none(world: World) -> None:
    client, _ = Doors(world).ask("admin")
    url = reverse("tenants:invite-send", kwargs={"pk": world.sadler.pk})
    answer = client.post(url, {"email": "nobody@", "role": "10"})
    assert answer.status_code == 422
    assert "Write it whole, such as name@company.example." in answer.content.decode()


@pytest.mark.parametrize("query", [{"page": "-1"}, {"after": "x"}, {"before": "[]"}])
def test_a_page_of_the_list_that_is_none(world: World, query: dict[str, str]) -> None:
    client, _ = Doors(world).ask("viewer")
    answer = client.get("/", query)
    assert answer.status_code == 400
    assert "The list has no such page." in answer.content.decode()
    assert "Begin at its first one." in answer.content.decode()


@pytest.mark.parametrize("name", ["429", "429_downloads", "429_overtaken", "429_uploads", "503", "408"])
def test_what_may_be_tried_again_is_tried_in_place(name: str) -> None:
    assert '<a class="btn btn-primary" href="">' in render_to_string(f"{name}.html")
