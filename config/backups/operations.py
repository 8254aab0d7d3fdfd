"""Making a backup of the site's database, and bringing one back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from config.backups import archive, postgresql, sqlite
from config.backups.archive import Manifest, Unusable

if TYPE_CHECKING:
    from pathlib import Path


def back_up(path: Path) -> Manifest:
    """Write the database into the file. Raises Unusable."""
    applied = sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
    if not applied:
        raise Unusable("The database is empty: there is nothing to keep. Is DATABASE_URL the site's?")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(now, connection.vendor, identify_key(settings.SECRET_KEY), applied)
    dump = postgresql.dump if connection.vendor == "postgresql" else sqlite.dump
    return archive.write(path, dump(), manifest)


def restore(path: Path, *, replace: bool = False, without_key: bool = False) -> Manifest:
    """Bring the database of the file back: all of it, or nothing. Raises Unusable.

    `replace` what is there, which else has to be empty; `without_key` though SECRET_KEY is another than it was.
    """
    manifest = archive.read(path)
    _require_fit(manifest, without_key=without_key)
    archive.verify(path, manifest)
    on_postgresql = connection.vendor == "postgresql"
    if not (postgresql if on_postgresql else sqlite).is_empty() and not replace:
        raise Unusable("The database is not empty, and is kept. Name an empty one in DATABASE_URL, or say --replace.")
    if on_postgresql:
        if replace and (users := postgresql.find_users()):
            raise Unusable(
                f"{users} others are connected to this database. Stop the site, workers, beat and gates "
                "(systemctl stop handover.target, docker compose stop), and begin again."
            )
        postgresql.restore(archive.read_dump(path), replace=replace)
    else:
        sqlite.restore(archive.read_dump(path))
    return manifest


def find_missing_migrations() -> int:
    """Return how many migrations of this release the database still lacks."""
    loader = MigrationLoader(connection)
    return len([key for key in loader.graph.nodes if key not in loader.applied_migrations])


def identify_key(secret: str) -> str:
    """Return what tells this secret from others, and can't be turned back."""
    derivation = HKDF(algorithm=SHA256(), length=16, salt=None, info=b"handover: which key a backup needs")
    return derivation.derive(secret.encode()).hex()


def _require_fit(manifest: Manifest, *, without_key: bool) -> None:
    if manifest.vendor != connection.vendor:
        raise Unusable(f"It is of {manifest.vendor}, this database is {connection.vendor}: see DATABASE_URL.")
    loader = MigrationLoader(None, ignore_no_migrations=True)
    known = set(loader.disk_migrations)
    known |= {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    later = [name for name in manifest.migrations if tuple(name.split(".", 1)) not in known]
    if later:
        raise Unusable(f"It was made by another release, whose {later[0]} this one does not know. Restore with that.")
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if manifest.key not in map(identify_key, keys) and not without_key:
        raise Unusable(
            "It was made under another SECRET_KEY: second factors, hooks, codes and challenges could not be read. Put "
            "that key into SECRET_KEY, or into SECRET_KEY_FALLBACKS; if it is lost, say --without-key."
        )
