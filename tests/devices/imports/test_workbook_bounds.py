"""What is no workbook is named with what to do; what would fill a worker's memory is refused before it does."""

from __future__ import annotations

import io
import os
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import Workbook

from devices.imports import workbook
from devices.models import Device, Import
from lib.refusals import Refusal
from tests.devices.imports.pages import address, send, words
from tests.devices.imports.workbooks import save, write_book, write_raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

pytestmark = pytest.mark.django_db

ROWS = '<row r="1"><c r="A1" t="inlineStr"><is><t>Serial</t></is></c></row><row r="2"><c r="A2"><v>12345</v></c></row>'


def pack(**parts: str | bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return data.getvalue()


def spoil(data: bytes) -> bytes:
    at = data.index(b"xl/worksheets/sheet1.xml") + 40
    return data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]


def with_backslashes(data: bytes) -> bytes:
    """Return a workbook as programs of Windows pack it that know no other sign between folders."""
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    for name in names:
        data = data.replace(name.encode(), name.replace("/", "\\").encode())
    return data


def packed_by_hand(data: bytes) -> bytes:
    archive = zipfile.ZipFile(io.BytesIO(data))
    return with_backslashes(pack(**{name: archive.read(name) for name in archive.namelist()}))


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n", b"\xef\xbb\xbf\n "])
@pytest.mark.parametrize("change", [bytes, with_backslashes, packed_by_hand])
def test_a_workbook_that_is_written_a_little_otherwise_is_read(
    run: Run, before: bytes, change: Callable[[bytes], bytes]
) -> None:
    importing = run(before + change(write_raw(ROWS)))
    assert (importing.sheet, importing.made) == ("One", 1)


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n"])
@pytest.mark.parametrize(
    ("data", "said"), [(b"%PDF-1.7\n", "a PDF"), (b"\xd0\xcf\x11\xe0" + bytes(500), ".xls"), (pack(), "Unpack it")]
)
def test_another_file_is_named_whatever_stands_before_it(
    upload: Callable[..., Import], before: bytes, data: bytes, said: str
) -> None:
    with pytest.raises(Refusal, match=said):
        upload(before + data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pack(**{"word\\document.xml": "<a/>"}), "a text document"),
        (pack(**{"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<a/>"}), "OpenDocument"),
        (pack(**{"word/document.xml": "<a/>"}), "a text document"),
        (pack(**{"Index/Document.iwa": "x"}), "Numbers"),
        (pack(**{"xl/workbook.bin": "x"}), ".xlsb"),
        (pack(**{"serials.csv": "Serial\nS1\n"}), "Unpack it"),
        (pack(), "Unpack it"),
        (b"PK\x03\x04" + os.urandom(500), "damaged"),
        (b"\xd0\xcf\x11\xe0" + bytes(500), ".xls), or one with a password"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (write_raw(ROWS)[:-400], "damaged"),
        (spoil(write_raw(ROWS)), "damaged"),
        (write_raw(ROWS, **{"xl/worksheets/sheet1.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"}), "damaged"),
        (write_raw("<a>" * 200 + "</a>" * 200 + ROWS), "damaged"),
        (write_raw("".join(f"<a{number}/>" for number in range(3_000)) + ROWS), "damaged"),
        (write_raw("".join(f'<c a{number}=""/>' for number in range(3_000)) + ROWS), "damaged"),
        (write_raw(ROWS + ROWS), "damaged"),
        (write_raw('<row r="1"><c r="A1" t="s"><v>7</v></c></row>' + ROWS[3:], texts="<si/>"), "damaged"),
        (write_raw('<row r="99999999"><c><v>1</v></c></row>'), "damaged"),
        (write_raw(""), "The first row is empty"),
        (pack(**{"x" * 60_000 + str(number): "" for number in range(30)}), "more than 2,000 parts"),
        (write_raw(ROWS, **{f"part{number}": "" for number in range(2_000)}), "more than 2,000 parts"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_named_and_not_kept(upload: Callable[..., Import], data: bytes, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        upload(data)
    assert said in str(refused.value)


def test_an_unpacked_size_is_bounded(upload: Callable[..., Import], monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = write_raw(ROWS, **{"xl/media/a": "\0" * (3 << 20)})
    assert len(bomb) < 10_000
    assert upload(bomb).total == 1
    monkeypatch.setattr(workbook, "MOST_BYTES", 2 << 20)
    with pytest.raises(Refusal, match="unpacked"):
        upload(bomb)


def test_a_part_that_says_less_than_it_has_is_damaged(upload: Callable[..., Import]) -> None:
    data = bytearray(write_raw(ROWS + f"<!--{'x' * 5_000}-->"))
    at = data.index(b"xl/worksheets/sheet1.xml", data.index(b"PK\x01\x02")) - 46
    data[at + 24 : at + 28] = (200).to_bytes(4, "little")
    with pytest.raises(Refusal, match="damaged"):
        upload(bytes(data))


def test_a_file_of_many_parts_is_read_from_any_place(run: Run) -> None:
    rows = [
        ("Serial", "Name", "Key"),
        *((f"S{number}", f"n{number}", os.urandom(6_000).hex()) for number in range(400)),
    ]
    data = write_book(rows)
    assert len(data) > 1 << 21
    assert run(data).made == 400
    made = Device.objects.exclude(source=None).values_list("serial", "name")
    assert dict(made) == {serial: name for serial, name, _ in rows[1:]}


def test_cells_that_are_too_many_or_too_long_are_their_rows_problem(check: Run) -> None:
    long, wide = "x" * 200_000, '<c r="XFD3"><v>1</v></c>'
    texts = f"<si><t>Serial</t></si><si><t>{long}</t></si>"
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row>'
        f'<row r="3">{wide}</row><row r="4"><c r="A4" t="inlineStr"><is><t>{long}</t></is></c></row>'
        '<row r="5"><c r="A5" t="inlineStr"><is><t>GW5</t></is></c></row>'
    )
    importing = check(write_raw(rows, texts=texts))
    assert [(row, "longer" in cause, "cells" in cause) for row, _, cause in importing.problems.values_list(
        "row", "column", "cause")] == [(2, True, False), (3, False, True), (4, True, False)]  # fmt: skip


def two_sheets() -> bytes:
    book: Any = Workbook()
    book.active.append(["Serial"])
    book.active.append(["S1"])
    other = book.create_sheet("March")
    for row in ([], ["Name", "Serial"], ["Pump", "S2"]):
        other.append(row)
    return save(book)


@pytest.mark.usefixtures("version")
def test_a_page_lets_choose_the_sheet(client: Client, world: World) -> None:
    client.force_login(world.owner)
    answer = send(client, world, two_sheets(), "list.xlsx")
    assert answer.status_code == 302
    importing = Import.objects.get()
    page = words(client.get(address(importing)))
    assert "Sheet" in page
    assert "Encoding" not in page
    other = words(client.get(address(importing), {"columns": "1", "sheet": "March"}))
    assert "Pump" in other
    posted = {"sheet": "March", "header_row": "2", "column-0": "name", "column-1": "serial", "all_or_nothing": "yes"}
    client.post(address(importing, "import-match"), posted)
    importing.refresh_from_db()
    assert (importing.state, importing.sheet, importing.header) == ("checking", "March", ["Name", "Serial"])
