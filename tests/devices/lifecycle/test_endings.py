"""What is said before credentials and ties end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now

from devices.lifecycle import endings
from devices.models import Credential, Device, Tie
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World


class TestEndings:
    def devices(self, *devices: Device) -> Any:
        return Device.objects.filter(pk__in=[device.pk for device in devices])

    def test_count_what_was_issued_where_the_devices_are(self, world: World) -> None:
        both = self.devices(world.placed, world.foreign)
        world.placed.refresh_from_db()
        facts: dict[str, Any] = {"device": world.placed, "secret_hash": b"", "assignment": world.placed.assignment}
        assert endings.tell_ending(both) == []
        Credential.objects.create(access_key="factory", **facts | {"assignment": None})
        Credential.objects.create(access_key="over", revoked_at=Now(), **facts)
        assert endings.count_ending(both) == 0
        for key in ("a", "b"):
            Credential.objects.create(access_key=key, **facts)
        assert endings.count_ending(both) == 1
        assert endings.tell_ending(both)[0].startswith("One of them has credentials that were issued in its group.")
        world.foreign.refresh_from_db()
        other = {"device": world.foreign, "assignment": world.foreign.assignment}
        Credential.objects.create(access_key="c", **facts | other)
        assert endings.tell_ending(both)[0].startswith("2 of them have credentials")

    def test_count_ties_of_either_end(self, world: World) -> None:
        made = [builders.make_device(world.version) for _ in range(3)]
        Tie.objects.create(device=made[0], gateway=made[2])
        assert endings.tell_ties(self.devices(made[1])) == []
        assert endings.tell_ties(self.devices(made[2]))[0].startswith("1 tie to a gateway ends, also if it is undone")
        Tie.objects.create(device=made[1], gateway=made[2])
        assert endings.tell_ties(self.devices(made[2]))[0].startswith("2 ties to gateways end")
        assert endings.tell_ties(self.devices(*made))[0].startswith("2 ties to gateways end")
