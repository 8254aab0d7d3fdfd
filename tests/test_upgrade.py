"""The former release's site beside the schema of this one: an upgrade migrates while it still serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import connection, models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from django.db.migrations.operations.base import Operation

# The last migrations of the former release: each release sets them to its own. Before the first these are its own.
FORMER = [
    ("tenants", "0002_field_words"),
    ("devices", "0002_field_words"),
    ("telemetry", "0001_first_release"),
    ("provisioning", "0001_first_release"),
]
ROOMS = tuple(f"{room}_" for room, _ in FORMER)
pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


# What makes the former release's writes wait, or refuses them, on tables that it has: an index that is not made
# concurrently, a constraint, what goes. Those of before the first release; nothing is added here after it.
KNOWN = {
    "devices.0009_retired_and_removed_devices: AddIndex device",
    "devices.0010_event_groups: AddIndex event",
    "devices.0017_events_outlive_devices: AddIndex event",
    "devices.0025_own_ids_and_approvals: AddConstraint device",
    "devices.0031_personal_devices: AddIndex device",
    "provisioning.0002_window_assignment: AddIndex window",
    "tenants.0003_journal: AddIndex auditentry",
}
UNSAFE = (
    operations.AddConstraint,
    operations.AddIndex,
    operations.AlterModelTable,
    operations.AlterUniqueTogether,
    operations.DeleteModel,
    operations.RemoveField,
    operations.RenameField,
    operations.RenameModel,
)
CONCURRENT = (AddIndexConcurrently, AddConstraintNotValid)


def list_database_operations(of: Sequence[Operation]) -> Iterator[Operation]:
    for operation in of:
        if isinstance(operation, operations.SeparateDatabaseAndState):
            yield from list_database_operations(operation.database_operations)
        else:
            yield operation


def list_unsafe(migration: Migration, tables: Collection[tuple[str, str]]) -> Iterator[str]:
    for operation in list_database_operations(migration.operations):
        named = getattr(operation, "model_name", None) or getattr(operation, "name", "")
        is_former = (migration.app_label, str(named).lower()) in tables
        if is_former and isinstance(operation, UNSAFE) and not isinstance(operation, CONCURRENT):
            yield f"{migration.app_label}.{migration.name}: {type(operation).__name__} {str(named).lower()}"


def test_no_migration_hinders_the_former_release() -> None:
    loader = MigrationLoader(None)
    tables = set(loader.project_state(FORMER).models)
    former = {key for each in FORMER for key in loader.graph.forwards_plan(each)}
    added = [each for key, each in loader.disk_migrations.items() if key[0] in dict(FORMER) and key not in former]
    assert {said for migration in added for said in list_unsafe(migration, tables)} == KNOWN


@pytest.mark.parametrize(
    ("operation", "is_safe"),
    [
        (operations.RemoveField("device", "name"), False),
        (operations.RenameField("device", "name", "title"), False),
        (operations.DeleteModel("Device"), False),
        (operations.AddIndex("device", models.Index(fields=["name"], name="by_name")), False),
        (AddIndexConcurrently("device", models.Index(fields=["name"], name="by_name")), True),
        (operations.SeparateDatabaseAndState(state_operations=[operations.RemoveField("device", "name")]), True),
        (operations.SeparateDatabaseAndState([operations.RemoveField("device", "name")]), False),
        (operations.RemoveField("made_since", "name"), True),
    ],
)
def test_what_hinders_it_is_named(operation: Operation, is_safe: bool) -> None:
    migration = type("Migration", (Migration,), {"operations": [operation]})("0999_next", "devices")
    assert (list(list_unsafe(migration, {("devices", "device")})) == []) is is_safe


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
