import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What PostgreSQL checked for each report, the batch holds: docs/decisions/0046. The primary key finds a device's
    reports without a second index."""

    dependencies = [
        ('devices', '0032_attention'),
        ('telemetry', '0005_attention'),
    ]

    operations = [
        migrations.AlterField(
            model_name='report',
            name='assignment',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='reports', to='devices.assignment'),
        ),
        migrations.AlterField(
            model_name='report',
            name='device',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='devices.device'),
        ),
    ]
