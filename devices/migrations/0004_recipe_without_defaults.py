from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0003_recipes_in_versions'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='recipe',
            name='default_tags',
        ),
        migrations.RemoveField(
            model_name='recipe',
            name='model',
        ),
    ]
