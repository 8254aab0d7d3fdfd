import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The former version runs beside it: it goes on writing `path`, of which this one leaves an empty default."""

    dependencies = [
        ("tenants", "0005_api"),
    ]

    operations = [
        migrations.AlterField("change", "path", models.CharField(db_default="", max_length=255)),
        migrations.AddField(
            "change",
            "group",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="changes", to="tenants.group"
            ),
        ),
        migrations.AddField("change", "group_name", models.CharField(db_default="", max_length=120)),
    ]
