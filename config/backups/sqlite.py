"""SQLite, the demo's: copied by its own backup, which sees one moment while the site writes on."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connection

from config.backups.archive import CHUNK, Unusable
from config.backups.over import STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BUSY_SECONDS = 5.0


def find_file() -> Path:
    return Path(str(connection.settings_dict["NAME"]))


def dump() -> Iterator[bytes]:
    connection.close()
    with tempfile.TemporaryDirectory(dir=find_file().parent) as folder:
        copy = Path(folder) / "copy"
        with closing(sqlite3.connect(find_file())) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        with copy.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


def is_empty() -> bool:
    return not find_file().exists() or not connection.introspection.table_names()


def restore(chunks: Iterable[bytes]) -> None:
    """Make a new file, end in it what is over, and put it in the place of the old one. Raises Unusable."""
    connection.close()
    place = find_file()
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        new = Path(folder) / "new"
        with new.open("wb") as file:
            file.writelines(chunks)
        try:
            with closing(sqlite3.connect(new)) as database, database:
                if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    raise Unusable("The database in it is damaged. Take another backup.")
                for statement in STATEMENTS:
                    database.execute(statement)
            _let_go_of(place)
        except sqlite3.Error as error:
            raise Unusable(f"SQLite: {error}. Nothing was changed.") from None
        new.replace(place)


def _let_go_of(place: Path) -> None:
    """End what of the former database lies beside it, which would be read into the new one. Raises sqlite3.Error
    while somebody uses it."""
    if not place.exists():
        return
    with closing(sqlite3.connect(place, timeout=BUSY_SECONDS)) as former:
        former.execute("PRAGMA journal_mode = DELETE")
