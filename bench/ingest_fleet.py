"""Make a fleet for `bench.ingest` and `bench.streams`; run in the tree whose database it is, this one or an older one.

`python ingest_fleet.py COUNT` prints the device ids, one a line.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.models import Device, RecipeVersion
    from tenants.models import Group

ATTRIBUTES = ("speed", "power", "fuel", "oil", "heat", "volts", "amps", "hours")


def choose_tree() -> None:
    """Import from the tree that this is run in, not from the one that it lies in."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(Path.cwd()), *(each for each in sys.path if Path(each or ".").resolve() != here)]


def make_fleet(version: RecipeVersion, group: Group, count: int, names: Iterable[str]) -> list[Device]:
    """Make devices that have stood in the group for a day, and what they report: numbers of these names."""
    from django.utils import timezone

    from devices.models import Assignment, Attribute, Device

    known = set(Attribute.objects.filter(version=version).values_list("name", flat=True))
    Attribute.objects.bulk_create(
        Attribute(version=version, name=name, label=name) for name in names if name not in known
    )
    now = timezone.now() - timedelta(days=1)
    fleet = Device.objects.bulk_create(
        Device(
            organisation=version.recipe.organisation,
            version=version,
            serial=f"BENCH{number:06d}",
            serial_key=f"BENCH{number:06d}",
            name=f"Generator {number}",
            activated_at=now,
        )
        for number in range(count)
    )
    opened = [Assignment(device=device, group=group, opened_at=now) for device in fleet]
    for device, assignment in zip(fleet, Assignment.objects.bulk_create(opened), strict=True):
        device.group, device.assignment = group, assignment
    Device.objects.bulk_update(fleet, ["group", "assignment"], batch_size=1000)
    return fleet


def main() -> None:
    choose_tree()
    import django

    django.setup()

    from devices.models import Attribute
    from tests import builders

    organisation = builders.make_organisation("Bench")
    version = builders.make_recipe(organisation)
    fleet = make_fleet(version, builders.make_group(organisation.root, "Fleet"), int(sys.argv[1]), ATTRIBUTES)
    Attribute.objects.create(version=version, name="note", label="Note", type="string")
    print("\n".join(device.device_id for device in fleet))


if __name__ == "__main__":
    main()
