"""A database that is migrated once, and that each process of a test run begins with a copy of."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from tests.parts import PATIENCE, SHARED

NAME = "migrated"
ROOT = Path(__file__).resolve().parent.parent


def _lock(folder: Path) -> Path:
    return folder / "migrating.lock"


def _file(folder: Path) -> Path:
    return folder / f"{NAME}.sqlite3"


def _connect(url: str) -> psycopg.Connection:
    """To a server that listens, and may have to begin yet."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def migrate(folder: Path, server: str | None) -> subprocess.Popen[bytes]:
    """Begin to, on that server of PostgreSQL, else in a file; whoever copies it waits for the lock, which the process
    that migrates holds until it ends."""
    if server is None:
        url = f"sqlite:///{_file(folder)}"
    else:
        with _connect(server) as connection:
            connection.execute(f"CREATE DATABASE {NAME}")
        url = f"{server.rpartition('/')[0]}/{NAME}"
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"]
    with _lock(folder).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = {**os.environ, "DATABASE_URL": url}
        return subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[lock.fileno()])


def find() -> str | None:
    """Its name, once nobody is connected to it, if there is one. What it lacks, the tests' own migrating adds."""
    if not (path := _lock(Path(os.environ[SHARED]))).exists():
        return None
    with path.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    return NAME


def copy_file(to: str) -> None:
    """Of SQLite, if there is one."""
    if find() is not None:
        shutil.copyfile(_file(Path(os.environ[SHARED])), to)
