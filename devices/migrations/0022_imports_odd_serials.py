from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0021_rotating_code'),
    ]

    operations = [
        migrations.AddField(
            model_name='import',
            name='odd_serials',
            field=models.JSONField(blank=True, null=True),
        ),
    ]
