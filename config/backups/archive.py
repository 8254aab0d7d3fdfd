"""The file of a backup: a tar with the database's dump, written as it comes, and a manifest that says what it is.

The manifest comes last, so that a file that was cut short has none.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FORMAT = 1
DUMP, MANIFEST = "database", "manifest.json"
CHUNK = 1 << 20


class Unusable(Exception):
    """Say what went wrong with a backup, and what to do next."""


class Manifest(NamedTuple):
    """Say what a backup is of. `key` tells the site's SECRET_KEY from others and tells nothing else of it."""

    made_at: str
    vendor: str
    key: str
    migrations: list[str]  # app.name
    sha256: str = ""
    size: int = 0  # bytes of the dump


def write(path: Path, dump: Iterable[bytes], manifest: Manifest) -> Manifest:
    """Write the file, readable by its owner alone; whatever fails leaves none. Raises Unusable."""
    if path.exists():
        raise Unusable(f"{path} is there already, and is kept. Name another file.")
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            manifest = _write_all(file, dump, manifest)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # which takes no other's place
    except OSError as error:
        raise Unusable(
            f"{path} can't be written: {error}. Name a file on a disk with room, in a folder of yours."
        ) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return manifest


def _write_all(file: io.BufferedRandom, dump: Iterable[bytes], manifest: Manifest) -> Manifest:
    digest, size = hashlib.sha256(), 0
    file.write(_make_header(DUMP, 0))
    for chunk in dump:
        digest.update(chunk)
        size += len(chunk)
        file.write(chunk)
    file.write(bytes(-size % tarfile.BLOCKSIZE))
    manifest = manifest._replace(sha256=digest.hexdigest(), size=size)
    told = json.dumps({"format": FORMAT, **manifest._asdict()}, indent=1).encode()
    file.write(_make_header(MANIFEST, len(told)) + told + bytes(-len(told) % tarfile.BLOCKSIZE))
    file.write(bytes(2 * tarfile.BLOCKSIZE))
    file.seek(0)
    file.write(_make_header(DUMP, size))
    return manifest


def _make_header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, int(time.time())
    return info.tobuf(tarfile.GNU_FORMAT)


def read(path: Path) -> Manifest:
    """Return what the backup is of. Raises Unusable."""
    try:
        with tarfile.open(path) as tar:
            member = tar.extractfile(MANIFEST)
            assert member is not None
            told = json.loads(member.read(CHUNK))
        if told.pop("format") != FORMAT:
            raise Unusable(f"{path} was made by a later release. Restore it with that one.")
        return Manifest(**told)
    except FileNotFoundError:
        raise Unusable(f"{path} is not there. Name a file that manage.py backup made.") from None
    except (OSError, tarfile.TarError, AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unusable(f"{path} is no whole backup ({error}). Take another one.") from None


def verify(path: Path, manifest: Manifest) -> None:
    """Raises Unusable unless the dump is what was written."""
    digest = hashlib.sha256()
    for chunk in read_dump(path):
        digest.update(chunk)
    if digest.hexdigest() != manifest.sha256:
        raise Unusable(f"{path} is damaged: its checksum is another. Take another backup.")


def read_dump(path: Path) -> Iterator[bytes]:
    with tarfile.open(path) as tar:
        member = tar.extractfile(DUMP)
        assert member is not None
        while chunk := member.read(CHUNK):
            yield chunk
