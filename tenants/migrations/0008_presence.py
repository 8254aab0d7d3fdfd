from django.db import migrations, models
from django.db.models import JSONField, Value


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0007_label_looks'),
    ]

    operations = [
        migrations.AddField(
            model_name='organisation',
            name='presence',
            field=models.CharField(choices=[('press', "Press of the device's button"), ('claim-code', 'Claim code from the label'), ('none', 'Nothing')], db_default='press', default='press', max_length=16),
        ),
        migrations.AddField(
            model_name='organisation',
            name='skip_presence',
            field=models.BooleanField(db_default=False, default=False),
        ),
        # The former release reads it; this one leaves it to the database.
        migrations.AlterField(
            model_name='organisation',
            name='proof_methods',
            field=JSONField(db_default=Value(["press"], JSONField())),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name='organisation', name='proof_methods')],
        ),
    ]
