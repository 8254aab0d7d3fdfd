"""Bytes handed between web and worker, a megabyte a row: neither has to hold a whole file, nor share a disk."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from devices.models import File, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed import WriteableBuffer

    from tenants.models import Organisation

PART = 1 << 20  # bytes


def store(
    *, organisation: Organisation, name: str, content_type: str, chunks: Iterable[bytes], keep: timedelta
) -> File:
    with transaction.atomic():
        file = File.objects.create(
            organisation=organisation, name=name[-200:], content_type=content_type, expires_at=Now() + keep
        )
        size = 0
        for number, data in enumerate(_parts(chunks)):
            Part.objects.create(file=file, number=number, data=data)
            size += len(data)
        File.objects.filter(pk=file.pk).update(size=size)
        file.refresh_from_db()
    return file


def chunks(file: File) -> Iterator[bytes]:
    """One part in memory at a time."""
    numbers = list(Part.objects.filter(file=file).values_list("pk", flat=True))
    for pk in numbers:
        yield bytes(Part.objects.values_list("data", flat=True).get(pk=pk))


def opened(file: File) -> io.BufferedReader:
    """To be read from its beginning, as any binary file."""
    return io.BufferedReader(_Raw(chunks(file)), buffer_size=PART)


def clear_expired() -> int:
    """How many files were deleted."""
    expired = File.objects.filter(expires_at__lte=Now())
    return expired.delete()[1].get("devices.File", 0)


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    if held:
        yield bytes(held)


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
