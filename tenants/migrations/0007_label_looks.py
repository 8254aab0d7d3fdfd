from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0006_clock_events'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='label_looks',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
    ]
