"""A database of the last version before the first release goes on; of an older one it is said that it can't."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("tenants", "devices", "telemetry", "provisioning")
REPLACED = {
    room: __import__(f"{room}.migrations.0001_first_release", fromlist=["Migration"]).Migration.replaces
    for room in ROOMS
}
# What that version's tables had beyond those of `0001_first_release`.
OLD = """
    ALTER TABLE tenants_change ADD COLUMN path varchar(255) NOT NULL DEFAULT '';
    CREATE TRIGGER devices_tally_went AFTER DELETE ON devices_device WHEN OLD.group_id IS NOT NULL
    BEGIN UPDATE devices_tally SET devices = devices - 1 WHERE group_id = OLD.group_id; END;
    INSERT INTO tenants_group (id, path, depth, numchild, name) VALUES (7, '0001', 1, 0, 'Kanarra');
    INSERT INTO devices_tally (group_id, devices) VALUES (7, 12);
"""


def manage(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    asked = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    asked |= {"DEMO": "1", "VAR_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=asked, capture_output=True, text=True, timeout=60
    )


def rows(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "handover.sqlite3")) as database:
        return database.execute(query).fetchall()


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    for room in ("telemetry", "provisioning"):  # and what they depend on
        assert manage(folder, "migrate", room, "0001_first_release", "--skip-checks").returncode == 0
    with closing(sqlite3.connect(folder / "handover.sqlite3")) as database:
        database.executescript(OLD)
        database.execute("DELETE FROM django_migrations WHERE name = '0001_first_release'")
        replaced = [name for names in REPLACED.values() for name in names]
        database.executemany("INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2026-11-27')", replaced)
        database.commit()
    return folder


def test_what_the_last_one_kept_is_taken_over(old: Path, tmp_path: Path) -> None:
    shutil.copytree(old, tmp_path / "var")
    answer = manage(tmp_path / "var", "migrate")
    assert answer.returncode == 0, answer.stderr
    assert rows(tmp_path / "var", "SELECT group_id, devices FROM devices_groupdevicecount") == [(7, 12)]
    triggers = {name for (name,) in rows(tmp_path / "var", "SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    counting = {f"devices_count_{name}" for name in ("came", "went", "moved_in", "moved_out")}
    assert triggers == counting | {"telemetry_latest_forget_newest"}
    columns = [name for (name,) in rows(tmp_path / "var", "SELECT name FROM pragma_table_info('tenants_auditentry')")]
    assert "what" in columns
    assert "path" not in columns
    assert manage(tmp_path / "var", "migrate", "--check").returncode == 0


@pytest.mark.parametrize(("command", "said"), [("migrate", "DATABASE_URL"), ("demo", "Move {folder} away")])
def test_an_older_one_is_refused_and_not_touched(old: Path, tmp_path: Path, command: str, said: str) -> None:
    folder = tmp_path / "var"
    shutil.copytree(old, folder)
    with closing(sqlite3.connect(folder / "handover.sqlite3")) as database:
        database.execute("DELETE FROM django_migrations WHERE app = 'devices' AND name > '0012'")
        database.commit()
    before = rows(folder, "SELECT name, sql FROM sqlite_master")
    answer = manage(folder, command)
    assert answer.returncode != 0
    for words in ("early development version", said.format(folder=folder)):
        assert words in answer.stderr
    assert "Traceback" not in answer.stderr
    assert rows(folder, "SELECT name, sql FROM sqlite_master") == before
