"""Models carry the field's words, and the database keeps the number of devices of each group under its new name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django.db.models.deletion
from django.db import migrations, models

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Whoever changes a device's group changes the count: COPY, a bulk update, a single save.
POSTGRESQL = [
    """
    CREATE FUNCTION devices_count() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO devices_groupdevicecount (group_id, devices)
            SELECT group_id, count(*) FROM came WHERE group_id IS NOT NULL GROUP BY group_id ORDER BY group_id
            ON CONFLICT (group_id) DO UPDATE SET devices = devices_groupdevicecount.devices + excluded.devices;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO devices_groupdevicecount (group_id, devices)
            SELECT group_id, -count(*) FROM went WHERE group_id IS NOT NULL GROUP BY group_id ORDER BY group_id
            ON CONFLICT (group_id) DO UPDATE SET devices = devices_groupdevicecount.devices + excluded.devices;
        ELSE
            INSERT INTO devices_groupdevicecount (group_id, devices)
            SELECT moved.group_id, sum(moved.number) FROM (
                SELECT came.group_id, 1 AS number FROM came JOIN went USING (id)
                WHERE came.group_id IS DISTINCT FROM went.group_id
                UNION ALL
                SELECT went.group_id, -1 FROM came JOIN went USING (id)
                WHERE came.group_id IS DISTINCT FROM went.group_id
            ) AS moved WHERE moved.group_id IS NOT NULL
            GROUP BY moved.group_id HAVING sum(moved.number) <> 0 ORDER BY moved.group_id
            ON CONFLICT (group_id) DO UPDATE SET devices = devices_groupdevicecount.devices + excluded.devices;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER devices_count_came AFTER INSERT ON devices_device
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION devices_count()
    """,
    """
    CREATE TRIGGER devices_count_went AFTER DELETE ON devices_device
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION devices_count()
    """,
    """
    CREATE TRIGGER devices_count_moved AFTER UPDATE ON devices_device
    REFERENCING OLD TABLE AS went NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION devices_count()
    """,
]
# SQLite loses them when a migration makes the table anew: that migration has to call `install` again.
UPSERT = """
    INSERT INTO devices_groupdevicecount (group_id, devices) VALUES ({row}.group_id, {number})
    ON CONFLICT (group_id) DO UPDATE SET devices = devices + excluded.devices;
"""
CAME = UPSERT.format(row="NEW", number=1)
WENT = "UPDATE devices_groupdevicecount SET devices = devices - 1 WHERE group_id = OLD.group_id;"
SQLITE = [
    f"CREATE TRIGGER devices_count_came AFTER INSERT ON devices_device "
    f"WHEN NEW.group_id IS NOT NULL BEGIN {CAME} END",
    f"CREATE TRIGGER devices_count_went AFTER DELETE ON devices_device "
    f"WHEN OLD.group_id IS NOT NULL BEGIN {WENT} END",
    f"CREATE TRIGGER devices_count_moved_in AFTER UPDATE OF group_id ON devices_device "
    f"WHEN NEW.group_id IS NOT NULL AND NEW.group_id IS NOT OLD.group_id BEGIN {CAME} END",
    f"CREATE TRIGGER devices_count_moved_out AFTER UPDATE OF group_id ON devices_device "
    f"WHEN OLD.group_id IS NOT NULL AND NEW.group_id IS NOT OLD.group_id BEGIN {WENT} END",
]
# What a text may be part of, whatever the size of the fleet: Django's icontains and contains ask in these words.
SEARCH = """
    CREATE INDEX IF NOT EXISTS devices_device_search ON devices_device
    USING gin (upper(name::text) gin_trgm_ops, (serial_key::text) gin_trgm_ops)
"""


# What installations of before the first release still have, under their old names.
OLD_POSTGRESQL = ["DROP FUNCTION IF EXISTS devices_tally() CASCADE"]
OLD_SQLITE = [f"DROP TRIGGER IF EXISTS devices_tally_{name}" for name in ("came", "went", "moved_in", "moved_out")]


def drop_old_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in OLD_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else OLD_SQLITE:
        schema_editor.execute(statement, params=None)


def install(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def index_search(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")
        if cursor.fetchone() is None:
            return  # PostgreSQL without its contrib modules: a search reads the organisation's devices
    schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm", params=None)
    schema_editor.execute(SEARCH, params=None)
    schema_editor.execute("CREATE INDEX IF NOT EXISTS devices_device_tags ON devices_device USING gin (tags)", params=None)


class Migration(migrations.Migration):
    dependencies = [("devices", "0001_first_release"), ("tenants", "0002_field_words")]

    operations = [
        migrations.RunPython(drop_old_triggers),
        migrations.RenameModel("Action", "BulkAction"),
        migrations.RenameModel("Sheet", "LabelPrintJob"),
        migrations.RenameModel("Tally", "GroupDeviceCount"),
        migrations.AlterModelOptions("groupdevicecount", {"verbose_name_plural": "group device counts"}),
        migrations.AlterField(
            "groupdevicecount",
            "group",
            models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="device_count",
                serialize=False,
                to="tenants.group",
            ),
        ),
        migrations.RenameIndex(
            "bulkaction", new_name="devices_bul_organis_0f676f_idx", old_name="devices_act_organis_144014_idx"
        ),
        migrations.RenameIndex(
            "labelprintjob", new_name="devices_lab_by_id_636d5d_idx", old_name="devices_she_by_id_0f68d1_idx"
        ),
        migrations.RunPython(install),
        migrations.RunPython(index_search),
    ]
