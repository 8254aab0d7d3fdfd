"""Imports for programs: the whole job, from a file to the credentials, as docs/api.md tells it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook

from devices import tasks
from devices.credentials import operations as credentials
from devices.models import Device, File, Import, RecipeVersion
from tenants.models import Role
from tests import builders
from tests.devices.api import Program, body, kind, places
from tests.devices.imports.workbooks import save

if TYPE_CHECKING:
    from tests.conftest import World

PLAIN = "Serial,Name,Hall\nAB-01,First,north\nAB-02,Zweites Gerät,\n"


@pytest.fixture
def owner(world: World) -> Program:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "opaque"})
    return Program(world.owner, world.kanarra.root)


def upload(program: Program, world: World, text: str | bytes = PLAIN, key: str = "", **change: Any) -> Any:
    data = text if isinstance(text, bytes) else text.encode()
    file = SimpleUploadedFile("serials.csv", data, "text/csv")
    return program.send("imports/", {"recipe": world.version.recipe_id, "file": file} | change, key)


def path(answer: Any) -> str:
    return str(answer["Location"]).removeprefix("/api/v1/")


def work() -> None:
    """What the worker does that was asked."""
    for pk in Import.objects.values_list("pk", flat=True):
        tasks.work_on_import(pk)


def test_the_whole_job(owner: Program, world: World) -> None:
    made = upload(owner, world, key="serials.csv")
    told = made.json()
    assert (made.status_code, told["state"], told["file"], told["total"]) == (201, "uploaded", "serials.csv", 2)
    assert (told["header"], told["columns"]) == (["Serial", "Name", "Hall"], ["serial", "name", ""])
    at = path(made)
    matching = {"columns": ["serial", "name", "tag:hall"], "group": world.anaheim.pk}
    assert owner.post(f"{at}match/", matching).json()["state"] == "checking"
    work()
    checked = owner.get(at).json()
    assert (checked["state"], checked["problems"], checked["total"]) == ("checked", 0, 2)
    assert owner.post(f"{at}start/", key="go").json()["state"] == "waiting"
    assert kind(owner.post(f"{at}result/")) == "result-not-ready"
    work()
    done = owner.get(at).json()
    assert (done["state"], done["made"], done["result"], done["progress"]["percent"]) == ("done", 2, "ready", 100)
    rows = list(csv.DictReader(body(owner.post(f"{at}result/")).splitlines()))
    assert [(row["Serial"], row["Name"]) for row in rows] == [("AB-01", "First"), ("AB-02", "Zweites Gerät")]
    device = Device.objects.get(serial="AB01")
    assert (
        credentials.authenticate_device(access_key=rows[0]["Access key"], access_secret=rows[0]["Access secret"])
        == device
    )
    assert (device.group, device.tags["hall"]) == (world.anaheim, "north")
    assert kind(owner.post(f"{at}result/")) == "result-taken"
    assert owner.get(at).json()["result"] == "taken"
    assert device.device_id in body(owner.get(f"{at}report.csv"))
    assert [row["key"] for row in owner.get("imports/").json()["results"]] == [told["key"]]
    assert {row["serial"] for row in owner.get("devices/", **{"import": told["key"]}).json()["results"]} == {
        "AB01",
        "AB02",
    }


def test_a_workbook_has_sheets(owner: Program, world: World) -> None:
    book: Any = Workbook()
    book.active.append(["Serial"])
    book.active.append(["AB-01"])
    other = book.create_sheet("March")
    for row in ([], ["Hall", "Serial"], ["north", "AB-02"], ["south", 8931041010654321345]):
        other.append(row)
    told = upload(owner, world, save(book), sheet="March").json()
    assert (told["sheet"], told["sheets"], told["header_row"]) == ("March", ["Sheet", "March"], 2)
    assert kind(upload(owner, world, save(book), sheet="May")) == "sheet-unknown"
    assert kind(upload(owner, world, sheet="March")) == "no-workbook"
    at = f"imports/{told['key']}/"
    assert places(owner.post(f"{at}match/", {"encoding": "utf-8"})) == ["#/encoding"]
    assert places(owner.post(f"{at}match/", {"sheet": "May"})) == ["#/sheet"]
    owner.post(f"{at}match/", {"columns": ["tag:hall", "serial"]})
    work()
    [problem] = owner.get(f"{at}problems/").json()["results"]
    assert (problem["row"], problem["column"]) == (4, "Serial")
    again = owner.post(f"{at}match/", {"sheet": "Sheet"}).json()
    assert (again["sheet"], again["header_row"], again["columns"]) == ("Sheet", 1, ["serial"])


def test_the_same_file_again_is_the_same_import(owner: Program, world: World) -> None:
    first, again = upload(owner, world, key="one"), upload(owner, world, key="one")
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    assert kind(upload(owner, world, f"{PLAIN}AB-03,,\n", key="one")) == "idempotency-key-reused"
    assert (Import.objects.count(), File.objects.count()) == (1, 1)


def test_problems_are_read_and_stop_the_start(owner: Program, world: World) -> None:
    at = path(upload(owner, world, "Serial\nAB-01\nAB 01\n!\nAB-02\nAB-02\n"))
    owner.post(f"{at}match/")
    work()
    checked = owner.get(at).json()
    assert (checked["state"], checked["refused"], checked["all_or_nothing"]) == ("checked", checked["problems"], True)
    first = owner.get(f"{at}problems/", limit=2).json()
    rest = owner.client.get(first["next"], headers=owner.headers).json()["results"]
    found = first["results"] + rest
    assert len(found) == checked["problems"] > 1
    assert found == sorted(found, key=lambda each: each["row"])
    assert len(body(owner.get(f"{at}problems.csv")).splitlines()) == checked["problems"] + 1
    assert kind(owner.post(f"{at}start/")) == "import-not-startable"
    assert kind(owner.post(f"{at}result/")) == "no-secrets"
    assert not Device.objects.filter(source__isnull=False).exists()
    owner.post(f"{at}match/", {"all_or_nothing": False})
    work()
    owner.post(f"{at}start/")
    work()
    assert owner.get(at).json()["made"] == 5 - checked["refused"]


def test_devices_are_made_by_number(owner: Program, world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={})
    asked = {"recipe": world.version.recipe_id, "total": 3, "name_pattern": "Gateway {n}", "group": world.boise.pk}
    made = owner.post("imports/count/", asked, key="three")
    assert (made.status_code, made.json()["state"], made.json()["file"]) == (201, "waiting", None)
    assert owner.post("imports/count/", asked, key="three").json() == made.json()
    work()
    rows = list(csv.DictReader(body(owner.post(f"{path(made)}result/")).splitlines()))
    assert [row["Name"] for row in rows] == ["Gateway 1", "Gateway 2", "Gateway 3"]
    assert places(owner.post("imports/count/", asked | {"total": 0})) == ["#/total"]
    assert places(owner.post("imports/count/", asked | {"total": 10**8})) == ["#/total"]
    assert places(owner.post("imports/count/", asked | {"name_pattern": "{x}"})) == ["#/name_pattern"]


def test_a_cancelled_import_stays_so(owner: Program, world: World) -> None:
    at = path(upload(owner, world))
    assert owner.post(f"{at}cancel/").json()["state"] == "cancelled"
    assert kind(owner.post(f"{at}cancel/")) == "job-ended"
    assert kind(owner.post(f"{at}match/")) == "import-not-matchable"
    assert kind(owner.post(f"{at}start/")) == "import-not-startable"


@pytest.mark.parametrize("data", [b"", b"Serial\n", b"PK\x03\x04" + bytes(900), b"Serial\n" + b"\x00\x01" * 900])
def test_what_is_no_table_is_refused_whole(owner: Program, world: World, data: bytes) -> None:
    assert places(upload(owner, world, data)) == ["#/file"]
    assert not Import.objects.exists()
    assert not File.objects.exists()


def test_what_an_upload_refuses(owner: Program, world: World) -> None:
    for wrong in (world.other_version.recipe_id, "x", "9" * 30, "-1", ""):
        assert places(upload(owner, world, recipe=wrong)) == ["#/recipe"]
    assert places(upload(owner, world, group="1")) == ["#/group"]
    assert places(owner.send("imports/", {"recipe": world.version.recipe_id})) == ["#/file"]
    assert kind(owner.post("imports/", {"recipe": world.version.recipe_id})) == "unsupported-media-type"
    torn = owner.client.post("/api/v1/imports/", b"x", "multipart/form-data", headers=owner.headers)
    assert kind(torn) == "parse-error"
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"columns": ["serial"]}, "#/columns"),
        ({"columns": ["serial", "serial", ""]}, "#/columns"),
        ({"columns": ["serial", "password", ""]}, "#/columns"),
        ({"encoding": "ebcdic"}, "#/encoding"),
        ({"delimiter": "x"}, "#/delimiter"),
        ({"group": "foreign"}, "#/group"),
        ({"group": "above"}, "#/group"),
        ({"name_pattern": "{"}, "#/name_pattern"),
        ({"recipe": 1}, "#/recipe"),
    ],
)
def test_what_a_match_refuses(owner: Program, world: World, change: dict[str, Any], place: str) -> None:
    at = path(upload(owner, world))
    ids = {"foreign": world.other_site.pk, "above": world.sadler.pk}
    sent = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in change.items()}
    assert places(owner.post(f"{at}match/", sent)) == [place]
    assert owner.get(at).json()["state"] == "uploaded"


def test_read_in_another_way_it_is_guessed_anew(owner: Program, world: World) -> None:
    at = path(upload(owner, world, "Serial;Name,x\nAB-01;First,1\n"))
    told = owner.post(f"{at}match/", {"delimiter": ";"}).json()
    assert (told["header"], told["columns"]) == (["Serial", "Name,x"], ["serial", ""])


def test_secrets_are_for_whoever_ran_it(owner: Program, world: World) -> None:
    at = path(upload(owner, world))
    owner.post(f"{at}match/")
    work()
    owner.post(f"{at}start/")
    work()
    second = Program(builders.make_user("second@kanarra.example", world.kanarra.root, Role.ADMIN))
    narrow = Program(world.owner, world.sadler)
    assert second.get(at).json()["result"] == "theirs"
    assert kind(second.post(f"{at}result/")) == "not-found"
    for program in (narrow, Program(world.stranger), Program(world.admin)):
        for address in ("", "problems/", "problems.csv", "report.csv"):
            assert kind(program.get(f"{at}{address}")) == "not-found"
        for address in ("result/", "match/", "start/", "cancel/"):
            assert kind(program.post(f"{at}{address}")) == "not-found"
        assert kind(upload(program, world)) in {"not-found", "invalid"}
    assert body(owner.post(f"{at}result/"))


def test_the_list_costs_the_same_however_long(owner: Program, world: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert owner.get("imports/").status_code == 200
        return len(asked)

    upload(owner, world)
    few = queries()
    for _ in range(5):
        upload(owner, world)
    assert queries() == few
