import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('provisioning', '0001_initial'),
        ('provisioning', '0002_window_token'),
    ]

    dependencies = [
        ('devices', '0001_first_release'),
        ('tenants', '0001_first_release'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Window',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('deadline', models.DateTimeField()),
                ('pressed_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('outcome', models.CharField(blank=True, choices=[('waiting', 'Waiting'), ('pressed', 'Pressed'), ('completed', 'Completed'), ('cancelled', 'Cancelled'), ('superseded', 'Superseded'), ('expired', 'Expired')], max_length=10)),
                ('device', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='windows', to='devices.device')),
                ('technician', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='windows', to=settings.AUTH_USER_MODEL)),
                ('token', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='tenants.apitoken')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('device',), name='one_open_window'), models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('outcome', '')), models.Q(('closed_at__isnull', False), models.Q(('outcome', ''), _negated=True)), _connector='OR'), name='window_outcome_when_closed')],
            },
        ),
    ]
