"""What a registration asks of the database: a door is as fast as these are few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.identity import serials
from tests.provisioning.doors.makers import make_jwt_door, register

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db
MOST = 12


def test_a_registration_asks_little(world: World) -> None:
    make_jwt_door(world.version)
    with CaptureQueriesContext(connection) as asked:
        answer: Any = register(serials.generate())
    assert answer.status_code == 200
    assert len(asked) <= MOST, [each["sql"][:100] for each in asked.captured_queries]
