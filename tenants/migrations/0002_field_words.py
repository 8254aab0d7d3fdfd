"""Models carry the field's words, and the log no longer has the path of what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import migrations

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def drop_path(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop what installations of before the first release still have, and no model knows."""
    connection, table = schema_editor.connection, "tenants_auditentry"
    with connection.cursor() as cursor:
        columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
    if "path" in columns:
        schema_editor.execute(f"ALTER TABLE {table} DROP COLUMN path", params=None)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_first_release")]

    operations = [
        migrations.RenameModel("Change", "AuditEntry"),
        migrations.RenameModel("Replay", "IdempotencyRecord"),
        migrations.RenameIndex(
            "auditentry", new_name="tenants_aud_organis_38c12d_idx", old_name="tenants_cha_organis_8af7ee_idx"
        ),
        migrations.RunPython(drop_path),
    ]
