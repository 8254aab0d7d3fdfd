"""The log's older entries, kept by path, are given to the group that they are about, or to nobody below the root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE, AFTER = ("tenants", "0005_api"), ("tenants", "0007_assign_log")


def migrate(to: tuple[str, str]) -> Any:
    MigrationExecutor(connection).migrate([to])
    return MigrationExecutor(connection).loader.project_state([to]).apps


@pytest.fixture
def old() -> Iterator[Any]:
    yield migrate(BEFORE)
    call_command("migrate", verbosity=0)


def test_each_goes_to_its_own_group_or_to_the_owners(old: Any) -> None:
    group, change = old.get_model("tenants", "Group"), old.get_model("tenants", "Change")

    def node(path: str, name: str) -> Any:
        return group.objects.create(path=path, depth=len(path) // 4, numchild=0, name=name)

    root = node("0001", "Kanarra")
    organisation = old.get_model("tenants", "Organisation").objects.create(root=root, slug="kanarra")
    stays, moved, newer = node("00010001", "Stays"), node("000100010001", "Moved"), node("00010002", "Newer")
    invited = old.get_model("tenants", "Invitation").objects.create(
        organisation=organisation, group=moved, role=10, email="a@b.example", expires_at="2030-01-01T00:00Z"
    )

    def said(what: str, path: str, **data: object) -> Any:
        return change.objects.create(organisation=organisation, path=path, what=what, data=data)

    paths = ["00010002", "000100010001"]
    entries = {
        said("Kanarra made", "0001"): root,
        said("a became admin of Stays", "00010001"): stays,
        said("Group Moved made in Kanarra", "00010002", group=moved.pk): moved,
        said("b became admin of Moved", "00010002", user=1): None,  # where it lay is another group's by now
        said("a@b.example invited to Moved", "00010002", invitation=invited.pk): moved,
        said("Moved moved into Stays", "00010002", group=moved.pk, paths=paths): root,
        said("Moved moved into Stays", "000100010001", group=moved.pk, paths=paths): moved,
        said("Group Gone made in Kanarra", "00010002", group=999): None,
        said("c became viewer of Gone", "00010002"): None,
        said("Group Gone deleted", "00010002", group=999): None,
        said("Group Newer made in Kanarra", "00010002", group=newer.pk): newer,
        said("d became viewer of Newer", "00010002"): newer,
        said("e became viewer of a group of which nothing is known", "00010009"): None,
    }
    change = migrate(AFTER).get_model("tenants", "Change")
    found = {row.what + str(row.pk): row.group_id for row in change.objects.all()}
    assert found == {entry.what + str(entry.pk): place and place.pk for entry, place in entries.items()}
    assert change.objects.get(what="d became viewer of Newer").group_name == "Newer"
