"""Make what `bench.streams` looks at; run in the tree whose database it is, this one or an older one.

`python streams_world.py COUNT VIEWERS` makes that many devices in one group and prints one line of JSON: their serials
and ids, and a session cookie of each viewer. Then, for each line `VALUE COUNT` that it reads, the first COUNT devices
have reported that value, each page is told, and it prints the moment (`time.perf_counter`, one for the machine).
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.ingest_fleet import choose_tree, make_fleet
else:  # in any tree: it lies beside this file
    from ingest_fleet import choose_tree, make_fleet

CHANNEL = "handover:live"
NUMBERS = ("rpm", *(f"number{n}" for n in range(7)))


def main() -> None:
    choose_tree()
    import django

    django.setup()
    import redis
    from django.conf import settings
    from django.test import Client

    from telemetry.models import Latest
    from tenants.models import Role
    from tests import builders

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # nobody signs in with one
    count, viewers = int(sys.argv[1]), int(sys.argv[2])
    organisation = builders.make_organisation("Bench")
    site = builders.make_group(organisation.root, "Site")
    version = builders.make_recipe(organisation)
    fleet = make_fleet(version, site, count, NUMBERS)
    Latest.objects.bulk_create(
        Latest(device=device, assignment=device.assignment, data={name: [1, 0] for name in NUMBERS}) for device in fleet
    )
    cookies = []
    for n in range(viewers):
        user = builders.make_user(f"viewer{n}@bench.example", site, Role.VIEWER)
        client = Client()
        client.force_login(user)
        cookies.append(f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}")
    print(json.dumps({"serials": [device.serial for device in fleet], "cookies": cookies}), flush=True)
    channel = redis.Redis.from_url(os.environ["REDIS_URL"])
    for line in sys.stdin:
        value, many = line.split()
        ms = int(time.time() * 1000)
        reached = fleet[: int(many)]
        Latest.objects.filter(device__in=reached).update(data={name: [float(value), ms] for name in NUMBERS})
        channel.publish(CHANNEL, " ".join(f"device:{device.device_id}" for device in reached))
        print(time.perf_counter(), flush=True)


if __name__ == "__main__":
    main()
