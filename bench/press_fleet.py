"""Make a fleet and a device that waits to be registered, for `bench.press_beside`; run in the tree of the database.

`python press_fleet.py COUNT` prints as JSON the waiting one's serial and device ID, who may register it with which
password, and the device IDs of the fleet.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path


def main() -> None:
    fleet = runpy.run_path(str(Path(__file__).with_name("ingest_fleet.py")))
    fleet["choose_tree"]()
    import django

    django.setup()

    from devices.models import Device
    from tenants.models import Role
    from tests import builders

    organisation = builders.make_organisation("Bench")
    version = builders.make_recipe(organisation)
    group = builders.make_group(organisation.root, "Fleet")
    technician = builders.make_user("technician@bench.example", organisation.root, Role.TECHNICIAN)
    waiting = Device.objects.create(organisation=organisation, version=version, serial="BENCHPRESS", name="Waiting")
    made = fleet["make_fleet"](version, group, int(sys.argv[1]), fleet["ATTRIBUTES"])
    account = {"email": technician.email, "password": builders.PASSWORD}
    told = {"serial": waiting.serial, "device_id": waiting.device_id, "fleet": [device.device_id for device in made]}
    print(json.dumps(account | told))


if __name__ == "__main__":
    main()
