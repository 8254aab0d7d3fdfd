"""PostgreSQL: dumped by pg_dump in its custom format, and restored in one transaction."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

import psycopg
from django.db import connection

from config.backups.archive import CHUNK, Unusable
from config.backups.over import STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

EMPTY = ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
UNKNOWN_BEFORE = b"SET transaction_timeout = 0;"  # which pg_restore 17 says to servers that don't know it
GOING_SECONDS = 3.0  # in which PostgreSQL ends the process of somebody who has left
INSTALL = "Install PostgreSQL's client programs, of the server's version or a later one (Debian: postgresql-client)."


def dump() -> Iterator[bytes]:
    """Yield the dump, of one moment, while the site goes on. Raises Unusable."""
    with _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", stdin=subprocess.DEVNULL) as program:
        yield from program.read()
        program.finish()


def is_empty() -> bool:
    return not connection.introspection.table_names()


def find_users() -> int:
    """Return how many others are connected to this database; who is about to go is waited for."""
    until = time.monotonic() + GOING_SECONDS
    while (others := _count_users()) and time.monotonic() < until:
        time.sleep(0.1)
    return others


def _count_users() -> int:
    """Count them over one connection, when our own are closed: with DATABASE_POOL there are several."""
    _leave()
    with psycopg.connect(**connection.get_connection_params()) as own:
        row = own.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone()
    return int(row[0]) if row else 0


def _leave() -> None:
    connection.close()
    close_pool: Callable[[], None] | None = getattr(connection, "close_pool", None)  # not SQLite's
    if close_pool:
        close_pool()


def restore(chunks: Iterable[bytes], *, replace: bool) -> None:
    """Restore the dump, and end what is over; all or nothing. Raises Unusable.

    pg_restore writes the statements, psql runs them in one transaction, which is only committed once pg_restore has
    ended well: until then psql is not told that there is no more.
    """
    _leave()
    before = [part for statement in (EMPTY if replace else ()) for part in ("-c", statement)]
    after = [part for statement in STATEMENTS for part in ("-c", f"SET search_path = public; {statement}")]
    options = ["--no-psqlrc", "--quiet", "--output=/dev/null", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    with (
        _run("pg_restore", "--no-owner", "--no-privileges", "-f", "-") as writer,
        _run("psql", *options, *before, "-f", "-", *after) as runner,
    ):
        threading.Thread(target=writer.feed_all, args=[chunks], daemon=True).start()
        if runner.feed(_leave_out_unknown(writer.read())):
            writer.finish()
        runner.finish()


def _leave_out_unknown(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for number, chunk in enumerate(chunks):
        yield chunk if number else chunk.replace(UNKNOWN_BEFORE, b"")


class Program:
    """Run one of PostgreSQL's programs."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self.name, self.process, self._errors = name, process, errors

    def read(self) -> Iterator[bytes]:
        assert self.process.stdout is not None
        while chunk := self.process.stdout.read(CHUNK):
            yield chunk

    def feed(self, chunks: Iterable[bytes]) -> bool:
        """Give it all of them, and return whether it took them. It is not told yet that there is no more."""
        assert self.process.stdin is not None
        try:
            for chunk in chunks:
                self.process.stdin.write(chunk)
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return False
        return True

    def feed_all(self, chunks: Iterable[bytes]) -> None:
        try:
            self.feed(chunks)
        finally:
            self.end_input()

    def end_input(self) -> None:
        with suppress(BrokenPipeError):
            if self.process.stdin:
                self.process.stdin.close()

    def finish(self) -> None:
        """Wait for its end. Raises Unusable where that is none that is well."""
        self.end_input()
        if self.process.wait():
            self._errors.seek(0)
            raise Unusable(_explain(self.name, self._errors.read(CHUNK).decode(errors="replace").splitlines()))


@contextmanager
def _run(name: str, *options: str, stdin: int = subprocess.PIPE) -> Iterator[Program]:
    """Run it; at the block's end it is ended, however that comes. Raises Unusable."""
    found = shutil.which(name)
    if found is None:
        raise Unusable(f"{name} is not on this machine. {INSTALL}")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [found, *options], env=_build_environment(), stdin=stdin, stdout=subprocess.PIPE, stderr=errors
        )
        try:
            yield Program(name, process, errors)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    if pipe:
                        pipe.close()


def _explain(program: str, said: Sequence[str]) -> str:
    words = next((line for line in said if "error" in line.lower() or "fatal" in line.lower()), " ".join(said[-1:]))
    next_step = INSTALL if "version mismatch" in words else "Nothing was changed. Mend that, and begin again."
    return f"{program} failed: {words.strip() or 'it did not say why'}. {next_step}"


def _build_environment() -> dict[str, str]:
    """Return the environment that libpq reads: a password has no place in a command."""
    at = connection.settings_dict
    given = {"PGHOST": at["HOST"], "PGPORT": at["PORT"], "PGUSER": at["USER"], "PGPASSWORD": at["PASSWORD"]}
    given |= {"PGDATABASE": at["NAME"], "PGAPPNAME": "handover backup", "PGOPTIONS": "-c lock_timeout=60s"}
    given |= {f"PG{name.upper()}": value for name, value in at["OPTIONS"].items() if name.startswith("ssl")}
    return {**os.environ, **{name: str(value) for name, value in given.items() if value}}
