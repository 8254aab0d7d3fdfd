"""Adding devices: pages of the whole organisation's admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.credentials import deliveries
from devices.models import Import
from tests.access import OWNER, OWNERS, Row

if TYPE_CHECKING:
    from tests.conftest import World


def importing(world: World) -> dict[str, object]:
    """One that ended, with secrets to be taken by the owner who ran it."""
    delivery = deliveries.prepare_delivery(organisation=world.kanarra, by=world.owner)
    made = Import.objects.create(
        organisation=world.kanarra,
        by=world.owner,
        version=world.version,
        state=Import.State.DONE,
        total=1,
        done=1,
        made=1,
        delivery=delivery,
    )
    return {"key": made.key}


POSTED = (302, 404, 404, 404, 302, 404, 404)
BACK = (302, 404, 404, 404, 422, 404, 422)  # nothing is said: the form comes back

ROWS: dict[str, Row] = {
    "devices:new": Row(OWNERS),
    "devices:new-one": Row(BACK, "post"),
    "devices:new-many": Row(BACK, "post"),
    "devices:import-new": Row(BACK, "post"),
    "devices:imports": Row(OWNERS),
    "devices:import": Row(OWNER, kwargs=importing),
    "devices:import-match": Row(POSTED, "post", kwargs=importing),
    "devices:import-correct": Row((302, 404, 404, 404, 409, 404, 404), "post", kwargs=importing),
    "devices:import-start": Row(POSTED, "post", kwargs=importing),
    "devices:import-cancel": Row(POSTED, "post", kwargs=importing),
    "devices:import-result": Row(OWNER, "post", kwargs=importing),
    "devices:import-report": Row(OWNER, kwargs=importing),
    "devices:import-problems": Row(OWNER, kwargs=importing),
    "devices:import-changes": Row(OWNER, kwargs=importing),
    "devices:import-stream": Row(OWNER, kwargs=importing),
}
