"""A leaf's number of devices is the sum of several rows, so that who changes it never waits for another transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django.db.models.deletion
from django.db import migrations, models

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# The former release's site reads the sum, too, and writes through the trigger; nobody is in the midst of it meanwhile.
POSTGRESQL_TABLE = [
    "LOCK TABLE devices_device IN SHARE ROW EXCLUSIVE MODE",
    """
    DO $$ DECLARE own text; BEGIN
        SELECT conname INTO own FROM pg_constraint
        WHERE conrelid = 'devices_groupdevicecount'::regclass AND contype = 'p';
        EXECUTE format('ALTER TABLE devices_groupdevicecount DROP CONSTRAINT %I', own);
    END $$
    """,
    # By a default, which the former release leaves to the database as it leaves the table to the trigger.
    "ALTER TABLE devices_groupdevicecount ADD COLUMN id bigserial PRIMARY KEY",
    "CREATE INDEX devices_groupdevicecount_group_id ON devices_groupdevicecount (group_id)",
]
POSTGRESQL = [
    """
    CREATE OR REPLACE FUNCTION devices_count() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE groups bigint[]; numbers bigint[];
    BEGIN
        IF TG_OP = 'INSERT' THEN
            SELECT array_agg(group_id), array_agg(number) INTO groups, numbers FROM
            (SELECT group_id, count(*) AS number FROM came WHERE group_id IS NOT NULL GROUP BY group_id) AS moved;
        ELSIF TG_OP = 'DELETE' THEN
            SELECT array_agg(group_id), array_agg(number) INTO groups, numbers FROM
            (SELECT group_id, -count(*) AS number FROM went WHERE group_id IS NOT NULL GROUP BY group_id) AS moved;
        ELSE
            SELECT array_agg(group_id), array_agg(number) INTO groups, numbers FROM (
                SELECT each.group_id, sum(each.number) AS number FROM (
                    SELECT came.group_id, 1 AS number FROM came JOIN went USING (id)
                    WHERE came.group_id IS DISTINCT FROM went.group_id
                    UNION ALL
                    SELECT went.group_id, -1 FROM came JOIN went USING (id)
                    WHERE came.group_id IS DISTINCT FROM went.group_id
                ) AS each WHERE each.group_id IS NOT NULL GROUP BY each.group_id HAVING sum(each.number) <> 0
            ) AS moved;
        END IF;
        IF groups IS NULL THEN
            RETURN NULL;
        END IF;
        WITH taken AS (
            DELETE FROM devices_groupdevicecount WHERE id IN (
                SELECT id FROM devices_groupdevicecount WHERE group_id = ANY (groups) FOR UPDATE SKIP LOCKED
            ) RETURNING group_id, devices
        )
        INSERT INTO devices_groupdevicecount (group_id, devices)
        SELECT part.group_id, sum(part.devices) FROM (
            SELECT group_id, devices FROM taken
            UNION ALL
            SELECT changed.group_id, changed.number FROM unnest(groups, numbers) AS changed (group_id, number)
        ) AS part GROUP BY part.group_id HAVING sum(part.devices) <> 0;
        RETURN NULL;
    END $$
    """,
]
# SQLite has one writer at a time, so one row a group does. It loses triggers when a migration makes their table anew:
# that migration has to call `install`.
SQLITE_TABLE = [
    *(f"DROP TRIGGER IF EXISTS devices_count_{name}" for name in ("came", "went", "moved_in", "moved_out")),
    "ALTER TABLE devices_groupdevicecount RENAME TO devices_groupdevicecount_former",
    """
    CREATE TABLE devices_groupdevicecount (
        id integer NOT NULL PRIMARY KEY AUTOINCREMENT, devices integer NOT NULL,
        group_id bigint NOT NULL REFERENCES tenants_group (id) DEFERRABLE INITIALLY DEFERRED
    )
    """,
    "INSERT INTO devices_groupdevicecount (group_id, devices) "
    "SELECT group_id, devices FROM devices_groupdevicecount_former WHERE devices <> 0",
    "DROP TABLE devices_groupdevicecount_former",
    "CREATE INDEX devices_groupdevicecount_group_id ON devices_groupdevicecount (group_id)",
]
CAME = """
    INSERT INTO devices_groupdevicecount (group_id, devices) SELECT NEW.group_id, 0
    WHERE NOT EXISTS (SELECT 1 FROM devices_groupdevicecount WHERE group_id = NEW.group_id);
    UPDATE devices_groupdevicecount SET devices = devices + 1 WHERE group_id = NEW.group_id;
"""
WENT = """
    UPDATE devices_groupdevicecount SET devices = devices - 1 WHERE group_id = OLD.group_id;
    DELETE FROM devices_groupdevicecount WHERE group_id = OLD.group_id AND devices = 0;
"""
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


def change_table(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in POSTGRESQL_TABLE if schema_editor.connection.vendor == "postgresql" else SQLITE_TABLE:
        schema_editor.execute(statement, params=None)


def install(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("devices", "0006_imports_problem_groups")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(change_table), migrations.RunPython(install)],
            state_operations=[
                migrations.DeleteModel("GroupDeviceCount"),
                migrations.CreateModel(
                    "GroupDeviceCount",
                    [
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("devices", models.IntegerField()),
                        (
                            "group",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="device_count",
                                to="tenants.group",
                            ),
                        ),
                    ],
                    options={"verbose_name_plural": "group device counts"},
                ),
            ],
        )
    ]
