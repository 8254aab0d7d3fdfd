"""Devices can be retired, and are counted in their group no more then; imports know how many of theirs were removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import migrations, models

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Instead of those of migration 0007: a retired device counts as one in no group.
POSTGRESQL = [
    """
    CREATE OR REPLACE FUNCTION devices_count() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE groups bigint[]; numbers bigint[];
    BEGIN
        IF TG_OP = 'INSERT' THEN
            SELECT array_agg(group_id), array_agg(number) INTO groups, numbers FROM
            (SELECT group_id, count(*) AS number FROM came
             WHERE group_id IS NOT NULL AND retired_at IS NULL GROUP BY group_id) AS moved;
        ELSIF TG_OP = 'DELETE' THEN
            SELECT array_agg(group_id), array_agg(number) INTO groups, numbers FROM
            (SELECT group_id, -count(*) AS number FROM went
             WHERE group_id IS NOT NULL AND retired_at IS NULL GROUP BY group_id) AS moved;
        ELSE
            SELECT array_agg(group_id), array_agg(number) INTO groups, numbers FROM (
                SELECT each.group_id, sum(each.number) AS number FROM (
                    SELECT came.group_id, 1 AS number FROM came JOIN went USING (id)
                    WHERE came.retired_at IS NULL
                    AND (came.group_id IS DISTINCT FROM went.group_id OR went.retired_at IS NOT NULL)
                    UNION ALL
                    SELECT went.group_id, -1 FROM came JOIN went USING (id)
                    WHERE went.retired_at IS NULL
                    AND (came.group_id IS DISTINCT FROM went.group_id OR came.retired_at IS NOT NULL)
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
# SQLite loses them when a migration makes the table anew: that migration has to call `install` again.
NAMES = ("came", "went", "moved_in", "moved_out")
CAME = """
    INSERT INTO devices_groupdevicecount (group_id, devices) SELECT NEW.group_id, 0
    WHERE NOT EXISTS (SELECT 1 FROM devices_groupdevicecount WHERE group_id = NEW.group_id);
    UPDATE devices_groupdevicecount SET devices = devices + 1 WHERE group_id = NEW.group_id;
"""
WENT = """
    UPDATE devices_groupdevicecount SET devices = devices - 1 WHERE group_id = OLD.group_id;
    DELETE FROM devices_groupdevicecount WHERE group_id = OLD.group_id AND devices = 0;
"""
IS_IN, WAS_IN = (f"{row}.group_id IS NOT NULL AND {row}.retired_at IS NULL" for row in ("NEW", "OLD"))
SQLITE = [
    *(f"DROP TRIGGER IF EXISTS devices_count_{name}" for name in NAMES),
    f"CREATE TRIGGER devices_count_came AFTER INSERT ON devices_device WHEN {IS_IN} BEGIN {CAME} END",
    f"CREATE TRIGGER devices_count_went AFTER DELETE ON devices_device WHEN {WAS_IN} BEGIN {WENT} END",
    f"CREATE TRIGGER devices_count_moved_in AFTER UPDATE OF group_id, retired_at ON devices_device "
    f"WHEN {IS_IN} AND (NEW.group_id IS NOT OLD.group_id OR OLD.retired_at IS NOT NULL) BEGIN {CAME} END",
    f"CREATE TRIGGER devices_count_moved_out AFTER UPDATE OF group_id, retired_at ON devices_device "
    f"WHEN {WAS_IN} AND (NEW.group_id IS NOT OLD.group_id OR NEW.retired_at IS NOT NULL) BEGIN {WENT} END",
]


def install(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("devices", "0008_imports_sheets")]

    operations = [
        migrations.AddField("device", "retired_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "device", "former_serial", models.CharField(blank=True, db_default="", default="", max_length=64)
        ),
        migrations.AddField("import", "removed", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.AddIndex("device", models.Index(fields=["organisation", "id"], name="device_by_id")),
        migrations.AddIndex(
            "device",
            models.Index(
                condition=models.Q(("retired_at__isnull", False)),
                fields=["organisation", "name"],
                name="device_retired",
            ),
        ),
        migrations.AlterField(
            "bulkaction",
            "kind",
            models.CharField(
                choices=[
                    ("move", "Move to a group"),
                    ("release", "Release"),
                    ("tag", "Add a tag"),
                    ("untag", "Remove a tag"),
                    ("model", "Set the model"),
                    ("lock", "Lock"),
                    ("unlock", "Unlock"),
                    ("reopen", "Open again for activation"),
                    ("reissue", "Reissue credentials"),
                    ("revoke", "Revoke credentials"),
                    ("retire", "Retire"),
                    ("restore", "Bring back"),
                    ("free", "Give the serial free"),
                    ("remove", "Remove"),
                    ("recipe", "Bring to the recipe's last version"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            "event",
            "kind",
            models.CharField(
                choices=[
                    ("registered", "Registered"),
                    ("activated", "Activated"),
                    ("opened-again", "Opened again for activation"),
                    ("window-opened", "Window opened"),
                    ("pressed", "Button pressed"),
                    ("window-cancelled", "Window cancelled"),
                    ("provisioned", "Provisioned"),
                    ("released", "Released"),
                    ("moved", "Moved to another group"),
                    ("changed", "Changed"),
                    ("locked", "Locked"),
                    ("unlocked", "Unlocked"),
                    ("retired", "Retired"),
                    ("brought-back", "Brought back"),
                    ("serial-freed", "Serial given free"),
                    ("credential-issued", "Credential issued"),
                    ("credential-revoked", "Credential revoked"),
                    ("credential-rotated", "Credential rotated"),
                    ("connected", "Connected"),
                    ("disconnected", "Disconnected"),
                    ("limited", "Shut out for a time: it sent too much"),
                    ("recipe-changed", "Recipe changed"),
                    ("model-changed", "Model changed"),
                    ("device-removed", "Device removed"),
                    ("import-started", "Import started"),
                    ("import-ended", "Import ended"),
                    ("action-started", "Bulk action started"),
                    ("action-ended", "Bulk action ended"),
                    ("result-taken", "Result with secrets downloaded"),
                    ("result-refused", "Result with secrets asked for again"),
                    ("labels-printed", "Labels printed"),
                    ("exported", "Exported"),
                ],
                max_length=32,
            ),
        ),
        migrations.RunPython(install),
    ]
