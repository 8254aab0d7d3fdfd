"""What is said of files by their names is said of files that are there."""

from __future__ import annotations

from tests.plugin import BROWSERS, ONCE, ROOT, WAITING, WHOLE


def test_files_that_are_told_apart_by_name_are_there() -> None:
    assert [name for name in (BROWSERS, *ONCE, *WAITING, *WHOLE) if not (ROOT / name).exists()] == []
