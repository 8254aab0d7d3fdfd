from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0017_events_outlive_devices'),
    ]

    operations = [
        migrations.AddField(
            model_name='labelprintjob',
            name='notes',
            field=models.JSONField(blank=True, null=True),
        ),
    ]
