"""A text may be part of what an entry says, however many there are: Django's icontains asks in these words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import migrations

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# The former release goes on writing entries meanwhile. What is left of one that was broken off is no index.
SEARCH = [
    "DROP INDEX CONCURRENTLY IF EXISTS entry_search",
    "CREATE INDEX CONCURRENTLY entry_search ON tenants_auditentry USING gin (upper(what::text) gin_trgm_ops)",
]
CAN_HAVE = """
SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'
  AND (installed_version IS NOT NULL OR has_database_privilege(current_database(), 'CREATE'))
"""
REMOVE = "DROP INDEX IF EXISTS entry_search"


def index_search(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(CAN_HAVE)
        if cursor.fetchone() is None:  # without contrib modules, or without the right: a search reads all entries
            return
    for statement in ["CREATE EXTENSION IF NOT EXISTS pg_trgm", *SEARCH]:
        schema_editor.execute(statement, params=None)


def remove_search(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(REMOVE, params=None)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("tenants", "0015_push")]
    operations = [migrations.RunPython(index_search, remove_search)]
