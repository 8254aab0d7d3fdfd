"""Files for their owner alone, written whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def open_private(file: Path) -> Iterator[IO[str]]:
    """Open a draft of the file, which takes its place at the end of the block, if nothing fails in it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(draft, "x", newline="", opener=_open_private) as out:
        yield out
    draft.replace(file)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
