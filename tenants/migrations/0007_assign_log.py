"""What the log held by path is assigned to the group that it is about."""

from django.db import migrations

STEP = 4  # characters of a path for each level
BATCH = 2_000


def assign(apps, schema_editor):
    organisations = apps.get_model("tenants", "Organisation")
    for organisation in organisations.objects.select_related("root").only("root__path"):
        _assign(apps, organisation)


def _assign(apps, organisation):
    """From the newest entry back, so that the paths that were freed since each are known."""
    changes = apps.get_model("tenants", "Change").objects
    tree = apps.get_model("tenants", "Group").objects.filter(path__startswith=organisation.root.path)
    at = dict(tree.values_list("path", "pk"))
    names = dict(tree.values_list("pk", "name"))
    named = _named(apps, organisation)
    freed, assigned = set(), []
    entries = changes.filter(organisation=organisation).order_by("-pk").only("path", "what", "data")
    for entry in entries.iterator(chunk_size=BATCH):
        place = _place(entry, at, names, named, freed)
        if place is not None:
            entry.group_id, entry.group_name = place, names[place]
            assigned.append(entry)
    changes.bulk_update(assigned, ["group", "group_name"], batch_size=BATCH)


def _named(apps, organisation):
    """(key in an entry's data, id) -> the group of what it names."""
    found = {}
    for key, model in (("invitation", "Invitation"), ("token", "ApiToken")):
        rows = apps.get_model("tenants", model).objects.filter(organisation=organisation)
        found |= {(key, pk): group for pk, group in rows.values_list("pk", "group")}
    return found


def _place(entry, at, names, named, freed):
    """The group by the id in the entry, which is never given out twice; else by its path, if that was its own all the
    time since; else none, and then only the organisation's own admins read it."""
    data, path = entry.data, entry.path
    moved = data.get("paths")
    if moved:
        freed.add(moved[0])
        if path == moved[0]:  # said to those whom it left
            return _standing(path[:-STEP], at, freed)
    elif entry.what.startswith("Group ") and entry.what.endswith(" deleted"):
        freed.add(path)
    for key in ("invitation", "token"):
        if group := named.get((key, data.get(key))):
            return group
    if "group" in data:
        return data["group"] if data["group"] in names else None
    return _standing(path, at, freed)


def _standing(path, at, freed):
    line = {path[:end] for end in range(STEP, len(path) + 1, STEP)}
    return None if line & freed else at.get(path)


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0006_log_by_group"),
    ]

    operations = [
        migrations.RunPython(assign, migrations.RunPython.noop, elidable=True),
        # The column stays for the former version, which may run beside this one; a later one drops it.
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("change", "path")]),
    ]
