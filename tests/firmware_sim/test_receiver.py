"""Where a simulated gateway stands: seldom told, a metre about, and where the demo says."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest

from firmware_sim.identity import BadInput
from firmware_sim.receiver import METRES, SECONDS, Place, Receiver, read_places

from . import conftest
from .conftest import BrokerProcess, Listener, soon
from .test_gateway import at

if TYPE_CHECKING:
    from pathlib import Path

ANAHEIM = Place(33.853, -117.8445)


def test_a_position_is_due_at_first_and_hourly() -> None:
    receiver = Receiver(ANAHEIM)
    told = [second for second in range(0, 3 * int(SECONDS), 60) if receiver.read(second)]
    assert told == [0, 3600, 7200]
    receiver.restart()
    assert receiver.read(7201.0)


def test_it_stands_still_but_for_a_metre_or_so() -> None:
    receiver, far = Receiver(ANAHEIM), []
    for hour in range(200):
        latitude, longitude = map(float, str(receiver.read(hour * SECONDS)).split(","))
        east = (longitude - ANAHEIM.longitude) * math.cos(math.radians(ANAHEIM.latitude))
        far.append(METRES * math.hypot(latitude - ANAHEIM.latitude, east))
    assert 0.2 < sum(far) / len(far) < 2
    assert max(far) < 5


@pytest.mark.parametrize("place", [Place(90, 0), Place(-90, 180), Place(0, 180), Place(0, -180)])
def test_the_ends_of_the_earth_are_on_it(place: Place) -> None:
    receiver = Receiver(place)
    for hour in range(50):
        latitude, longitude = map(float, str(receiver.read(hour * SECONDS)).split(","))
        assert abs(latitude) <= 90
        assert abs(longitude) <= 180


def test_the_gateway_tells_it_once_and_again_when_it_was_plugged_in(broker: BrokerProcess, listener: Listener) -> None:
    async def main() -> None:
        async with conftest.running(at(broker), receiver=Receiver(ANAHEIM), interval=0.7) as gateway:
            await soon(lambda: len(listener.reports) >= 3)
            gateway.unplug()
            gateway.plug_in()
            await soon(lambda: sum("position" in report["data"] for _, report in listener.reports) == 2)

    asyncio.run(main())
    data = [report["data"] for _, report in listener.reports]
    assert data[0]["position"].startswith("33.853")
    assert all("position" not in each for each in data[1:3])


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("serial,latitude\nA,1\n", "lacks the column longitude"),
        ("serial,latitude,longitude\nA,91,0\n", "line 2: latitude is from"),
        ("serial,latitude,longitude\nA,north,0\n", "line 2: could not convert"),
        ("serial,latitude,longitude\nA,nan,0\n", "line 2: latitude is from"),
    ],
)
def test_a_bad_file_of_places(tmp_path: Path, text: str, cause: str) -> None:
    (tmp_path / "places.csv").write_text(text)
    with pytest.raises(BadInput, match=cause):
        read_places(tmp_path / "places.csv")


def test_places_are_by_serial_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text("serial,latitude,longitude\nkanarra-001 x,33.853,-117.8445\n")
    assert read_places(tmp_path / "places.csv") == {"KANARRA001X": ANAHEIM}
    with pytest.raises(BadInput, match="No such file"):
        read_places(tmp_path / "none.csv")
