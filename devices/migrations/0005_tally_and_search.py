import django.db.models.deletion
from django.db import migrations, models

# Whoever changes a device's group changes the tally: COPY, a bulk update, a single save.
POSTGRESQL = [
    """
    CREATE FUNCTION devices_tally() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO devices_tally (group_id, devices)
            SELECT group_id, count(*) FROM came WHERE group_id IS NOT NULL GROUP BY group_id ORDER BY group_id
            ON CONFLICT (group_id) DO UPDATE SET devices = devices_tally.devices + excluded.devices;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO devices_tally (group_id, devices)
            SELECT group_id, -count(*) FROM went WHERE group_id IS NOT NULL GROUP BY group_id ORDER BY group_id
            ON CONFLICT (group_id) DO UPDATE SET devices = devices_tally.devices + excluded.devices;
        ELSE
            INSERT INTO devices_tally (group_id, devices)
            SELECT moved.group_id, sum(moved.number) FROM (
                SELECT came.group_id, 1 AS number FROM came JOIN went USING (id)
                WHERE came.group_id IS DISTINCT FROM went.group_id
                UNION ALL
                SELECT went.group_id, -1 FROM came JOIN went USING (id)
                WHERE came.group_id IS DISTINCT FROM went.group_id
            ) AS moved WHERE moved.group_id IS NOT NULL
            GROUP BY moved.group_id HAVING sum(moved.number) <> 0 ORDER BY moved.group_id
            ON CONFLICT (group_id) DO UPDATE SET devices = devices_tally.devices + excluded.devices;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER devices_tally_came AFTER INSERT ON devices_device
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION devices_tally()
    """,
    """
    CREATE TRIGGER devices_tally_went AFTER DELETE ON devices_device
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION devices_tally()
    """,
    """
    CREATE TRIGGER devices_tally_moved AFTER UPDATE ON devices_device
    REFERENCING OLD TABLE AS went NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION devices_tally()
    """,
]
# SQLite loses them when a migration makes the table anew: that migration has to call `install` again.
UPSERT = """
    INSERT INTO devices_tally (group_id, devices) VALUES ({row}.group_id, {number})
    ON CONFLICT (group_id) DO UPDATE SET devices = devices + excluded.devices;
"""
CAME = UPSERT.format(row="NEW", number=1)
WENT = "UPDATE devices_tally SET devices = devices - 1 WHERE group_id = OLD.group_id;"
SQLITE = [
    f"CREATE TRIGGER devices_tally_came AFTER INSERT ON devices_device "
    f"WHEN NEW.group_id IS NOT NULL BEGIN {CAME} END",
    f"CREATE TRIGGER devices_tally_went AFTER DELETE ON devices_device "
    f"WHEN OLD.group_id IS NOT NULL BEGIN {WENT} END",
    f"CREATE TRIGGER devices_tally_moved_in AFTER UPDATE OF group_id ON devices_device "
    f"WHEN NEW.group_id IS NOT NULL AND NEW.group_id IS NOT OLD.group_id BEGIN {CAME} END",
    f"CREATE TRIGGER devices_tally_moved_out AFTER UPDATE OF group_id ON devices_device "
    f"WHEN OLD.group_id IS NOT NULL AND NEW.group_id IS NOT OLD.group_id BEGIN {WENT} END",
]
COUNT = """
    INSERT INTO devices_tally (group_id, devices)
    SELECT group_id, count(*) FROM devices_device WHERE group_id IS NOT NULL GROUP BY group_id
"""
# What a text may be part of, whatever the size of the fleet: Django's icontains and contains ask in these words.
SEARCH = """
    CREATE INDEX devices_device_search ON devices_device
    USING gin (upper(name::text) gin_trgm_ops, (serial_key::text) gin_trgm_ops)
"""


def install(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def count(apps, schema_editor):
    schema_editor.execute(COUNT, params=None)


def index(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")
        if cursor.fetchone() is None:
            return  # PostgreSQL without its contrib modules: a search reads the organisation's devices
    schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm", params=None)
    schema_editor.execute(SEARCH, params=None)
    schema_editor.execute("CREATE INDEX devices_device_tags ON devices_device USING gin (tags)", params=None)


def remove(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        for name in ("came", "went", "moved_in", "moved_out"):
            schema_editor.execute(f"DROP TRIGGER devices_tally_{name}", params=None)
        return
    for name in ("came", "went", "moved"):
        schema_editor.execute(f"DROP TRIGGER devices_tally_{name} ON devices_device", params=None)
    schema_editor.execute("DROP FUNCTION devices_tally()", params=None)
    for name in ("search", "tags"):
        schema_editor.execute(f"DROP INDEX IF EXISTS devices_device_{name}", params=None)


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0004_recipe_without_defaults'),
        ('tenants', '0003_registration'),
    ]

    operations = [
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('group', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='tally', serialize=False, to='tenants.group')),
                ('devices', models.IntegerField(default=0)),
            ],
            options={
                'verbose_name_plural': 'tallies',
            },
        ),
        migrations.AddIndex(
            model_name='device',
            index=models.Index(condition=models.Q(('locked_at__isnull', False)), fields=['organisation', 'name'], name='device_locked'),
        ),
        migrations.AddIndex(
            model_name='device',
            index=models.Index(condition=models.Q(('activated_at', None), ('expires_at__isnull', False)), fields=['organisation', 'expires_at'], name='device_not_activated'),
        ),
        migrations.RunPython(count, migrations.RunPython.noop),
        migrations.RunPython(install, remove),
        migrations.RunPython(index, migrations.RunPython.noop),
    ]
