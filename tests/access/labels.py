"""Printing labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.models import LabelPrintJob
from tests.access import ANY_ADMIN, MEMBERS, Row, placed

if TYPE_CHECKING:
    from tests.conftest import World


def sheet(world: World) -> dict[str, object]:
    made = LabelPrintJob.objects.create(organisation=world.kanarra, by=world.admin, words="all devices", total=1000)
    return {"key": made.key}


MINE = (302, 404, 404, 200, 404, 404, 404)  # of the one admin who asked for it
UNFIT = (302, 422, 422, 422, 422, 404, 404)  # to what the page begins with
AFTER = (302, 404, 404, 302, 404, 404, 404)

ROWS: dict[str, Row] = {
    "devices:label-png": Row(MEMBERS, kwargs=placed),
    "devices:label-pdf": Row(MEMBERS, kwargs=placed),
    "devices:label-zpl": Row(UNFIT, kwargs=placed),
    "devices:sheets": Row(ANY_ADMIN),
    "devices:sheets-preview": Row((302, 404, 404, 200, 200, 404, 200), "post"),
    "devices:sheets-print": Row((302, 404, 404, 422, 422, 404, 422), "post"),
    "devices:sheet": Row(MINE, kwargs=sheet),
    "devices:sheet-stream": Row(MINE, kwargs=sheet),
    "devices:sheet-file": Row(AFTER, kwargs=sheet),
    "devices:sheet-cancel": Row(AFTER, "post", kwargs=sheet),
}
