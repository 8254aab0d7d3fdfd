"""Recipes and the table of models: the organisation's own admins'."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from devices.models import LabelName, LabelRule
from devices.recipes import pictures
from tests.access import OWNER, OWNERS, Row

if TYPE_CHECKING:
    from devices.models import Recipe
    from tenants.models import User
    from tests.conftest import World

DONE = (302, 404, 404, 404, 302, 404, 404)
INVALID = (302, 404, 404, 404, 422, 404, 404)
INVALID_OWN = (302, 404, 404, 404, 422, 404, 422)


def recipe(world: World) -> dict[str, object]:
    return {"pk": world.version.recipe_id}


def make_picture(of: Recipe, by: User) -> None:
    out = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, format="PNG")
    pictures.keep(recipe=of, content=out.getvalue(), by=by)


def recipe_picture(world: World) -> dict[str, object]:
    make_picture(world.version.recipe, world.owner)
    return recipe(world) | {"digest": pictures.find_digest(world.version.recipe_id)}


def model(world: World) -> dict[str, object]:
    return {"pk": world.version.model_id}


def label_rule(world: World) -> dict[str, object]:
    made, _ = LabelRule.objects.get_or_create(
        organisation=world.kanarra, kind="profile", value="AABB1122", model_id=world.version.model_id
    )
    return {"pk": made.pk}


def label_name(world: World) -> dict[str, object]:
    return {"pk": LabelName.objects.get_or_create(organisation=world.kanarra, name="devid", fact="dev_eui")[0].pk}


ROWS: dict[str, Row] = {
    "devices:recipes": Row(OWNERS),
    "devices:recipe-new": Row(OWNERS),
    "devices:recipe-create": Row(INVALID_OWN, "post"),
    "devices:recipe-format": Row(OWNERS),
    "devices:recipe": Row(OWNER, kwargs=recipe),
    "devices:recipe-edit": Row(OWNER, kwargs=recipe),
    "devices:recipe-change": Row(INVALID, "post", kwargs=recipe),
    "devices:recipe-retire": Row(DONE, "post", kwargs=recipe),
    "devices:recipe-picture": Row(OWNER, kwargs=recipe_picture),
    "devices:recipe-picture-upload": Row(DONE, "post", kwargs=recipe),
    "devices:recipe-picture-remove": Row(DONE, "post", kwargs=recipe),
    "devices:recipe-restore": Row(DONE, "post", kwargs=recipe),
    "devices:identity": Row(OWNERS),
    "devices:identity-save": Row(INVALID_OWN, "post", data=lambda world: {"identity-kind": "what"}),
    "devices:models": Row(OWNERS),
    "devices:label-rules": Row(OWNERS),
    "devices:label-rule-add": Row(INVALID_OWN, "post"),
    "devices:label-name-add": Row(INVALID_OWN, "post"),
    "devices:label-rule-remove": Row(DONE, "post", kwargs=label_rule),
    "devices:label-name-remove": Row(DONE, "post", kwargs=label_name),
    "devices:model": Row(OWNER, kwargs=model),
    "devices:model-add": Row(INVALID_OWN, "post"),
    "devices:model-rename": Row(INVALID, "post", kwargs=model),
    "devices:model-retire": Row(DONE, "post", kwargs=model),
    "devices:model-restore": Row(DONE, "post", kwargs=model),
    "devices:model-delete": Row((302, 404, 404, 404, 409, 404, 404), "post", kwargs=model),
}
