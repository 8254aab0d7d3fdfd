"""What is handed back: complete, harmless in a spreadsheet, secrets once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices import imports
from devices.credentials import deliveries
from devices.credentials import operations as credentials
from devices.imports import results
from devices.jobs import files
from devices.lifecycle import removal
from devices.models import Credential, Device, DeviceModel, File, Problem
from tests import builders
from tests.devices.imports.conftest import problems, result, table
from tests.devices.imports.workbooks import write_book

if TYPE_CHECKING:
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

FILE = "Serial,Comment\nS1,one\n?,two\n\nS3,three\n"


def test_every_row_comes_back_with_what_became_of_it(run: Run) -> None:
    importing = run(FILE)
    rows = result(importing)
    assert [(row["Serial"], row["Comment"]) for row in rows] == [("S1", "one"), ("?", "two"), ("S3", "three")]
    assert [bool(row["Access secret"]) for row in rows] == [True, False, True]
    assert [bool(row["Error"]) for row in rows] == [False, True, False]
    report = table(imports.write_report_csv(importing))
    assert [row["Device ID"] for row in report] == [row["Device ID"] for row in rows]
    [problem] = table(imports.write_problems_csv(importing))
    assert (problem["Row"], problem["Column"]) == ("3", "Serial")


@pytest.mark.parametrize("kind", ["csv", "workbook"])
def test_rows_have_the_numbers_that_the_file_shows(run: Run, kind: str) -> None:
    table_of = [["List of June"], [], ["Serial", "Name"], ["S1", "two\nlines"], ["?", "x"], [], ["S3", "y"]]
    text = 'List of June\n\nSerial,Name\nS1,"two\nlines"\n?,x\n\nS3,y\n'
    importing = run(text if kind == "csv" else write_book(table_of))
    numbers = [("S1", "4", False), ("?", "5", True), ("S3", "7", False)]
    report = table(imports.write_report_csv(importing))
    assert [(row["Serial"], row["Row in the file"], bool(row["Error"])) for row in report] == numbers
    assert [(row["Serial"], row["Row in the file"], bool(row["Error"])) for row in result(importing)] == numbers
    assert [row["Row"] for row in table(imports.write_problems_csv(importing))] == ["4", "5"][1:]
    File.objects.all().delete()
    importing.refresh_from_db()
    rows = [(row["Serial"], row["Row in the file"]) for row in table(imports.write_report_csv(importing))]
    assert rows == [("S1", "4"), ("S3", "7")]


def test_without_a_file_there_are_no_rows_of_it(world: World) -> None:
    importing = imports.count(by=world.owner, version=world.version, total=1, group=None, name_pattern="")
    imports.work(importing.pk)
    importing.refresh_from_db()
    [row] = table(imports.write_report_csv(importing))
    assert list(row) == ["Serial", "Name", "Group", "Device ID", "Error"]


def test_what_was_handed_back_goes_in_again(run: Run, check: Run, upload: Run) -> None:
    importing = run("Name,Serial,Hall\none,S1,north\ntwo,?,south\n", columns=["name", "serial", "tag:hall"])
    assert importing.delivery is not None
    taken = "".join(imports.write_result_csv(importing, deliveries.unseal_key(importing.delivery)))
    assert upload(taken).columns == ["name", "serial", "", "group", *[""] * 5]
    report = "".join(imports.write_report_csv(importing)).replace("?", "S2")
    assert upload(report).columns == ["name", "serial", "", "group", "", "", ""]
    again = check(report)
    assert [(row, cause.split(":")[0]) for row, _, cause in problems(again)] == [(2, "“S1”")]  # it is there already
    assert run(report).made == 1


def test_what_a_report_made_harmless_is_read_as_it_was(run: Run, world: World, check: Run) -> None:
    builders.make_group(world.tekton, "-North")
    DeviceModel.objects.create(organisation=world.kanarra, name="-48V")
    text = 'Serial,Site,Model,Heat,Tags\n"=""8612""",-North,-48V,-5,"-a: =b"\n-GW7,-North,-48V,+3,\n'
    columns = ["serial", "group", "model", "tag:heat", "tags"]
    importing = run(text, columns=columns)
    assert set(Device.objects.filter(source=importing).values_list("serial", flat=True)) == {"8612", "GW7"}
    report = "".join(imports.write_report_csv(importing))
    assert report.count("'-") > 5
    again = check(report, act="change", columns=[*columns[:4], *[""] * 5])
    assert (problems(again), again.changing) == ([], 0)
    assert removal.remove_devices(Device.objects.filter(source=importing), by=world.owner) == {}
    new = run(report, columns=[*columns, "", "", "", ""])
    assert (problems(new), new.made) == ([], 2)
    assert {device.tags["heat"] for device in Device.objects.filter(source=new)} == {"-5", "+3"}


