"""What is said of files by their names is said of files that are there."""

from __future__ import annotations

from tests.plugin import BROWSERS, ROOT, TWICE, WAITING, WHOLE


def test_files_that_are_told_apart_by_name_are_there() -> None:
    named = (BROWSERS, *TWICE, *WAITING, *WHOLE)  # a file, a folder, what files begin with, a test
    assert [name for name in named if not [*ROOT.glob(f"{name.partition('::')[0].rstrip('/')}*")]] == []
