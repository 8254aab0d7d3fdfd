from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0007_counts_wait_for_nobody'),
    ]

    operations = [
        migrations.AddField(
            model_name='import',
            name='sheet',
            field=models.CharField(blank=True, db_default='', max_length=100),
        ),
        migrations.AddField(
            model_name='import',
            name='sheets',
            field=models.JSONField(blank=True, null=True),
        ),
    ]
