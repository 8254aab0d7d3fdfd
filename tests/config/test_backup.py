"""`manage.py backup` and `restore`, by their own processes: what comes back, what does not, and what is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import uuid
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from psycopg import sql

from config.backups import archive, over
from config.backups.operations import back_up, restore
from devices.credentials.deliveries import prepare_delivery
from devices.credentials.operations import issue_credential
from devices.models import Command, PresenceSecret
from lib import key_wrapping
from provisioning.models import Window
from telemetry.models import Report
from tests.mqtt.processes import database_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)

READ = """
import django; django.setup()
from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.test import Client
from devices.models import Delivery, Event
from devices.credentials.operations import authenticate_device
from devices.models import PresenceSecret
from lib import key_wrapping
from telemetry.models import Report
client = Client(HTTP_HOST="localhost")
said = client.post("/accounts/login/", {"login": "viewer@x.example", "password": "a long enough passphrase"})
print("signed in", said.status_code)
print("device", client.get("/devices/{serial}/").status_code)
print("history", Report.objects.filter(device__serial="{serial}").count(), Event.objects.count())
print("sealed", key_wrapping.unseal(PresenceSecret.objects.get().sealed))
print("credential", authenticate_device(access_key="{key}", access_secret="{secret}"))
others = Session.objects.exclude(pk=client.session.session_key)
print("left", others.count(), Delivery.objects.filter(sealed__isnull=False).count())
"""


class Place(NamedTuple):
    """An empty database of the same kind."""

    url: str

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        given = {**os.environ, "DATABASE_URL": self.url, "DJANGO_SETTINGS_MODULE": "config.settings", **env}
        return subprocess.run(
            [sys.executable, *command], env=given, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=300
        )

    def manage(self, *command: str, **env: str) -> str:
        """Return what it says, with its end's code before it."""
        ended = self.run("manage.py", *command, **env)
        return f"{ended.returncode} {ended.stdout}{ended.stderr}"


@pytest.fixture
def empty(world: World, tmp_path: Path) -> Iterator[Place]:
    if connection.vendor == "sqlite":
        yield Place(f"sqlite:///{tmp_path}/other.sqlite3")
        return
    here = database_url()
    with psycopg.connect(here.replace("postgres://", "postgresql://"), autocommit=True) as admin:
        name = f"restored_{uuid.uuid4().hex}"  # others' tests run beside
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        yield Place(urlsplit(here)._replace(path=f"/{name}").geturl())
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def file(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "site.backup"
    back_up(path)
    return path


def test_it_comes_back_whole(client: Client, world: World, empty: Place, tmp_path: Path) -> None:
    world.viewer.email = "viewer@x.example"
    world.viewer.password = PBKDF2PasswordHasher().encode("a long enough passphrase", "salt" * 6)
    world.viewer.save()
    client.force_login(world.viewer)
    issued = issue_credential(device=world.placed, by=world.owner)
    delivery = prepare_delivery(by=world.owner, organisation=world.kanarra)
    PresenceSecret.objects.create(device=world.placed, method="rotating-code", sealed=key_wrapping.seal(b"kept"))
    Report.objects.create(device=world.placed, at=timezone.now(), data={"rpm": 7})
    assert Session.objects.count() == 1
    path = tmp_path / "site.backup"
    said = Place(database_url()).manage("backup", str(path))
    assert said.startswith(f"0 {path}: "), said
    assert path.stat().st_mode & 0o777 == 0o600
    said = empty.manage("restore", str(path))
    assert said.startswith("0 Restored what was there"), said
    script = READ.replace("{serial}", world.placed.serial).replace("{key}", issued.access_key)
    read = empty.run("-c", script.replace("{secret}", issued.access_secret))
    assert "signed in 302" in read.stdout, read.stderr
    lines = read.stdout.splitlines()
    assert lines[1] == "device 200"
    assert lines[2].startswith("history 1 ")
    assert lines[3:] == ["sealed b'kept'", f"credential {world.placed}", "left 0 0"]
    delivery.refresh_from_db()
    assert delivery.sealed is not None  # here, and not there


def test_what_is_there_is_kept_unless_one_says_so(empty: Place, file: Path) -> None:
    assert empty.manage("restore", str(file)).startswith("0 ")
    said = empty.manage("restore", str(file))
    assert said.startswith("1 CommandError: The database is not empty, and is kept."), said
    assert empty.manage("restore", str(file), "--replace").startswith("0 Restored")


def damage(path: Path) -> None:
    with path.open("r+b") as opened:
        opened.seek(path.stat().st_size // 2)
        byte = opened.read(1)
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte[0] ^ 1]))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage, "its checksum is another"),
        (cut, "is no whole backup"),
        (lambda path: path.unlink(), "is not there"),
        (lambda path: path.write_bytes(b"x" * 9999), "is no whole backup"),
    ],
)
def test_what_is_no_whole_backup_changes_nothing(file: Path, harm: object, said: str) -> None:
    assert callable(harm)
    harm(file)
    with pytest.raises(archive.Unusable, match=said):
        restore(file)


