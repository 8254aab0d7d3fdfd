from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

tally = import_module("devices.migrations.0006_tally_and_search")


def install_again(apps, schema_editor):
    """On SQLite, where the table of devices is made anew, and its triggers are gone."""
    if schema_editor.connection.vendor == "sqlite":
        tally.install(apps, schema_editor)


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0009_jobs'),
        ('tenants', '0005_api'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, install_again),
        migrations.AlterField(
            model_name='device',
            name='organisation',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='devices', to='tenants.organisation'),
        ),
        migrations.AlterField(
            model_name='device',
            name='source',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='devices', to='devices.import'),
        ),
        migrations.AlterField(
            model_name='event',
            name='by',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='events', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='event',
            name='organisation',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='tenants.organisation'),
        ),
        migrations.AlterField(
            model_name='credential',
            name='superseded_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='supersedes', to='devices.credential'),
        ),
        migrations.AlterField(
            model_name='event',
            name='assignment',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='devices.assignment'),
        ),
        migrations.AddIndex(
            model_name='credential',
            index=models.Index(condition=models.Q(('superseded_by__isnull', False)), fields=['superseded_by'], name='credential_superseded'),
        ),
        migrations.RunPython(install_again, migrations.RunPython.noop),
    ]
