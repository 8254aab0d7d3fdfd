"""The former release's site beside the schema of this one: an upgrade migrates while it still serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader

if TYPE_CHECKING:
    from collections.abc import Iterator

# The last migrations of the former release: each release sets them to its own. Before the first these are its own.
FORMER = [
    ("tenants", "0002_field_words"),
    ("devices", "0002_field_words"),
    ("telemetry", "0001_first_release"),
    ("provisioning", "0001_first_release"),
]
ROOMS = tuple(f"{room}_" for room, _ in FORMER)
pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def former_models() -> list[type[models.Model]]:
    apps = MigrationLoader(connection).project_state(FORMER).apps
    rooms = {room for room, _ in FORMER}
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in rooms]


def missed(model: type[models.Model]) -> Iterator[str]:
    """What the former release would find missing, or not give, in this schema."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        columns = {column.name: column for column in connection.introspection.get_table_description(cursor, table)}
    fields = {field.column: field for field in model._meta.local_concrete_fields}
    for name, field in fields.items():
        if (column := columns.get(name)) is None:
            yield f"{table}.{name} is gone"
        elif field.null and not column.null_ok:
            yield f"{table}.{name} has to be given"
        elif isinstance(field, models.CharField) and (column.display_size or 0) < (field.max_length or 0):
            yield f"{table}.{name} is shorter"
    for name, column in columns.items():
        if name not in fields and not column.null_ok and column.default is None:
            yield f"{table}.{name} is new, and has neither a default of the database nor may be null"


def test_the_former_release_runs_on_this_schema() -> None:
    assert [what for model in former_models() for what in missed(model)] == []


def test_what_it_can_not_delete_is_known() -> None:
    """Rows that columns or tables of this release name, of which it knows nothing: docs/operations.md, Upgrades."""
    known = {model._meta.db_table: {field.column for field in model._meta.local_fields} for model in former_models()}
    named = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            relations = connection.introspection.get_relations(cursor, table)
            new = {name: of for name, (_, of) in relations.items() if name not in known.get(table, ())}
            named |= {of for of in new.values() if of in known and table.startswith(ROOMS)}
    never = {"devices_device", "devices_import", "devices_recipe", "tenants_organisation", "tenants_user"}
    assert named == never  # which it never deletes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP COLUMN name CASCADE", "devices_device.name is gone"),
        ("RENAME COLUMN name TO title", "devices_device.name is gone"),
        ("ADD COLUMN colour text NOT NULL", "devices_device.colour is new, and has neither"),
        ("ALTER COLUMN group_id SET NOT NULL", "devices_device.group_id has to be given"),
        ("ALTER COLUMN name TYPE varchar(9)", "devices_device.name is shorter"),
    ],
)
def test_what_it_would_miss_is_named(change: str, said: str) -> None:
    (device,) = (model for model in former_models() if model._meta.db_table == "devices_device")
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE devices_device {change}")
    assert said in "\n".join(missed(device))
