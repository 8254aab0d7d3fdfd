from __future__ import annotations

from typing import TYPE_CHECKING

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery
from django.db.models.fields.json import KT

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def note_where_issued(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """As the events say; what none tells of is the factory's."""
    events = apps.get_model("devices", "Event").objects.filter(
        device=OuterRef("device"),
        assignment__isnull=False,
        kind__in=["credential-issued", "credential-rotated"],
    )
    own = events.annotate(key=KT("data__access_key")).filter(key=OuterRef("access_key")).order_by("-id")
    standing = apps.get_model("devices", "Credential").objects.filter(revoked_at=None)
    standing.update(assignment=Subquery(own.values("assignment")[:1]))


class Migration(migrations.Migration):
    dependencies = [("devices", "0011_events_are_a_log")]

    operations = [
        migrations.AddField(
            "credential",
            "assignment",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="devices.assignment",
            ),
        ),
        migrations.RunPython(note_where_issued, migrations.RunPython.noop),
    ]
