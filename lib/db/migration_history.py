"""Databases of development versions from before the first release, whose migrations were drawn together since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper

HALF_WAY = "This database was made by an early development version, whose data can't be taken over."


def is_half_way(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether migrations that are no files any more were applied in part: no way leads on from there."""
    loader = MigrationLoader(connection, load=False)
    loader.load_disk()
    assert loader.disk_migrations is not None
    applied = set(MigrationRecorder(connection).applied_migrations())
    drawn = (set(migration.replaces) - set(loader.disk_migrations) for migration in loader.disk_migrations.values())
    return any(gone & applied and gone - applied for gone in drawn)


@register(Tags.database)
def check_history(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Refuse `migrate` before it changes anything."""
    half = [alias for alias in databases or () if is_half_way(connections[alias])]
    hint = "Nothing was changed. Name another database in DATABASE_URL, and begin with an empty one."
    return [Error(HALF_WAY, hint=hint, obj=alias, id="handover.E001") for alias in half]
