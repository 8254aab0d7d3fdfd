"""What a test has committed is gone before the next, whichever table it lies in, and whoever still writes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from tenants.models import Organisation
from tests import builders
from tests.emptying import KEPT, empty_tables, list_filled, list_tables
from tests.snapshot import rows

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_table_is_asked() -> None:
    assert {*list_tables(), *KEPT} == {*connection.introspection.django_table_names(only_existing=True)}


def test_nothing_is_left(world: World) -> None:
    assert {"devices_groupdevicecount", "devices_event"} < {*list_filled()}
    empty_tables()
    assert {table for table, (_, found) in rows().items() if found} == KEPT


def test_what_every_model_has_stays() -> None:
    before = ContentType.objects.count()
    empty_tables()
    assert before == ContentType.objects.count() > 0


@pytest.mark.postgres
def test_who_still_writes_is_waited_for() -> None:
    """A row of theirs that is not committed yet would come after the emptying, and be the next test's."""
    writes, may_commit = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            builders.make_organisation("Late")
            writes.set()
            may_commit.wait(10)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert writes.wait(10)
    threading.Timer(0.5, may_commit.set).start()
    empty_tables()
    writer.join(10)
    assert not Organisation.objects.exists()


@pytest.mark.parametrize("turn", range(2))
def test_the_next_test_begins_with_nothing(turn: int) -> None:
    assert not Organisation.objects.exists()
    builders.make_organisation()
