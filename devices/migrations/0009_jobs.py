from django.db import migrations, models

# Of what is under way nobody is the worker: beat offers it anew, and it goes on where it stands.
COLUMNS = {"import": ["worker", "beat_at"], "sheet": ["claim", "claimed_until"], "action": ["lease", "lease_until"]}


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0008_actions'),
    ]

    operations = [
        *(migrations.RemoveField(model_name=model, name=name) for model, names in COLUMNS.items() for name in names),
        *(
            operation
            for model in COLUMNS
            for operation in (
                migrations.AddField(model_name=model, name='worker', field=models.UUIDField(blank=True, null=True)),
                migrations.AddField(model_name=model, name='held_until', field=models.DateTimeField(blank=True, null=True)),
            )
        ),
    ]
