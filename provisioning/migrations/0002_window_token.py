import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("provisioning", "0001_initial"),
        ("tenants", "0005_api"),
    ]

    operations = [
        migrations.AddField(
            "window",
            "token",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tenants.apitoken",
            ),
        ),
    ]
