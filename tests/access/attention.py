"""What needs attention: everybody who sees the device sees it, its technicians acknowledge it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.models import Attention
from tests.access import Row, placed

if TYPE_CHECKING:
    from tests.conftest import World


def silent(world: World) -> dict[str, object]:
    (assignment,) = world.placed.assignments.all()
    row = Attention.objects.create(
        organisation=world.kanarra, device=world.placed, assignment=assignment, cause="silent"
    )
    return {"serial": world.placed.serial, "pk": row.pk}


ROWS: dict[str, Row] = {
    "devices:attention-acknowledge": Row((302, 404, 302, 302, 302, 404, 404), "post", kwargs=silent),
    "devices:api-attention": Row((401, 200, 200, 200, 200, 200, 200)),
    "devices:api-device-attention": Row((401, 200, 200, 200, 200, 404, 404), kwargs=placed),
    "devices:api-attention-acknowledge": Row((401, 404, 200, 200, 200, 404, 404), "post", kwargs=silent),
}
