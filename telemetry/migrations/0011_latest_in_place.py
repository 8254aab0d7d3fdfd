from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import migrations, models

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# The former release, which may still store beside this one, or be gone back to, writes the values and not `newest`: then
# nobody knows it.
POSTGRESQL = (
    """
    CREATE FUNCTION telemetry_latest_forget_newest() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.newest := NULL;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER telemetry_latest_forget_newest BEFORE UPDATE ON telemetry_latest
    FOR EACH ROW WHEN (NEW.newest = OLD.newest) EXECUTE FUNCTION telemetry_latest_forget_newest()
    """,
)
SQLITE = (
    """
    CREATE TRIGGER telemetry_latest_forget_newest AFTER UPDATE OF data ON telemetry_latest
    FOR EACH ROW WHEN NEW.newest = OLD.newest
    BEGIN
        UPDATE telemetry_latest SET newest = NULL WHERE device_id = NEW.device_id;
    END
    """,
)
FILLED = {"telemetry_latest": 45, "telemetry_drop": 70}


def run(schema_editor: BaseDatabaseSchemaEditor, *, postgresql: tuple[str, ...], sqlite: tuple[str, ...] = ()) -> None:
    for statement in postgresql if schema_editor.connection.vendor == "postgresql" else sqlite:
        schema_editor.execute(statement, params=None)


def leave_room(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Leave room for a row's next version beside it, so that no index is written."""
    run(schema_editor, postgresql=tuple(f"ALTER TABLE {name} SET (fillfactor = {to})" for name, to in FILLED.items()))


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    run(schema_editor, postgresql=tuple(f"ALTER TABLE {name} RESET (fillfactor)" for name in FILLED))


def guard(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    run(schema_editor, postgresql=POSTGRESQL, sqlite=SQLITE)


def remove(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    run(
        schema_editor,
        postgresql=(
            "DROP TRIGGER telemetry_latest_forget_newest ON telemetry_latest",
            "DROP FUNCTION telemetry_latest_forget_newest()",
        ),
        sqlite=("DROP TRIGGER telemetry_latest_forget_newest",),
    )


class Migration(migrations.Migration):

    dependencies = [
        ("telemetry", "0010_attention_push"),
    ]

    operations = [
        migrations.AddField(
            model_name="latest",
            name="newest",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="latest",
            name="names",
            field=models.BigIntegerField(null=True),
        ),
        migrations.RunPython(leave_room, fill),
        migrations.RunPython(guard, remove),
    ]
