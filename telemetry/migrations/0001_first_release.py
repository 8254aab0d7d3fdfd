import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('telemetry', '0001_initial'),
        ('telemetry', '0002_report_timed'),
    ]

    dependencies = [
        ('devices', '0001_first_release'),
    ]

    operations = [
        migrations.CreateModel(
            name='Latest',
            fields=[
                ('device', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='latest', serialize=False, to='devices.device')),
                ('data', models.JSONField(default=dict)),
                ('assignment', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='devices.assignment')),
            ],
        ),
        migrations.CreateModel(
            name='Report',
            fields=[
                ('pk', models.CompositePrimaryKey('device_id', 'at', blank=True, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('data', models.JSONField()),
                ('timed', models.BooleanField(default=True)),
                ('assignment', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='devices.assignment')),
                ('device', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='devices.device')),
            ],
        ),
    ]