def test_a_credential_that_was_replaced_or_revoked_is_not_handed_out(run: Run, world: World) -> None:
    importing = run("Serial\nS1\nS2\nS3\n")
    first, second = Credential.objects.filter(device__source=importing).order_by("device__row")[:2]
    credentials.revoke_credential(credential=first, by=world.owner)
    Credential.objects.filter(pk=second.pk).update(
        superseded_by=Credential.objects.create(device=second.device, access_key="new", secret_hash=b"x")
    )
    rows = result(importing)
    assert [bool(row["Access secret"]) for row in rows] == [False, False, True]
    assert [row["Error"] for row in rows] == [rows[0]["Error"]] * 2 + [""]
    assert "revoked" in rows[0]["Error"]


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_formulas_are_neutralised(run: Run, evil: str) -> None:
    importing = run(f'Serial,"{evil}"\nS1,"{evil}"\n"{evil}","{evil}"\n')
    assert importing.delivery is not None
    key = deliveries.unseal_key(importing.delivery)
    for lines in (
        imports.write_result_csv(importing, key),
        imports.write_report_csv(importing),
        imports.write_problems_csv(importing),
    ):
        cells = [cell for row in table(lines) for pair in row.items() for cell in pair]
        assert cells or evil == "-1"  # without its dash a serial
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_after_the_file_is_gone_devices_are_still_told(run: Run) -> None:
    importing = run(FILE)
    File.objects.all().delete()
    importing.refresh_from_db()
    assert importing.delivery is not None
    rows = table(imports.write_result_csv(importing, deliveries.unseal_key(importing.delivery)))
    assert [row["Serial"] for row in rows] == ["S1", "S3"]
    assert all(row["Access secret"] for row in rows)


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_by_whatever_chunks_nothing_is_left_out_or_told_twice(
    run: Run, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    importing = run("Serial,Name\nS1,one\nS2,two\nS3,three\n")
    found = [(4, "Serial"), (2, "Name"), (2, "Serial"), (2, "Serial"), (3, "Name")]
    Problem.objects.bulk_create(Problem(importing=importing, row=row, column=name, cause="x") for row, name in found)
    File.objects.all().delete()
    importing.refresh_from_db()
    monkeypatch.setattr(results, "CHUNK", chunk)
    problems = [(int(row["Row"]), row["Column"]) for row in table(imports.write_problems_csv(importing))]
    assert problems == sorted(found, key=lambda each: each[0])
    assert [row["Serial"] for row in table(imports.write_report_csv(importing))] == ["S1", "S2", "S3"]


def test_the_file_is_kept_as_long_as_its_result(run: Run, world: World) -> None:
    world.kanarra.result_hours = 24 * 365
    world.kanarra.save()
    importing = run(FILE)
    assert importing.file is not None
    assert importing.delivery is not None
    assert importing.file.expires_at >= importing.delivery.expires_at
    assert files.clear_expired() == 0


def test_deleted_devices_leave_an_empty_place(run: Run) -> None:
    importing = run("Serial\nS1\nS2\nS3\n")
    Device.objects.filter(serial="S2").delete()
    assert [bool(row["Device ID"]) for row in result(importing)] == [True, False, True]
