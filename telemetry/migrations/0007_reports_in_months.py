"""On PostgreSQL reports go into a table a month. What there is stays as it lies, as the part of what came before: nothing
is copied, and devices are heard while it is looked through. Each step may be repeated, should it be cut off."""

from datetime import UTC, datetime, timedelta

from django.db import migrations, transaction
from django.db.utils import IntegrityError

TABLE, PAST, STRAYS = 'telemetry_report', 'telemetry_report_past', 'telemetry_report_strays'
BEFORE = 'telemetry_report_before'
AHEAD = timedelta(days=2)  # more than a report's time may be ahead
MONTHS = 4


def start_month(at, later=0):
    months = at.year * 12 + at.month - 1 + later
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def ask(cursor, statement, *params):
    cursor.execute(statement, params)
    return cursor.fetchone()[0]


def exists(cursor, table):
    return ask(cursor, 'SELECT to_regclass(%s) IS NOT NULL', table)


def holds_rows(cursor):
    return ask(cursor, f'SELECT EXISTS (SELECT FROM {TABLE})')


def split(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != 'postgresql':
        return
    with connection.cursor() as cursor:
        if ask(cursor, "SELECT relkind = 'p' FROM pg_class WHERE oid = %s::regclass", TABLE):
            return
        now = ask(cursor, 'SELECT now()').astimezone(UTC)
        end = start_month(now + AHEAD, 1)
        if holds_rows(cursor):
            bound_past(cursor, end)
        with transaction.atomic(using=connection.alias):
            cursor.execute(f'LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE')
            if not holds_rows(cursor):
                end = start_month(now)
            cursor.execute(f'ALTER TABLE {TABLE} RENAME TO {PAST}')
            cursor.execute(f'ALTER TABLE {PAST} RENAME CONSTRAINT {TABLE}_pkey TO {PAST}_pkey')
            cursor.execute(f'CREATE TABLE {TABLE} (LIKE {PAST} INCLUDING DEFAULTS) PARTITION BY RANGE (at)')
            cursor.execute(f'ALTER TABLE {TABLE} ADD PRIMARY KEY (device_id, at)')
            cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {PAST} FOR VALUES FROM (MINVALUE) TO ('{end}')")
            cursor.execute(f'ALTER TABLE {PAST} DROP CONSTRAINT IF EXISTS {BEFORE}')
            months = {start_month(now, later) for later in range(MONTHS)}
            if exists(cursor, STRAYS):
                cursor.execute(f'SELECT DISTINCT at FROM {STRAYS}')
                months |= {start_month(at.astimezone(UTC)) for at, in cursor.fetchall()}
            for start in sorted(month for month in months if month >= end):
                make_month(cursor, start)
            if exists(cursor, STRAYS):
                cursor.execute(f'INSERT INTO {TABLE} SELECT * FROM {STRAYS}')
                cursor.execute(f'DROP TABLE {STRAYS}')


def bound_past(cursor, end):
    """Have PostgreSQL know that all lies before `end`: then attaching need not look, and nobody waits for it.

    What came while a clock was far ahead, which was put right since, is set aside meanwhile.
    """
    cursor.execute(f'ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS {BEFORE}')
    cursor.execute(f"ALTER TABLE {TABLE} ADD CONSTRAINT {BEFORE} CHECK (at < '{end}') NOT VALID")
    try:
        cursor.execute(f'ALTER TABLE {TABLE} VALIDATE CONSTRAINT {BEFORE}')
    except IntegrityError:
        cursor.execute(f'CREATE TABLE IF NOT EXISTS {STRAYS} (LIKE {TABLE})')
        cursor.execute(
            f"WITH strays AS (DELETE FROM {TABLE} WHERE at >= '{end}' RETURNING *) INSERT INTO {STRAYS} SELECT * FROM strays"
        )
        cursor.execute(f'ALTER TABLE {TABLE} VALIDATE CONSTRAINT {BEFORE}')


def make_month(cursor, start):
    name = f'{TABLE}_{start:%Y_%m}'
    cursor.execute(
        f"CREATE TABLE {name} PARTITION OF {TABLE} FOR VALUES FROM ('{start}') TO ('{start_month(start, 1)}')"
    )


def join(apps, schema_editor):
    """Make it one table again: what came since is copied into what came before."""
    connection = schema_editor.connection
    if connection.vendor != 'postgresql':
        return
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f'LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE')
        if exists(cursor, PAST):
            cursor.execute(f'ALTER TABLE {TABLE} DETACH PARTITION {PAST}')
        else:
            cursor.execute(f'CREATE TABLE {PAST} (LIKE {TABLE} INCLUDING DEFAULTS)')
            cursor.execute(f'ALTER TABLE {PAST} ADD PRIMARY KEY (device_id, at)')
        cursor.execute(f'INSERT INTO {PAST} SELECT * FROM {TABLE}')
        cursor.execute(f'DROP TABLE {TABLE}')
        cursor.execute(f'ALTER TABLE {PAST} RENAME TO {TABLE}')
        cursor.execute(f'ALTER TABLE {TABLE} RENAME CONSTRAINT {PAST}_pkey TO {TABLE}_pkey')


class Migration(migrations.Migration):

    atomic = False  # what looks through all reports holds no lock

    dependencies = [
        ('telemetry', '0006_reports_without_constraints'),
    ]

    operations = [
        migrations.RunPython(split, join),
    ]
