"""Workbooks for tests: written by openpyxl, or by hand where it writes none like that."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def write_book(rows: Iterable[Iterable[Any]], shape: Callable[[Any], None] | None = None) -> bytes:
    """Return a workbook with one sheet of these rows; `shape` changes the sheet before it is saved."""
    book = Workbook()
    sheet: Any = book.active
    for row in rows:
        sheet.append(list(row))
    if shape:
        shape(sheet)
    return save(book)


def save(book: Any) -> bytes:
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def write_raw(
    rows: str, *, texts: str = "", before: str = "", after: str = "", settings: str = "", **parts: str
) -> bytes:
    """Return a workbook whose sheet has these rows in XML; `settings` are the book's. `parts` come besides, by their
    names."""
    data = io.BytesIO()
    relation = f'<Relationship Id="%s" Type="{OFFICE}/%s" Target="%s"/>'
    sheet = f'<worksheet xmlns="{MAIN}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'
    whole: dict[str, str] = {
        "[Content_Types].xml": f'<Types xmlns="{TYPES}"><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{KIND}.sharedStrings+xml"/></Types>',
        "_rels/.rels": _relate(relation % ("a", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="One" sheetId="1" r:id="s1"/></sheets>'
        f"{settings}</workbook>",
        "xl/_rels/workbook.xml.rels": _relate(
            relation % ("s1", "worksheet", "worksheets/sheet1.xml")
            + (relation % ("t", "sharedStrings", "sharedStrings.xml") if texts else "")
        ),
        "xl/worksheets/sheet1.xml": sheet,
    }
    if texts:
        whole["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{texts}</sst>'
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**whole, **parts}.items():
            archive.writestr(name, content)
    return data.getvalue()


def _relate(relations: str) -> str:
    return f'<Relationships xmlns="{RELATIONS}">{relations}</Relationships>'
