"""Parquet, written piece by piece: what is written already is never gone back to, and only its outline is kept.

A row group is a column after the other, each one page, plain and gzipped; the outline of all stands at the end of the
file (https://parquet.apache.org/docs/file-format/, in Thrift's compact protocol). Cut off, it is no file.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAGIC = b"PAR1"
WRITER = "handover version 1.0.0"
GZIP, GZIP_WINDOW, GZIP_LEVEL = 2, 31, 4
PLAIN, RLE = 0, 3
BOOLEAN, INT64, DOUBLE, BYTE_ARRAY = 0, 2, 5, 6
REQUIRED, OPTIONAL = 0, 1

Cell = float | str | bool | None


class Kind(Enum):
    """Say what a column holds: its type, and what the older and the newer files call its meaning."""

    TIME = "time"  # whole milliseconds since the epoch, UTC
    NUMBER = "number"
    TRUTH = "truth"
    TEXT = "text"


@dataclass(frozen=True)
class Column:
    """Name a column; one that is `required` has a value in each row."""

    name: str
    kind: Kind
    required: bool = False


class ParquetWriter:
    """Give the bytes of a file, in this order: `begin`, `write_rows` for each row group, `end`."""

    def __init__(self, columns: Sequence[Column], about: Mapping[str, str]) -> None:
        self._columns, self._about = columns, about
        self._groups: list[bytes] = []
        self._rows = self._at = 0

    def begin(self) -> bytes:
        self._at = len(MAGIC)
        return MAGIC

    def write_rows(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        """Return a row group of these, at least one, each with a cell for every column."""
        chunks, outlines, size = [], [], 0
        for column, cells in zip(self._columns, zip(*rows, strict=True), strict=True):
            page = _encode_page(column, cells)
            squeezed = _squeeze(page)
            _, head = _struct(
                (1, _int(0)), (2, _int(len(page))), (3, _int(len(squeezed))),
                (5, _struct((1, _int(len(rows))), (2, _int(PLAIN)), (3, _int(RLE)), (4, _int(RLE)))),
            )  # fmt: skip
            chunk = head + squeezed
            meta = _struct(
                (1, _int(_TYPES[column.kind])), (2, _list(5, [_number(PLAIN), _number(RLE)])),
                (3, _list(8, [_binary(column.name)])), (4, _int(GZIP)), (5, _long(len(rows))),
                (6, _long(len(head) + len(page))), (7, _long(len(chunk))), (9, _long(self._at)),
            )  # fmt: skip
            outlines.append(_struct((2, _long(self._at)), (3, meta))[1])
            chunks.append(chunk)
            self._at += len(chunk)
            size += len(head) + len(page)
        self._rows += len(rows)
        self._groups.append(_struct((1, _list(12, outlines)), (2, _long(size)), (3, _long(len(rows))))[1])
        return b"".join(chunks)

    def end(self) -> bytes:
        root = _struct((4, _text("rows")), (5, _int(len(self._columns))))[1]
        schema = [root, *(_describe(column) for column in self._columns)]
        about = [_struct((1, _text(key)), (2, _text(value)))[1] for key, value in self._about.items()]
        outline = _struct(
            (1, _int(1)), (2, _list(12, schema)), (3, _long(self._rows)), (4, _list(12, self._groups)),
            (5, _list(12, about)), (6, _text(WRITER)),
        )[1]  # fmt: skip
        return outline + struct.pack("<I", len(outline)) + MAGIC


_TYPES = {Kind.TIME: INT64, Kind.NUMBER: DOUBLE, Kind.TRUTH: BOOLEAN, Kind.TEXT: BYTE_ARRAY}


def _describe(column: Column) -> bytes:
    fields = [
        (1, _int(_TYPES[column.kind])),
        (3, _int(REQUIRED if column.required else OPTIONAL)),
        (4, _text(column.name)),
    ]
    if column.kind is Kind.TEXT:
        fields += [(6, _int(0)), (10, _struct((1, _struct())))]
    elif column.kind is Kind.TIME:
        milliseconds = _struct((1, _struct()))
        fields += [(6, _int(9)), (10, _struct((8, _struct((1, (1, b"")), (2, milliseconds)))))]
    return _struct(*fields)[1]


def _encode_page(column: Column, cells: Sequence[Cell]) -> bytes:
    """Return which cells there are, a bit each, and then those that there are."""
    if column.required:
        return _encode_cells(column.kind, cells)
    there = _pack_bits([cell is not None for cell in cells])
    levels = _varint(len(there) << 1 | 1) + there
    return struct.pack("<I", len(levels)) + levels + _encode_cells(column.kind, [c for c in cells if c is not None])


def _encode_cells(kind: Kind, cells: Sequence[Cell]) -> bytes:
    if kind is Kind.TRUTH:
        return _pack_bits(cells)
    if kind is Kind.TEXT:
        texts = [str(cell).encode() for cell in cells]
        return b"".join(part for text in texts for part in (struct.pack("<I", len(text)), text))
    return struct.pack(f"<{len(cells)}{'q' if kind is Kind.TIME else 'd'}", *cells)


def _pack_bits(cells: Sequence[object]) -> bytes:
    """Return a bit for each, the first one the lowest, in whole bytes."""
    bits = int("0" + "".join("1" if cell else "0" for cell in reversed(cells)), 2)
    return bits.to_bytes(-(-len(cells) // 8), "little")


def _squeeze(page: bytes) -> bytes:
    squeezer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return squeezer.compress(page) + squeezer.flush()


# Thrift's compact protocol: a value is its type's number and its bytes.

Thrift = tuple[int, bytes]


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def _number(value: int) -> bytes:
    return _varint(value << 1 ^ value >> 63)


def _int(value: int) -> Thrift:
    return 5, _number(value)


def _long(value: int) -> Thrift:
    return 6, _number(value)


def _binary(text: str) -> bytes:
    raw = text.encode()
    return _varint(len(raw)) + raw


def _text(text: str) -> Thrift:
    return 8, _binary(text)


def _list(kind: int, items: Sequence[bytes]) -> Thrift:
    head = bytes((len(items) << 4 | kind,)) if len(items) < 15 else bytes((0xF0 | kind,)) + _varint(len(items))
    return 9, head + b"".join(items)


def _struct(*fields: tuple[int, Thrift]) -> Thrift:
    """Return a struct of fields in the order of their numbers, none of them 15 beyond the one before."""
    written, last = [], 0
    for number, (kind, value) in fields:
        written.append(bytes(((number - last) << 4 | kind,)) + value)
        last = number
    return 12, b"".join(written) + b"\0"
