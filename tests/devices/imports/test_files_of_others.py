"""Small files of kinds that were misread elsewhere: each is read right, asked about, or refused with its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.utils.timezone import now

from devices.models import Device, Import, Tie
from lib.refusals import Refusal
from tenants.groups import operations as groups
from tests import builders
from tests.devices.api import Program
from tests.devices.imports.conftest import problems
from tests.devices.labels.test_printing import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

pytestmark = pytest.mark.django_db


ADDRESSES = [
    ("AA:BB:CC:DD:EE:01", "aabbccddee01"),
    ("AABBCCDDEE01", "AA-BB:CC:DD:EE:01"),
    ("AABB.CCDD.EE01", "AA:BB:CC:DD:EE:01"),
    ("AABBCCDDEE01", "aabb:ccdd:ee01"),
    ("AA.BB.CC.DD.EE.01", "AABB.CCDD.EE01"),
]


def made(importing: Import) -> dict[str, str]:
    return dict(Device.objects.filter(source=importing).order_by("row").values_list("serial", "name"))


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("sep=;\r\nSerial;Name\r\n9TQ4M7XK2BDE;Pump\r\n", {"9TQ4M7XK2BDE": "Pump"}),
        ("ID,Serial Number,Name\r\n1,IDS-00A,Pump\r\n2,IDS-00B,Fan\r\n", {"IDS00A": "Pump", "IDS00B": "Fan"}),
        ('Serial, Cost, Name,\r\nSHF1, "1,200", Pump\r\nSHF2, 300, Fan,\r\n', {"SHF1": "Pump", "SHF2": "Fan"}),
        (
            'Serial,Name\r\n"=""861234567890123""",Pump\r\n="861234567890124",Fan\r\n',
            {"861234567890123": "Pump", "861234567890124": "Fan"},
        ),
        ("Serial,Name\r\nAA:BB:CC:DD:EE:01,one\r\nAABBCCDDEE01,the same one\r\n", {"AA:BB:CC:DD:EE:01": "one"}),
    ],
    ids=["names its separator", "a number before the serial", "spaces and quotes", "formulas of text", "a MAC twice"],
)
def test_read_right(run: Run, text: str, devices: dict[str, str]) -> None:
    assert made(run(text)) == devices


@pytest.mark.parametrize(("first", "second"), ADDRESSES)
def test_an_address_written_otherwise_is_the_same_device(
    run: Run, check: Run, world: World, first: str, second: str
) -> None:
    second = second.replace("-", ":")
    run(f"Serial\n{first}\n")
    assert "serial already" in problems(check(f"Serial\n{second}\n"))[0][2]
    sent = {"recipe": world.version.recipe_id, "serial": second}
    assert Program(world.owner).post("devices/", sent).status_code == 409


@pytest.mark.parametrize(("first", "second"), ADDRESSES)
def test_a_file_that_changes_devices_knows_an_address_written_otherwise(
    run: Run, check: Run, first: str, second: str
) -> None:
    run(f"Serial\n{first}\n")
    second = second.replace("-", ":")
    importing = check(f"Serial,Name\n{second},Pump\n{first},Fan\n", act="change")
    assert [change.after for change in importing.changes.all()] == [{"name": "Pump"}]
    assert [(row, "The same serial as in row 2" in cause) for row, _, cause in problems(importing)] == [(3, True)]


@pytest.mark.parametrize(("first", "second"), ADDRESSES)
def test_the_list_and_the_labels_know_an_address_written_otherwise(
    run: Run, client: Client, world: World, first: str, second: str
) -> None:
    second = second.replace("-", ":")
    run(f"Serial\n{first}\n")
    client.force_login(world.owner)
    assert first in client.get("/", {"q": second}).content.decode()
    page = client.post("/labels/preview/", FULL | {"serials": f"{second}\n{first}"}).content.decode()
    assert ("Not found" in page, "The first label: " in page) == (False, True)


def test_one_file_has_an_address_once(check: Run) -> None:
    writings = ["AABB.CCDD.EE01", "AA:BB:CC:DD:EE:01", "AABBCCDDEE01", "AA.BB.CC.DD.EE.01", "aabb:ccdd:ee01"]
    importing = check("Serial\n" + "\n".join(writings) + "\n")
    assert [row for row, _, cause in problems(importing) if "The same serial as in row 2" in cause] == [3, 4, 5, 6]


def test_a_gateway_above_is_named_in_another_writing(run: Run) -> None:
    importing = run("Serial,Gateways\nAABB.CCDD.EE01,\nGW-2,AA:BB:CC:DD:EE:01\n")
    assert Tie.objects.get(device__source=importing).gateway.serial == "AABB.CCDD.EE01"


