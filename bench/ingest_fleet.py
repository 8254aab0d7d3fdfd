"""Make a fleet for `bench.ingest`; run in the tree whose database it is, this one or an older one.

`python ingest_fleet.py COUNT` prints the device ids, one a line.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))  # the tree that it is run in, not the one that it lies in
sys.path = [each for each in sys.path if Path(each or ".").resolve() != Path(__file__).resolve().parent]

ATTRIBUTES = ("speed", "power", "fuel", "oil", "heat", "volts", "amps", "hours")


def main() -> None:
    import django

    django.setup()
    from django.utils import timezone

    from devices.models import Assignment, Attribute, Device
    from tests import builders
    from tests.builders import make_group

    organisation = builders.make_organisation("Bench")
    version = builders.make_recipe(organisation)
    group = make_group(organisation.root, "Fleet")
    Attribute.objects.bulk_create(Attribute(version=version, name=name, label=name) for name in ATTRIBUTES)
    Attribute.objects.create(version=version, name="note", label="Note", type="string")
    now = timezone.now() - timedelta(days=1)
    fleet = Device.objects.bulk_create(
        Device(
            organisation=organisation,
            version=version,
            serial=f"BENCH{number:06d}",
            serial_key=f"BENCH{number:06d}",
            name=f"Generator {number}",
            activated_at=now,
        )
        for number in range(int(sys.argv[1]))
    )
    for device, assignment in zip(
        fleet,
        Assignment.objects.bulk_create(Assignment(device=device, group=group, opened_at=now) for device in fleet),
        strict=True,
    ):
        device.group, device.assignment = group, assignment
    Device.objects.bulk_update(fleet, ["group", "assignment"], batch_size=1000)
    print("\n".join(device.device_id for device in fleet))


if __name__ == "__main__":
    main()
