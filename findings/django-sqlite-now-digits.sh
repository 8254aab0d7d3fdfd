#!/usr/bin/env bash
# Django 5.2.19 on SQLite: a row is older than its own time, if the database set that time.
#
# One would guess: whoever reads a row's time and asks for the rows before it (a page's key, `at__lt=row.at`) does not
# get that row again, as on PostgreSQL, whoever wrote the time.
# What happens: Now(), as a column's db_default and in updates, writes a text with three digits of a second
# ("…:05.123"); a datetime given as a parameter is written with six ("…:05.123000"). SQLite compares texts, and the
# shorter is the smaller: `at < at` of the same row is true, `at = at` is false, and rows written both ways at one
# moment stand in an order of their digits. A parameter without a fraction ("…:05") meets the same.
#
# Why it matters here: the site lets the database's clock decide time, and pages of the journal go on from a row's time:
# the last row of a page came again as the first of the next. So keys are compared by a text with the same digits
# (`Moment` in lib/merged_paging.py, tests/lib/test_merged_paging.py).
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check django==5.2.19 2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True, INSTALLED_APPS=[]
)
django.setup()

from django.db import connection, models
from django.db.models.functions import Now


class Event(models.Model):
    at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "run"


with connection.schema_editor() as editor:
    editor.create_model(Event)
by_database = Event.objects.create()
by_database.refresh_from_db()
by_python = Event.objects.create(at=by_database.at)
with connection.cursor() as cursor:
    cursor.execute("SELECT id, CAST(at AS TEXT) FROM run_event ORDER BY id")
    stored = cursor.fetchall()
print("Django", django.__version__, "SQLite", connection.Database.sqlite_version)
print("stored:", stored)
older = list(Event.objects.filter(at__lt=by_database.at).values_list("pk", flat=True))
same = list(Event.objects.filter(at=by_database.at).values_list("pk", flat=True))
print("older than the first row's time:", older, "  of the same time:", same)
if by_database.at.microsecond:
    assert (older, same) == ([by_database.pk], [by_python.pk])
PY
cd "$here" && env/bin/python run.py