def rewrite(path: Path, **changed: object) -> None:
    manifest = archive.read(path)._replace(**changed)  # type: ignore[arg-type]
    dump = list(archive.read_dump(path))
    path.unlink()
    archive.write(path, dump, manifest)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"migrations": ["devices.0999_later"]}, "another release, whose devices.0999_later"),
        ({"key": "0" * 32}, "another SECRET_KEY"),
        ({"vendor": "oracle"}, "It is of oracle"),
    ],
)
def test_what_does_not_fit_is_refused(file: Path, changed: dict[str, object], said: str) -> None:
    rewrite(file, **changed)
    with pytest.raises(archive.Unusable, match=said):
        restore(file)


def test_a_restore_that_fails_half_way_leaves_nothing(empty: Place, file: Path) -> None:
    """Its last statement fails, when all the data is there already."""
    script = (
        "import django; django.setup(); from pathlib import Path; from config.backups import postgresql, sqlite, over;"
        "postgresql.STATEMENTS = sqlite.STATEMENTS = (*over.STATEMENTS, 'DELETE FROM no_such_table');"
        "from django.core.management import call_command; call_command('restore', {!r})"
    )
    ended = empty.run("-c", script.format(str(file)))
    assert "no_such_table" in ended.stderr
    assert "Nothing was changed" in ended.stderr
    assert empty.manage("restore", str(file)).startswith("0 Restored")  # so it is empty still


def test_a_dump_that_ends_too_soon_leaves_nothing(empty: Place, file: Path) -> None:
    """Whole by its own checksum: the disk was full when it was made, say."""
    dump = b"".join(archive.read_dump(file))
    half = dump[: len(dump) * 2 // 3]
    manifest = archive.read(file)
    file.unlink()
    archive.write(file, [half], manifest._replace(sha256=hashlib.sha256(half).hexdigest()))
    assert empty.manage("restore", str(file)).startswith("1 CommandError: ")
    rewritten = file.with_name("whole")
    archive.write(rewritten, [dump], manifest)
    assert empty.manage("restore", str(rewritten)).startswith("0 Restored")


def test_no_other_file_is_written_over(world: World, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(archive.Unusable, match="is there already"):
        back_up(file)
    assert file.read_bytes() == before
    with pytest.raises(archive.Unusable, match="can't be written"):
        back_up(file.parent / "none" / "file")
    assert sorted(each.name for each in file.parent.iterdir() if "part" in each.name) == []


@pytest.mark.postgres
def test_what_others_use_is_not_replaced(file: Path, empty: Place) -> None:
    assert empty.manage("restore", str(file)).startswith("0 ")
    with ExitStack() as stack:
        stack.enter_context(psycopg.connect(empty.url.replace("postgres://", "postgresql://")))
        for pool in ("0", "4"):
            said = empty.manage("restore", str(file), "--replace", DATABASE_POOL=pool)
            assert "1 others are connected" in said
    assert empty.manage("restore", str(file), "--replace", DATABASE_POOL="4").startswith("0 ")


def test_what_ends_by_its_time_is_over(world: World) -> None:
    later = timezone.now() + timedelta(hours=1)
    device = world.placed
    Command.objects.create(device=device, name="reboot", label="Reboot", role=10, expires_at=later)
    Window.objects.create(device=world.waiting, technician=world.technician, deadline=later)
    with connection.cursor() as cursor:
        for statement in over.STATEMENTS:
            cursor.execute(statement)
    assert Command.objects.with_state().get().stage == "expired"
    assert Window.objects.with_state().get().state == "expired"
