"""Content: what an admin leaves at a door of activation, and what devices of that dialect hear when they ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from devices.credentials import operations as credentials
from devices.models import Event
from provisioning.doors import refused_attempts
from provisioning.doors.activate import content
from provisioning.models import Door, DoorContent, DoorRefusal
from tests import builders
from tests.devices.api import Program, places
from tests.provisioning.doors.test_activate import activate, make_door, read_token

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db
PATH = "/provision/download"
BYTES = bytes(range(200))


@pytest.fixture(autouse=True)
def _remembers_nothing() -> None:
    content.debts._until.clear()


@pytest.fixture
def door(world: World) -> Door:
    return make_door(world.version, settings={"vendor": "acme", "model": "gateway"})


@pytest.fixture
def token(world: World, door: Door) -> str:
    return read_token(activate(world.waiting))


def leave(door: Door, world: World, name: str = "fw-1.2.bin", data: bytes = BYTES, **fields: str) -> DoorContent:
    told = {"content_type": "application/octet-stream", "meta": "1.2, stable"} | fields
    return content.upload(door=door, name=name, data=data, by=world.owner, **told)


def ask(token: str, query: str = "", path: str = PATH, **extra: Any) -> Any:
    return Client().get(f"{path}?{query}" if query else path, HTTP_X_EXOSITE_CIK=token, **extra)


def test_a_device_lists_what_there_is_a_line_each(world: World, door: Door, token: str) -> None:
    assert (ask(token).status_code, ask(token).content) == (200, b"")
    leave(door, world)
    leave(door, world, "boot.txt")
    answer = ask(token)
    assert (answer.status_code, answer.content) == (200, b"boot.txt\nfw-1.2.bin\n")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Length"] == "20"
    assert ask(token, path=f"/o/kanarra{PATH}").content == answer.content
    other_header = Client().get(PATH, HTTP_AUTHORIZATION=f"Token {token}")
    assert other_header.content == answer.content


def test_it_is_told_type_bytes_moment_and_note(world: World, door: Door, token: str) -> None:
    kept = leave(door, world)
    answer = ask(token, "id=fw-1.2.bin&info=true")
    moment = int(kept.updated_at.timestamp())
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.content.decode() == f"application/octet-stream,200,{moment},1.2, stable"


def test_it_downloads_the_whole(world: World, door: Door, token: str) -> None:
    leave(door, world)
    answer = ask(token, "id=fw-1.2.bin")
    assert (answer.status_code, answer.content) == (200, BYTES)
    assert answer["Content-Type"] == "application/octet-stream"
    assert (answer["Content-Length"], answer["Accept-Ranges"]) == ("200", "bytes")
    assert not answer.cookies


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=190-", 190, 200),
        ("bytes=-5", 195, 200),
        ("bytes=0-999", 0, 200),
        ("bytes=-999", 0, 200),
    ],
)
def test_a_range_is_206(world: World, door: Door, token: str, asked: str, begin: int, end: int) -> None:
    leave(door, world)
    answer = ask(token, "id=fw-1.2.bin", HTTP_RANGE=asked)
    assert (answer.status_code, answer.content) == (206, BYTES[begin:end])
    assert answer["Content-Range"] == f"bytes {begin}-{end - 1}/200"
    assert answer["Content-Length"] == str(end - begin)


@pytest.mark.parametrize("asked", ["", "bytes=", "bytes=-", "bytes=9-3", "lines=0-1", "bytes=0-1,5-6", "bytes=x-y"])
def test_a_range_that_is_not_understood_asks_for_everything(world: World, door: Door, token: str, asked: str) -> None:
    leave(door, world)
    assert ask(token, "id=fw-1.2.bin", HTTP_RANGE=asked).status_code == 200


@pytest.mark.parametrize("asked", ["bytes=200-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_behind_the_end_is_416(world: World, door: Door, token: str, asked: str) -> None:
    leave(door, world)
    answer = ask(token, "id=fw-1.2.bin", HTTP_RANGE=asked)
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */200")


@pytest.mark.parametrize("name", ["", "nope", "../fw-1.2.bin", "fw-1.2.bin%00", "%FF", "x" * 500])
def test_what_is_not_there_is_404(world: World, door: Door, token: str, name: str) -> None:
    leave(door, world)
    assert ask(token, f"id={name}").status_code == 404
    assert ask(token, f"id={name}&info=true").status_code == 404


def test_an_older_devices_vendor_and_model_are_to_be_the_doors(world: World, door: Door, token: str) -> None:
    leave(door, world)
    right = "vendor=acme&model=gateway"
    assert ask(token, right).content == b"fw-1.2.bin\n"
    assert ask(token, f"{right}&id=fw-1.2.bin").content == BYTES
    for wrong in ("vendor=other&model=gateway", "vendor=acme&model=other"):
        assert ask(token, wrong).status_code == 403
        assert ask(token, f"{wrong}&id=fw-1.2.bin").status_code == 403
    refused_attempts.refused_attempts.count()
    counted = DoorRefusal.objects.of(door).get(reason="content-of-another-vendor")
    assert (counted.count, counted.sample) == (4, world.waiting.serial)


def test_nobody_else_hears_of_it(world: World, door: Door, token: str) -> None:
    leave(door, world)
    other = make_door(world.version, name="Line 2")
    device = builders.make_device(world.version)
    leave(other, world, "other.bin")
    assert ask("0" * 40, "id=fw-1.2.bin").status_code == 401
    assert Client().get(PATH).status_code == 401
    assert ask(token, "id=other.bin").status_code == 404
    issued = credentials.issue_credential(device=device, by=None)
    assert ask(issued.access_secret).status_code == 401
    credentials.revoke_all_credentials([world.waiting], by=None)
    assert ask(token, "id=fw-1.2.bin").status_code == 401
    assert Client().post(PATH).status_code == 405


def test_an_admin_uploads_replaces_and_deletes_on_the_doors_page(client: Client, world: World, door: Door) -> None:
    client.force_login(world.owner)
    path = f"/doors/{door.key}/activate/content/"
    file = SimpleUploadedFile("fw.bin", BYTES)
    assert client.post(path, {"file": file, "meta": "1"}).status_code == 302
    again = SimpleUploadedFile("other name.bin", b"new")
    assert client.post(path, {"file": again, "name": "fw.bin", "content_type": "text/plain"}).status_code == 302
    kept = DoorContent.objects.get()
    assert (kept.name, bytes(kept.data), kept.size, kept.content_type, kept.meta) == (
        "fw.bin",
        b"new",
        3,
        "text/plain",
        "",
    )
    page = client.get(door.get_absolute_url()).content.decode()
    assert "fw.bin" in page
    assert "/o/kanarra/provision/download" in page
    assert client.get(f"{path}{kept.pk}/delete/").status_code == 302
    assert DoorContent.objects.exists()
    assert client.post(f"{path}{kept.pk}/delete/").status_code == 302
    assert not DoorContent.objects.exists()
    acts = [event.data["act"] for event in Event.objects.filter(kind=Event.Kind.DOOR_CHANGED).order_by("id")]
    assert acts == [
        "content fw.bin uploaded (200 bytes)",
        "content fw.bin uploaded (3 bytes)",
        "content fw.bin deleted",
    ]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "Choose a file."),
        ({"file": b""}, "This file is empty."),
        ({"file": b"x" * (content.LARGEST + 1)}, "bytes at most"),
        ({"file": b"x", "name": "../x"}, "A name has letters"),
        ({"file": b"x", "name": "a,b"}, "A name has letters"),
        ({"file": b"x", "content_type": "text/html, x"}, "Write a media type"),
    ],
)
def test_what_cant_be_kept_is_told_with_its_cause(
    client: Client, world: World, door: Door, sent: Any, words: str
) -> None:
    client.force_login(world.owner)
    form = sent | ({"file": SimpleUploadedFile("fw.bin", sent["file"])} if "file" in sent else {})
    answer = client.post(f"/doors/{door.key}/activate/content/", form)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not DoorContent.objects.exists()


def test_a_door_has_so_many_files_and_an_ended_one_takes_none(client: Client, world: World, door: Door) -> None:
    for number in range(content.MOST):
        leave(door, world, f"{number}.bin")
    client.force_login(world.owner)
    path, name = f"/doors/{door.key}/activate/content/", "x.bin"
    answer = client.post(path, {"file": SimpleUploadedFile(name, b"1")})
    assert (answer.status_code, "20 files already" in answer.content.decode()) == (409, True)
    assert client.post(path, {"file": SimpleUploadedFile("3.bin", b"1")}).status_code == 302
    Door.objects.filter(pk=door.pk).update(ended_at="2026-01-01T00:00:00Z")
    assert client.post(path, {"file": SimpleUploadedFile("3.bin", b"2")}).status_code == 409
    assert bytes(DoorContent.objects.get(name="3.bin").data) == b"1"
    assert DoorContent.objects.count() == content.MOST


def test_the_same_by_the_api(world: World, door: Door, token: str) -> None:
    program = Program(world.owner)
    path = f"doors/{door.key}/content/"
    made = program.send(path, {"file": SimpleUploadedFile("fw.bin", BYTES), "meta": "1.2"})
    assert made.status_code == 201
    shown, at = made.json(), made["Location"].removeprefix("/api/v1/")
    assert (shown["name"], shown["size"], shown["meta"]) == ("fw.bin", 200, "1.2")
    assert ask(token, "id=fw.bin").content == BYTES
    assert [each["name"] for each in program.get(path).json()["results"]] == ["fw.bin"]
    assert program.get(at).json() == shown
    bad = program.send(path, {"file": SimpleUploadedFile("fw.bin", b"1"), "name": "a b"})
    assert (bad.status_code, places(bad)) == (400, ["#/name"])
    assert program.delete(at).status_code == 204
    assert program.delete(at).status_code == 404
    assert ask(token, "id=fw.bin").status_code == 404
