"""Where the demo's gateways stand: a file for their GPS receivers, of the gateways whose recipe declares a position."""

from __future__ import annotations

import csv
from random import Random
from typing import TYPE_CHECKING

from devices.models import Attribute
from lib.private_file import open_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from devices.models import Device

FILE = "places.csv"
ATTRIBUTE = "position"
COLUMNS = ("serial", "latitude", "longitude")
AROUND = 0.0012  # degrees from its hospital's middle at most: some 130 m
OLD = "An earlier demo made the recipe of {number} gateways without a position: there is no map of them. To see it:"
PLACES = {  # of each hospital's town
    "Kaiser Permanente Anaheim": (33.8530, -117.8445),
    "Harbor Medical Center": (33.8296, -118.2944),
    "Valley View Hospital": (34.1869, -118.4490),
    "Riverside General": (39.4154, -81.4548),
    "Hilltop Children's Hospital": (39.1405, -84.5021),
    "Cascade General": (44.0676, -121.2690),
    "Puget Sound Medical Center": (47.2595, -122.4530),
    "Boise Foothills Hospital": (43.6296, -116.1890),
    "Alder pumping station": (42.6230, -70.6690),
}


def renew_places(file: Path, devices: Iterable[Device], homes: Mapping[str, str]) -> int:
    """Write where each stands: at its home, a name of `PLACES` by serial, else in its group's town. Return how many
    have a town and could not say so."""
    rows, mute = [], 0
    declaring = set(Attribute.objects.filter(name=ATTRIBUTE, type=Attribute.Type.GPS).values_list("version", flat=True))
    for device in devices:
        home = homes.get(device.serial) or (device.group.name if device.group else "")
        if home not in PLACES:
            continue
        if device.version_id in declaring:
            rows.append((device.serial, *_choose_place(device.serial, home)))
        else:
            mute += 1
    with open_private(file) as out:
        csv.writer(out).writerows([COLUMNS, *rows])
    return mute


def _choose_place(serial: str, home: str) -> tuple[str, str]:
    """Return latitude and longitude near the middle of its home, always the same ones."""
    random, (latitude, longitude) = Random(serial), PLACES[home]  # noqa: S311
    return tuple(f"{degrees + random.uniform(-AROUND, AROUND):.6f}" for degrees in (latitude, longitude))  # type: ignore[return-value]
