from django.db import migrations

# What entries of a kind always told, whose kind was not written yet.
TELLS = [("token", "prefix"), ("invitation", "invitation"), ("person", "user")]
SETTINGS = (
    *("window_seconds", "allow_reprovisioning", "require_two_factor", "label_content"),
    *("activation_hours", "result_hours", "colour", "logo"),
)


def fill(apps, schema_editor):
    entries = apps.get_model("tenants", "AuditEntry").objects.filter(kind="group")
    for kind, key in TELLS:
        entries.filter(data__has_key=key).update(kind=kind)
    entries.filter(data__has_any_keys=SETTINGS).update(kind="setting")
    entries.filter(what__startswith="Format of serials set: ").update(kind="setting")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_journal")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