def test_a_retired_device_is_told_of_by_either_writing(run: Run, check: Run, world: World) -> None:
    run("Serial\n00:1B:44:11:3A:B7\n")
    Device.objects.filter(serial="00:1B:44:11:3A:B7").update(retired_at=now())
    assert "A retired device" in problems(check("Serial\n001B44113AB7\n"))[0][2]


def test_an_unknown_name_of_the_serials_is_asked_for(upload: Callable[..., Import], check: Run) -> None:
    text = "IOTC_DEVICEID;IOTC_DEVICENAME\r\n861234567890601;Batch-1\r\n"
    assert "serial" not in upload(text).columns
    with pytest.raises(ValidationError, match="Say which column holds the serials"):
        check(text)


def test_a_file_that_was_never_started_teaches_nothing(check: Run, run: Run) -> None:
    check("MAC,Serial,Name\r\nAA:BB:CC:00:00:11,861234567890300,Pump\r\n", columns=["serial", "", ""])
    second = run("Serial,Name\r\n861234567890301,Pump\r\n861234567890302,Fan\r\n")
    assert made(second) == {"861234567890301": "Pump", "861234567890302": "Fan"}


def test_a_group_called_by_a_number(run: Run, check: Run, world: World) -> None:
    twelve = builders.make_group(world.tekton, str(world.boise.pk))
    importing = run(f"Serial,Name,Group\r\nGRP1,Pump,{world.boise.pk}\r\n")
    assert Device.objects.get(source=importing).group == twelve
    closed = builders.make_group(world.tekton, "Closed clinic")
    groups.archive(group=closed, by=world.owner)
    archived = check("Serial,Name,Group\r\nGRP9,Pump,Closed clinic\r\n")
    assert "archived" in problems(archived)[0][2]


def test_an_export_becomes_devices(run: Run) -> None:
    head = "Serial,Device ID,Name,Group,Model,Recipe,Tags,Status,Registered (UTC),Activated (UTC),Last seen (UTC)"
    row = "TBG1,3cf8810a8d7ee4c8625191c9,Pump,,,r,floor: 2; site: Hall 3,Never connected,2026-11-27T03:58:05Z,,"
    importing = run(f"{head}\r\n{row}\r\n")
    assert made(importing) == {"TBG1": "Pump"}
    assert Device.objects.get(source=importing).tags.items() >= {"floor": "2", "site": "Hall 3"}.items()


def test_dots_are_no_serials(check: Run) -> None:
    importing = check("Serial,Name\r\n.,nothing\r\n..,also nothing\r\n")
    assert [row for row, _, _ in problems(importing)] == [2, 3]


def test_a_labels_whole_text_gives_its_serial(run: Run) -> None:
    importing = run("Serial,Name\r\nLW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:S861234,Sensor\r\n")
    assert list(made(importing)) == ["861234"]
    bare = run("Serial,Name\r\nLW:D0:1122334455667788:AABBCCDDEEFF0022:AABB1122,Sensor\r\n")
    assert list(made(bare)) == ["AABBCCDDEEFF0022"]


@pytest.mark.parametrize(
    ("label", "cause"),
    [
        ("https://id.gs1.org/01/09501101530003/21/S1%2F2", "“S1/2” doesn't fit"),
        ("https://maker.example/?sn=S1&serial=S2", "names two serials"),
    ],
)
def test_of_an_address_no_part_becomes_a_serial(check: Run, label: str, cause: str) -> None:
    """As the scanner reads it: a slash in a serial ends nothing, and of two names none is left out."""
    ((row, _, told),) = problems(check(f"Serial,Name\r\n{label},Sensor\r\n"))
    assert row == 2
    assert cause in told


def test_an_address_whose_query_names_more_gives_its_serial(run: Run) -> None:
    importing = run("Serial,Name\r\nhttps://maker.example/x?sn=S%31&model=KG,Sensor\r\n")
    assert list(made(importing)) == ["S1"]


def test_letters_that_may_be_others_are_asked_for(upload: Callable[..., Import], check: Run) -> None:
    names = "Serial,Name\r\nGBK1,水泵一号\r\nGBK2,冷却风扇\r\n".encode("gb18030")
    asked = upload(names)
    assert "gb18030" in [guess["encoding"] for guess in asked.encoding_guesses or []]
    with pytest.raises(ValidationError, match="encoded"):
        check(names, encoding=None)
    mixed = b"Serial,Name\r\nMIX1,K\xc3\xbchlraum\r\nMIX2,H\xf6he\r\n"
    told: dict[str, Any] = {"encoding": "utf-8"}
    assert [row for row, _, _ in problems(check(mixed, **told))] == [3]


def test_a_web_page_is_named(upload: Callable[..., Import]) -> None:
    with pytest.raises(Refusal, match="a web page"):
        upload("<html><head></head><body><table>\n<tr><td>Serial</td><td>Name</td></tr></table></body></html>\n")
