from django.db import migrations


def move(apps, schema_editor):
    """What a recipe said stands in its versions from now on; whatever was heard once is activated."""
    for recipe in apps.get_model('devices', 'Recipe').objects.all():
        recipe.versions.update(model=recipe.model_id, default_tags=recipe.default_tags)
    device = apps.get_model('devices', 'Device')
    connection = apps.get_model('devices', 'Connection')
    for row in connection.objects.values('device_id', 'last_seen_at').iterator():
        device.objects.filter(pk=row['device_id']).update(activated_at=row['last_seen_at'])


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0002_registration'),
    ]

    operations = [
        migrations.RunPython(move, migrations.RunPython.noop),
    ]
