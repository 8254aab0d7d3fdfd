from django.db import migrations
from django.db.models import Max, OuterRef, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.db.models import BigIntegerField

BATCH = 50_000


def fill(apps, schema_editor):
    Event, Assignment = apps.get_model("devices", "Event"), apps.get_model("devices", "Assignment")
    last = Event.objects.aggregate(last=Max("pk"))["last"] or 0
    group = Subquery(Assignment.objects.filter(pk=OuterRef("assignment")).values("group")[:1])
    for first in range(0, last, BATCH):
        rows = Event.objects.filter(pk__gt=first, pk__lte=first + BATCH, assignment__isnull=False, group=None)
        rows.filter(kind="moved").update(group=group, former_group=Cast(KT("data__from"), BigIntegerField()))
        rows.update(group=group)


class Migration(migrations.Migration):
    atomic = False  # of millions of rows, some thousands at a time; again from the start where it was ended
    dependencies = [("devices", "0010_event_groups")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
