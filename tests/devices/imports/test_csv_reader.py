"""Files as spreadsheets, factories and accidents write them: the right rows, or why not."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest

from devices import imports
from devices.jobs import files
from devices.models import Device, File, Import
from lib.refusals import Refusal
from tests.devices.imports.conftest import problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

PLAIN = "Serial,Name\nS1,Höhe\nS2,Two\n"
WIDE = "utf-16-le", "utf-16-be"


@pytest.mark.parametrize(
    ("data", "encoding", "delimiter"),
    [
        (PLAIN.encode(), "utf-8", ","),
        (codecs.BOM_UTF8 + PLAIN.encode(), "utf-8", ","),
        (PLAIN.replace("\n", "\r\n").encode(), "utf-8", ","),
        (PLAIN.replace("\n", "\r").encode(), "utf-8", ","),
        (PLAIN.rstrip().encode(), "utf-8", ","),
        (PLAIN.replace(",", ";").encode(), "utf-8", ";"),
        (PLAIN.replace(",", "\t").encode(), "utf-8", "\t"),
        (PLAIN.replace(",", "|").encode(), "utf-8", "|"),
        (PLAIN.encode("latin-1"), "windows-1252", ","),
        (codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"), "utf-16", ","),
        (codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"), "utf-16", ","),
        (PLAIN.encode("utf-16-le"), "utf-16-le", ","),
        (PLAIN.encode("utf-16-be"), "utf-16-be", ","),
        (('"Serial","Name"\n\n"S1","Höhe"\n,\n"S2","Tw""o"\n').encode(), "utf-8", ","),
        (('Serial,Name\nS1,Höhe\nS2,"Tw,o"\n').encode(), "utf-8", ","),
    ],
)
def test_a_file_is_read_as_it_is_written(run: Run, data: bytes, encoding: str, delimiter: str) -> None:
    importing = run(data)
    assert (importing.encoding, importing.delimiter, importing.header) == (encoding, delimiter, ["Serial", "Name"])
    assert (importing.state, importing.total, importing.made) == (Import.State.DONE, 2, 2)
    names = list(Device.objects.filter(source=importing).order_by("row").values_list("serial", "name"))
    assert names[0] == ("S1", "Höhe")
    assert names[1][0] == "S2"


def test_a_quoted_line_end_is_in_its_cell_and_rows_count_as_in_a_spreadsheet(run: Run) -> None:
    importing = run('Serial,Description\nS1,"on the roof\nbehind"\n\n-,bad\n')
    assert Device.objects.get(source=importing).description == "on the roof\nbehind"
    assert [(row, column) for row, column, _ in problems(importing)] == [(4, "Serial")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "first row is empty"),
        (b"Serial,Name\n", "only a header"),
        (b"Serial,Name\n\n , \n", "only a header"),
        (b"PK\x03\x04" + bytes(100), "workbook"),
        (b"\x00\x01\x02" * 500, "not text"),
        (b'Serial,Name\n"S1,One\nS2,Two\n', "quote that opens in row 2"),
        (b"Serial" + b",x" * 300 + b"\nS1", "columns are too many"),
        (b"\xff\xfeS", "Unicode (UTF-16)"),
    ],
)
def test_what_is_no_table_is_named_and_not_kept(upload: Callable[[bytes], Import], data: bytes, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        upload(data)
    assert words in str(refused.value)
    assert not File.objects.exists()
    assert not Import.objects.exists()


def test_a_file_that_is_too_large(upload: Callable[[bytes], Import], settings: Settings) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    with pytest.raises(Refusal, match="larger than"):
        upload(b"Serial\n" + b"S123456789\n" * 100)
    assert not File.objects.exists()


def test_more_rows_than_allowed(check: Run, settings: Settings) -> None:
    settings.IMPORT_MAX_ROWS = 3
    importing = check("Serial\n" + "".join(f"S{n}\n" for n in range(4)))
    assert (importing.state, "Split it" in importing.cause) == (Import.State.FAILED, True)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("x" * (1 << 20), "longer than 100 KB"),
        (f'"{"x" * (1 << 20)}"', "longer than 100 KB"),
        ("a\0b", "NUL character"),
        ('"a"b', "closing quote"),
        ("x" * 501, "501 characters are too many"),
        ("a,b", "3 cells, but the header names 2"),
    ],
)
def test_a_bad_cell_is_a_problem_of_its_row_alone(run: Run, cell: str, words: str) -> None:
    importing = run(f"Serial,Description\nS1,good\nS2,{cell}\nS3,good\n")
    [(row, column, cause)] = problems(importing)
    assert row == 3
    assert column in ("Description", "")
    assert words in cause
    assert list(Device.objects.filter(source=importing).order_by("row").values_list("serial", flat=True)) == [
        "S1",
        "S3",
    ]


def test_a_quote_that_closes_a_megabyte_later_ends_the_check(check: Run) -> None:
    importing = check('Serial,Name\nS1,One\nS2,"' + "x\n" * 100_000 + '"\n')
    assert (importing.state, "Row 3 has a quoted cell" in importing.cause) == (Import.State.FAILED, True)


def test_an_encoding_that_is_not_the_files(check: Run) -> None:
    [(row, column, cause)] = problems(check(PLAIN.encode("latin-1"), encoding="utf-8"))
    assert (row, column) == (2, "Name")
    assert cause.startswith("“H�he”: This is not Unicode (UTF-8)")
    with pytest.raises(Refusal, match="not Unicode"):
        check(PLAIN.encode("latin-1"), encoding="utf-16")
    assert check(PLAIN.replace("Name", "Name\x81").encode("latin-1"), encoding="latin-1").header == ["Serial", "Name"]


def test_a_preview_reads_again_as_it_is_told(upload: Callable[[bytes], Import]) -> None:
    importing = upload(PLAIN.encode("latin-1"))
    assert imports.preview(importing).rows == [["S1", "Höhe"], ["S2", "Two"]]
    assert imports.preview(importing, delimiter=";").header == ["Serial,Name"]
    assert "H�he" in imports.preview(importing, encoding="utf-8").rows[0][0]
    with pytest.raises(Refusal):
        imports.preview(importing, encoding="klingon")
    File.objects.all().delete()
    importing.refresh_from_db()
    with pytest.raises(Refusal, match="no longer kept"):
        imports.preview(importing)


def test_memory_stays_bounded_whatever_the_line(world: World) -> None:
    """A file of one line is read by the piece."""
    from datetime import timedelta

    from devices.imports.csv_reader import LINE, read_records

    chunks = (b"x" * (1 << 20) for _ in range(8))
    file = files.store_file(
        organisation=world.kanarra, name="x", content_type="text/csv", chunks=chunks, keep=timedelta(hours=1)
    )
    [(number, bad)] = read_records(file, "utf-8", ",")
    assert number == 1
    assert len(str(bad)) < LINE
