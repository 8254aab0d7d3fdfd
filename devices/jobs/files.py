"""Bytes handed between web and worker, a megabyte a row: neither has to hold a whole file, nor share a disk."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from devices.models import File, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from _typeshed import WriteableBuffer

    from tenants.models import Organisation

PART = 1 << 20  # bytes


def store_file(
    *, organisation: Organisation, name: str, content_type: str, chunks: Iterable[bytes], keep: timedelta
) -> File:
    with transaction.atomic():
        file = File.objects.create(
            organisation=organisation, name=name[-200:], content_type=content_type, expires_at=Now() + keep
        )
        size = 0
        for number, data in enumerate(_cut_parts(chunks)):
            Part.objects.create(file=file, number=number, data=data)
            size += len(data)
        File.objects.filter(pk=file.pk).update(size=size)
        file.refresh_from_db()
    return file


def read_chunks(file: File) -> Iterator[bytes]:
    """Yield a file's parts in order, with one in memory at a time."""
    numbers = list(Part.objects.filter(file=file).values_list("pk", flat=True))
    for pk in numbers:
        yield bytes(Part.objects.values_list("data", flat=True).get(pk=pk))


def open_file(file: File) -> io.BufferedReader:
    """Open a file to be read from its beginning, as any binary file."""
    return io.BufferedReader(_Raw(read_chunks(file)), buffer_size=PART)


def open_raw(file: File) -> io.RawIOBase:
    """Open a file to be read from any place in it, with a few of its parts in memory."""
    return _Seekable(file)


def clear_expired() -> int:
    """Delete the files whose time is over, and return how many they were."""
    expired = File.objects.filter(expires_at__lte=Now())
    return expired.delete()[1].get("devices.File", 0)


def _cut_parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    if held:
        yield bytes(held)


class _Seekable(io.RawIOBase):
    KEPT = 4  # parts: whoever reads two places in turn finds both still there

    def __init__(self, file: File) -> None:
        self._keys = list(Part.objects.filter(file=file).values_list("pk", flat=True))
        self._size, self._at = file.size, 0
        self._parts: dict[int, memoryview] = {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(begin + offset, 0)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        number, offset = divmod(self._at, PART)
        if number >= len(self._keys):
            return 0
        part = self._load(number)[offset : offset + len(target)]
        target[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _load(self, number: int) -> memoryview:
        if (part := self._parts.pop(number, None)) is None:
            part = memoryview(bytes(Part.objects.values_list("data", flat=True).get(pk=self._keys[number])))
        self._parts[number] = part
        while len(self._parts) > self.KEPT:
            del self._parts[next(iter(self._parts))]
        return part


class _Raw(io.RawIOBase):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        while not self._held:
            following = next(self._chunks, None)
            if following is None:
                return 0
            self._held = memoryview(following)
        size = min(len(target), len(self._held))
        target[:size] = self._held[:size]
        self._held = self._held[size:]
        return size
