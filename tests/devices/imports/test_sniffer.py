"""What a file is, told from its bytes, in whatever pieces they come."""

from __future__ import annotations

import codecs

import pytest

from devices.imports import refusals
from devices.imports.sniffer import SAMPLE, Sniffer
from lib.refusals import Refusal

TABLE = "Serial,Name\r\nGW-1,Pump\r\nGW-2,Other\r\n"


def sniff(data: bytes, size: int = 1 << 20) -> Sniffer:
    sniffer = Sniffer()
    for at in range(0, len(data), size):
        sniffer.feed(data[at : at + size])
    return sniffer


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TABLE.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TABLE.encode(), "utf-8"),
        (TABLE.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"), "utf-16"),
        (TABLE.encode("utf-16-le"), "utf-16-le"),
        (TABLE.encode("utf-16-be"), "utf-16-be"),
        (TABLE.encode("utf-32"), "utf-32"),
        (TABLE.encode("utf-32-le"), "utf-32-le"),
        (TABLE.encode("utf-32-be"), "utf-32-be"),
        ("Serial,Name\nGW-1,Zähler für Käthe\nGW-2,Größe\n".encode(), "utf-8"),
        (b"", "utf-8"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[:9].hex() if isinstance(each, bytes) else str(each),
)
def test_unicode_is_known_without_asking(data: bytes, encoding: str, size: int) -> None:
    assert sniff(data, size).detect_encoding() == (encoding, [])


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"", 0),
        (b"Serial\n", 0),
        (b"Serial\nA\n", 1),
        (b"Serial\nA", 1),
        (b"Serial\r\nA\r\nB\r\n", 2),
        (b"Serial\rA\rB\r", 2),
        (b"Serial\rA\rB", 2),
        ("Serial\r\nA\r\n".encode("utf-16-le"), 1),
        ("Serial\r\nA".encode("utf-16-le"), 1),
        ("Serial\r\nA\r\n".encode("utf-16-be"), 1),
    ],
    ids=repr,
)
def test_rows_are_counted_below_the_header(data: bytes, rows: int) -> None:
    assert sniff(data).rows == rows


@pytest.mark.parametrize(
    ("data", "is_one"),
    [(b"PK\x03\x04abc", True), (b"PK\x05\x06", True), (b"\xef\xbb\xbf\r\n PK\x03\x04", True), (b"PK,Name\n", False)],
)
def test_what_is_zipped_may_be_a_workbook(data: bytes, is_one: bool) -> None:
    assert sniff(data).is_zipped is is_one


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel workbook of before 2007 (.xls), or one with a password"),
        (b"%PDF-1.7", "a PDF"),
        (b"{\\rtf1", "a text document"),
        (b"\x1f\x8b\x08", "a compressed file"),
        (b"Rar!\x1a", "a compressed file"),
        (b"\x89PNG\r\n", "a picture"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"SQLite format 3\0", "a database"),
        (b"ID;PWXL;N;E", "a SYLK file"),
        (b"TABLE\r\n0,1\r\n", "a DIF file"),
        (b"\xef\xbb\xbf\n%PDF", "a PDF"),
        (b"<!DOCTYPE html><html>", "a web page, though its name may end like a workbook's"),
        (b" \n<TABLE border=1>", "a web page, though its name may end like a workbook's"),
        (b'<?xml version="1.0"?>', "XML"),
        (b"<devices><device>", "XML"),
        (b'[{"serial": "A"}]', "JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "JSON"),
        (b"[]", "JSON"),
        (b"From: a@b\r\nMIME-Version: 1.0\r\n", "a web page saved in one file (MHTML), or an e-mail"),
        (TABLE.encode("cp037"), "text of a mainframe (EBCDIC)"),
    ],
    ids=repr,
)
def test_what_is_no_table_is_named(data: bytes, what: str) -> None:
    with pytest.raises(Refusal) as caught:
        sniff(data).detect_encoding()
    assert (caught.value.kind, caught.value.facts["what"]) == (refusals.FILE_NOT_CSV, what)


@pytest.mark.parametrize(
    "data",
    [
        b"<5 kW,Name\n",
        b"{no json}\n",
        b"[1],Name\n",
        b"Table,Name\n",
        b"Subject: Mime-Version\nA\n",
        b"PDF,Name\n",
    ],
    ids=repr,
)
def test_what_only_begins_alike_is_read(data: bytes) -> None:
    assert sniff(data).detect_encoding().encoding == "utf-8"


def test_zeros_are_no_text_and_two_encodings_are_no_table() -> None:
    with pytest.raises(Refusal) as caught:
        sniff(b"A\0B\0\0" * 30).detect_encoding()
    assert caught.value.kind == refusals.FILE_NOT_TEXT
    with pytest.raises(Refusal) as caught:
        sniff(TABLE.encode() + TABLE.encode("utf-16-le")).detect_encoding()
    assert caught.value.kind == refusals.FILE_NOT_TABLE


def test_letters_beyond_ascii_are_asked_about_and_shown() -> None:
    told = sniff("Serial,Name\nGW-1,Größe\n".encode("latin-1")).detect_encoding()
    assert told.encoding == told.guesses[0].encoding == "windows-1252"
    assert "Größe" in told.guesses[0].reads
    assert len({guess.encoding for guess in told.guesses}) == len(told.guesses) > 1


def test_a_file_of_two_encodings_offers_utf_8_last() -> None:
    told = sniff("A,Größe\n".encode() + "B,Größe\n".encode("latin-1")).detect_encoding()
    assert told.guesses[-1].encoding == "utf-8"
    assert "Größe" in told.guesses[-1].reads


def test_letters_after_the_sample_are_seen() -> None:
    head = b"GW-1,Pump\n" * (SAMPLE // 10 + 10)
    late = sniff(head + "GW-2,Größe\n".encode("latin-1"), 1 << 15)
    assert len(late.sample) == SAMPLE
    assert late.detect_encoding().encoding == "windows-1252"
    assert sniff(head + "GW-2,Größe\n".encode()[:-3], 1 << 15).detect_encoding().guesses  # a letter is cut


def test_a_japanese_mail_encoding_is_asked_about() -> None:
    told = sniff("Serial,名前\nGW-1,ポンプ\n".encode("iso-2022-jp")).detect_encoding()
    assert [guess.encoding for guess in told.guesses] == ["iso-2022-jp", "utf-8"]
