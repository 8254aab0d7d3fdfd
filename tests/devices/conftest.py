from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import builders
from tests.devices.scene import Scene

if TYPE_CHECKING:
    from devices.models import Device
    from tests.conftest import World


@pytest.fixture
def fleet(world: World) -> list[Device]:
    return [
        builders.make_device(world.version, group=world.boise, by=world.owner, name=f"Gateway {number}")
        for number in (3, 1, 4, 0, 2)  # names in another order than keys
    ]


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)
