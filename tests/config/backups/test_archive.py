"""A backup's file is whole or none, its owner's alone, and nobody else's is written over."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from typing import TYPE_CHECKING

import pytest

from config.backups import archive
from config.backups.archive import Manifest, Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = Manifest("2026-11-30T08:15:00+00:00", "postgresql", "ab" * 16, ["devices.0001_first_release"])


@pytest.mark.parametrize("sizes", [(), (1,), (511, 1), (512,), (513, 2_000), (3 << 20,)])
def test_what_was_written_is_read_back(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    chunks = [bytes([number + 65]) * size for number, size in enumerate(sizes)]
    file = tmp_path / "site.backup"
    written = archive.write(file, iter(chunks), MANIFEST)
    assert written.size == sum(sizes)
    assert archive.read(file) == written
    archive.verify(file, written)
    assert b"".join(archive.read_dump(file)) == b"".join(chunks)
    with tarfile.open(file) as tar:  # as any program reads it
        assert next((member.name, member.size, member.mode) for member in tar) == ("database", sum(sizes), 0o600)


def test_it_is_its_owners_alone_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "site.backup"
    archive.write(file, [b"dump"], MANIFEST)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["site.backup"]


def test_no_file_is_written_over_and_a_part_that_was_left_is_no_matter(tmp_path: Path) -> None:
    file = tmp_path / "site.backup"
    file.with_name("site.backup.part").write_bytes(b"cut short")
    archive.write(file, [b"first"], MANIFEST)
    with pytest.raises(Unusable, match="is there already, and is kept"):
        archive.write(file, [b"second"], MANIFEST)
    assert b"".join(archive.read_dump(file)) == b"first"


def test_a_file_that_comes_meanwhile_keeps_its_place(tmp_path: Path) -> None:
    file = tmp_path / "site.backup"

    def dump() -> Iterator[bytes]:
        yield b"ours"
        file.write_bytes(b"theirs")

    with pytest.raises(Unusable, match="can't be written"):
        archive.write(file, dump(), MANIFEST)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"site.backup": b"theirs"}


def test_a_dump_that_fails_leaves_none(tmp_path: Path) -> None:
    def dump() -> Iterator[bytes]:
        yield b"half of"
        raise Unusable("pg_dump failed")

    with pytest.raises(Unusable, match="pg_dump failed"):
        archive.write(tmp_path / "site.backup", dump(), MANIFEST)
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="Name a file on a disk with room"):
        archive.write(tmp_path / "none" / "site.backup", [b"dump"], MANIFEST)


def rewrite(file: Path, told: object, name: str = archive.MANIFEST) -> None:
    content = json.dumps(told).encode()
    with tarfile.open(file, "w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))


WHOLE = {"format": archive.FORMAT, **MANIFEST._asdict()}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({**WHOLE, "format": 2}, "was made by a later release"),
        ({"format": 1}, "is no whole backup"),
        ({**WHOLE, "more": 1}, "is no whole backup"),
        ([], "is no whole backup"),
        ({}, "is no whole backup"),
        ("text", "is no whole backup"),
    ],
)
def test_a_manifest_that_is_none_is_told(tmp_path: Path, told: object, said: str) -> None:
    file = tmp_path / "site.backup"
    rewrite(file, told)
    with pytest.raises(Unusable, match=said):
        archive.read(file)


@pytest.mark.parametrize("content", [b"", b"no tar", bytes(1024)], ids=["empty", "text", "empty tar"])
def test_what_is_no_backup_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "site.backup"
    file.write_bytes(content)
    with pytest.raises(Unusable, match="is no whole backup"):
        archive.read(file)


def test_a_backup_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"is not there\. Name a file that manage.py backup made"):
        archive.read(tmp_path / "none")


def test_without_its_end_it_has_no_manifest(tmp_path: Path) -> None:
    file = tmp_path / "site.backup"
    archive.write(file, [b"x" * 4_000], MANIFEST)
    whole = file.read_bytes()
    for kept in (100, 3_000, 4_608):
        file.write_bytes(whole[:kept])
        with pytest.raises(Unusable, match="is no whole backup"):
            archive.read(file)


def test_one_changed_byte_is_found(tmp_path: Path) -> None:
    file = tmp_path / "site.backup"
    written = archive.write(file, [b"x" * 4_000], MANIFEST)
    content = bytearray(file.read_bytes())
    content[1_000] ^= 1
    file.write_bytes(content)
    with pytest.raises(Unusable, match="is damaged: its checksum is another"):
        archive.verify(file, archive.read(file))
    assert archive.read(file) == written
