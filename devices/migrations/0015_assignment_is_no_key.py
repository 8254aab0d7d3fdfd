from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import django.db.models.deletion
from django.db import migrations, models

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

tally = import_module("devices.migrations.0006_tally_and_search")


def install_again(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """On SQLite, where the table of devices is made anew, and its triggers are gone."""
    if schema_editor.connection.vendor == "sqlite":
        tally.install(apps, schema_editor)


class Migration(migrations.Migration):
    """A device's assignment is unique by an index with a condition, so that PostgreSQL does not take it for a key."""

    dependencies = [("devices", "0014_limited_devices")]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, install_again),
        migrations.AddConstraint(
            "device",
            models.UniqueConstraint(
                fields=["assignment"], condition=models.Q(assignment__isnull=False), name="device_assignment_once"
            ),
        ),
        migrations.AlterField(
            "device",
            "assignment",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="devices.assignment",
            ),
        ),
        migrations.RunPython(install_again, migrations.RunPython.noop),
    ]
