"""Secrets in files are for their owner alone, and there whole or not at all."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from lib.private_file import open_private

if TYPE_CHECKING:
    from pathlib import Path


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_reads_the_file_or_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "var" / "secrets.csv"
    with open_private(file) as out:
        assert permissions(file.with_suffix(".new")) == 0o600
        assert not file.exists()
        out.write("a\r\nb\n")
    assert file.read_bytes() == b"a\r\nb\n"
    assert (permissions(file), permissions(file.parent)) == (0o600, 0o700)
    assert [path.name for path in file.parent.iterdir()] == ["secrets.csv"]


def test_what_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "secrets.csv"
    file.write_text("before")
    with pytest.raises(TypeError), open_private(file) as out:
        out.writelines(["half of", None])  # type: ignore[list-item]
    assert file.read_text() == "before"


def test_a_draft_that_was_left_behind_is_neither_used_nor_followed(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "secrets.csv", tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    elsewhere.chmod(0o644)
    file.with_suffix(".new").symlink_to(elsewhere)
    with open_private(file) as out:
        out.write("ours")
    assert (file.read_text(), elsewhere.read_text()) == ("ours", "theirs")
    assert not file.is_symlink()
    assert permissions(file) == 0o600
