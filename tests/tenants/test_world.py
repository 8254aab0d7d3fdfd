from devices.models import Device
from tests.conftest import World


def test_who_sees_what(world: World) -> None:
    seen = {
        name: set(Device.objects.visible_to(getattr(world, name)))
        for name in ("owner", "admin", "technician", "viewer", "sibling", "stranger")
    }
    assert seen["owner"] == {world.waiting, world.placed, world.foreign}
    assert seen["admin"] == seen["technician"] == seen["viewer"] == {world.placed}
    assert seen["sibling"] == {world.foreign}
    assert seen["stranger"] == {world.alien}
