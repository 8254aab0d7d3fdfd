"""The API's doors in the room of the devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.access import Row, placed
from tests.access.api import MEMBERS, OWNER, OWNERS, recipe
from tests.access.bulk import action, waiting
from tests.access.credentials import one
from tests.access.imports import importing
from tests.access.labels import sheet
from tests.access.recipes import label_name, label_rule, model

if TYPE_CHECKING:
    from tests.conftest import World


def spare(world: World) -> dict[str, object]:
    """A model that nothing has."""
    return {"pk": world.kanarra.device_models.create(name="Spare").pk}


def serial(world: World) -> dict[str, str]:
    return {"serial": world.placed.serial}


ADMIN = (401, 404, 404, 200, 200, 404, 404)  # of the placed device's group
ADMINS = (401, 404, 404, 200, 200, 404, 200)  # each of their own
TOLD = (401, 404, 404, 404, 400, 404, 404)  # the owner, about what was sent
TOLD_OWN = (401, 404, 404, 404, 400, 404, 400)  # any owner
TOLD_ADMINS = (401, 404, 404, 400, 400, 404, 400)  # any admin
LATE = (401, 404, 404, 404, 409, 404, 404)  # the owner, that it ended
MINE = (401, 404, 404, 200, 404, 404, 404)  # of the one admin who asked for it
MADE = (401, 404, 404, 201, 201, 404, 404)

ROWS: dict[str, Row] = {
    "devices:api-devices-export": Row(ADMINS, "post"),
    "devices:api-device-label-png": Row(MEMBERS, kwargs=placed),
    "devices:api-device-label-pdf": Row(MEMBERS, kwargs=placed),
    "devices:api-device-label-zpl": Row((401, 400, 400, 400, 400, 404, 404), kwargs=placed),
    "devices:api-device-lock": Row(ADMIN, "post", kwargs=placed),
    "devices:api-device-unlock": Row(ADMIN, "post", kwargs=placed),
    "devices:api-device-open-again": Row((401, 404, 404, 409, 409, 404, 404), "post", kwargs=placed),
    "devices:api-device delete": Row((401, 404, 404, 404, 409, 404, 404), "delete", kwargs=placed),
    "devices:api-device-retire": Row(ADMIN, "post", kwargs=placed),
    "devices:api-device-restore": Row(ADMIN, "post", kwargs=placed),
    "devices:api-device-free-serial": Row((401, 404, 404, 404, 409, 404, 404), "post", kwargs=placed),
    "devices:api-device-recipe-version": Row((401, 404, 404, 404, 200, 404, 404), "post", kwargs=placed),
    "devices:api-device-refused-attempts": Row(ADMIN, kwargs=placed),
    "devices:api-credentials": Row(ADMIN, kwargs=placed),
    "devices:api-credentials post": Row(MADE, "post", kwargs=placed),
    "devices:api-presence-secrets": Row(ADMIN, kwargs=placed),
    "devices:api-presence-secrets post": Row(MADE, "post", kwargs=placed, data=lambda world: {"method": "claim-code"}),
    "devices:api-credentials-rotate": Row(MADE, "post", kwargs=placed, data=lambda world: {"ends": "now"}),
    "devices:api-credentials-revoke": Row(ADMIN, "post", kwargs=placed),
    "devices:api-credential-revoke": Row(ADMIN, "post", kwargs=one),
    "devices:api-models post": Row(TOLD_OWN, "post"),
    "devices:api-model": Row((401, 200, 200, 200, 200, 200, 404), kwargs=model),
    "devices:api-model patch": Row(OWNER, "patch", kwargs=model, data=lambda world: {"name": "KG-251"}),
    "devices:api-model delete": Row((401, 404, 404, 404, 204, 404, 404), "delete", kwargs=spare),
    "devices:api-model-retire": Row(OWNER, "post", kwargs=model),
    "devices:api-model-restore": Row(OWNER, "post", kwargs=model),
    "devices:api-label-rules": Row(OWNERS),
    "devices:api-label-rules post": Row(TOLD_OWN, "post"),
    "devices:api-label-rule": Row(OWNER, kwargs=label_rule),
    "devices:api-label-rule delete": Row((401, 404, 404, 404, 204, 404, 404), "delete", kwargs=label_rule),
    "devices:api-label-names": Row(OWNERS),
    "devices:api-label-names post": Row(TOLD_OWN, "post"),
    "devices:api-label-name": Row(OWNER, kwargs=label_name),
    "devices:api-label-name delete": Row((401, 404, 404, 404, 204, 404, 404), "delete", kwargs=label_name),
    "devices:api-recipes post": Row(TOLD_OWN, "post"),
    "devices:api-recipe patch": Row(TOLD, "patch", kwargs=recipe),
    "devices:api-recipe-retire": Row(OWNER, "post", kwargs=recipe),
    "devices:api-recipe-restore": Row(OWNER, "post", kwargs=recipe),
    "devices:api-recipe-serial": Row(OWNER, "post", kwargs=recipe, data=serial),
    "devices:api-imports": Row(OWNERS),
    "devices:api-imports post": Row((401, 404, 404, 404, 415, 404, 415), "post"),
    "devices:api-imports-count": Row(TOLD_OWN, "post"),
    "devices:api-import": Row(OWNER, kwargs=importing),
    "devices:api-import-match": Row(LATE, "post", kwargs=importing),
    "devices:api-import-correct": Row(LATE, "post", kwargs=importing),
    "devices:api-import-start": Row(LATE, "post", kwargs=importing),
    "devices:api-import-cancel": Row(LATE, "post", kwargs=importing),
    "devices:api-import-change": Row(LATE, "post", kwargs=importing),
    "devices:api-import-changes": Row(OWNER, kwargs=importing),
    "devices:api-import-problems": Row(OWNER, kwargs=importing),
    "devices:api-import-problems-file": Row(OWNER, kwargs=importing),
    "devices:api-import-report": Row(OWNER, kwargs=importing),
    "devices:api-import-result": Row(OWNER, "post", kwargs=importing),
    "devices:api-sheets": Row(ADMINS),
    "devices:api-sheets post": Row(TOLD_ADMINS, "post"),
    "devices:api-sheet": Row(MINE, kwargs=sheet),
    "devices:api-sheet-file": Row((401, 404, 404, 409, 404, 404, 404), kwargs=sheet),
    "devices:api-sheet-cancel": Row(MINE, "post", kwargs=sheet),
    "devices:api-actions": Row(ADMINS),
    "devices:api-actions post": Row(TOLD_ADMINS, "post"),
    "devices:api-action-preview": Row(TOLD_ADMINS, "post"),
    "devices:api-action": Row(ADMIN, kwargs=action),
    "devices:api-action-cancel": Row(ADMIN, "post", kwargs=waiting),
    "devices:api-action-undo": Row(MADE, "post", kwargs=action),
    "devices:api-action-result": Row((401, 404, 404, 409, 409, 404, 404), "post", kwargs=action),
}
