"""Labels for programs: of one device, and sheets of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices import tasks
from devices.labels import printing
from devices.models import Device, File, LabelPrintJob
from tenants.models import ApiToken
from tenants.tokens import operations as tokens
from tests import builders
from tests.devices.api import Program, content, kind, places

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World


@pytest.fixture
def admin(world: World) -> Program:
    return Program(world.admin)


def path(answer: Any) -> str:
    assert answer.status_code == 201, answer.content
    return str(answer["Location"]).removeprefix("/api/v1/")


def test_few_are_there_at_once(admin: Program, world: World) -> None:
    sent = {"serials": [world.placed.serial], "options": {"stock": "l7160", "with_name": False, "level": "M"}}
    made = admin.post("labels/", sent, key="one")
    told = made.json()
    assert (told["state"], told["total"], told["of"]) == ("done", 1, "1 serials")
    file = admin.client.get(told["file"], headers={"Accept": "application/pdf"})
    assert (file.status_code, file["Content-Type"]) == (200, "application/pdf")
    assert content(file).startswith(b"%PDF")
    assert admin.post("labels/", sent, key="one").json() == told
    assert [row["key"] for row in admin.get("labels/").json()["results"]] == [told["key"]]
    assert kind(admin.post(f"{path(made)}cancel/")) == "job-ended"
    File.objects.all().delete()
    assert kind(admin.get(f"{path(made)}file/")) == "file-expired"


def test_many_are_left_to_a_worker(admin: Program, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "STRAIGHT", 0)
    at, second = (path(admin.post("labels/", {"filter": {}})) for _ in range(2))
    assert (admin.get(at).json()["state"], admin.get(at).json()["file"]) == ("waiting", None)
    assert kind(admin.get(f"{at}file/")) == "file-not-ready"
    assert admin.post(f"{second}cancel/").json()["state"] == "cancelled"
    tasks.make_sheet(LabelPrintJob.objects.get(state="waiting").pk)
    assert admin.get(at).json()["state"] == "done"


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({}, "#"),
        ({"serials": []}, "#/serials"),
        ({"serials": ["foreign"]}, "#/serials"),
        ({"filter": {"group": "foreign"}}, "#/filter/group"),
        ({"filter": {"model": 999_999}}, "#/filter/model"),
        ({"filter": {"since": "2999-01-01"}}, "#"),
        ({"filter": {}, "options": {"stock": "paper"}}, "#/options/stock"),
        ({"filter": {}, "options": {"start": 999}}, "#/options/start"),
        ({"filter": {}, "options": {"colour": "red"}}, "#/options/colour"),
    ],
)
def test_what_is_refused(admin: Program, world: World, sent: dict[str, Any], place: str) -> None:
    if sent.get("serials") == ["foreign"]:
        sent = {"serials": [world.foreign.serial]}
    if sent.get("filter") == {"group": "foreign"}:
        sent = {"filter": {"group": world.boise.pk}}
    assert places(admin.post("labels/", sent)) == [place]
    assert not LabelPrintJob.objects.exists()


def test_a_tokens_sheet_holds_what_it_reaches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a worker makes it, who knows the person."""
    group = builders.make_group(world.sadler, "San Diego")
    builders.make_device(world.version, group=group, by=world.owner)
    monkeypatch.setattr(printing, "STRAIGHT", 0)
    narrow, whole = Program(world.admin, world.region), Program(world.admin)
    at, wide = path(narrow.post("labels/", {"filter": {}})), path(whole.post("labels/", {"filter": {}}))
    for sheet in LabelPrintJob.objects.all():
        tasks.make_sheet(sheet.pk)
    assert [narrow.get(at).json()["done"], whole.get(wide).json()["done"]] == [1, 2]
    assert kind(narrow.get(wide)) == kind(narrow.get(f"{wide}file/")) == kind(narrow.post(f"{wide}cancel/"))
    assert len(narrow.get("labels/").json()["results"]) == 1
    late = path(narrow.post("labels/", {"filter": {}}))
    for token in ApiToken.objects.all():
        tokens.revoke(token=token, by=world.admin)
    tasks.make_sheet(LabelPrintJob.objects.latest("pk").pk)
    assert (whole.get(late).json()["state"], whole.get(late).json()["file"]) == ("failed", None)


def test_one_devices_label_in_every_form(admin: Program, world: World) -> None:
    at = f"devices/{world.placed.serial}/label"
    svg, png, pdf = (admin.get(f"{at}.{form}", level="H", side=12) for form in ("svg", "png", "pdf"))
    assert (svg["Content-Type"], svg.content[:5]) == ("image/svg+xml", b"<svg ")
    assert (png["Content-Type"], png.content[:4]) == ("image/png", b"\x89PNG")
    assert (pdf["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    accepting = admin.client.get(f"/api/v1/{at}.png", headers={"Accept": "image/png"})
    assert accepting.status_code == 200
    for form in ("svg", "png", "pdf"):
        assert places(admin.get(f"{at}.{form}", level="Z")) == ["level"]
        assert places(admin.get(f"{at}.{form}", colour="red")) == ["colour"]
        assert kind(admin.get(f"devices/{world.foreign.serial}/label.{form}")) == "not-found"


def test_what_can_not_be_printed_at_all(admin: Program, world: World, settings: Settings) -> None:
    settings.SITE_URLS = [f"https://{'handover.' * 20}example"]
    long = "X" * 64
    Device.objects.filter(pk=world.placed.pk).update(serial=long, serial_key=long)
    small = {"stock": "l4731", "dpi": "203", "content": "url", "level": "H"}
    assert places(admin.get(f"devices/{long}/label.pdf", **small)) == ["stock"]
    assert places(admin.post("labels/", {"filter": {}, "options": small})) == ["#/options/stock"]
