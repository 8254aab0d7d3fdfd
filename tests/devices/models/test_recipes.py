"""Recipes, models, and what labels mean: to whom they are shown, and what is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db.models.functions import Now
from django.utils import timezone

from devices.models import DeviceModel, LabelName, LabelRule, Recipe
from tests.devices.models.cast import CAST, fresh, who

if TYPE_CHECKING:
    from tests.conftest import World


def test_recipes_models_and_what_labels_mean(world: World) -> None:
    model = world.version.model
    assert model is not None
    LabelRule.objects.create(organisation=world.kanarra, kind="profile", value="A", model=model)
    LabelName.objects.create(organisation=world.kanarra, name="no", fact="serial")
    for rows in (Recipe.objects, LabelRule.objects, LabelName.objects):
        assert not rows.manageable_by(AnonymousUser()).exists()
        assert who(world, rows.manageable_by) == {"owner"} | ({"stranger"} if rows is Recipe.objects else set())
    assert who(world, DeviceModel.objects.manageable_by) == {"owner", "stranger"}
    assert who(world, DeviceModel.objects.visible_to) == set(CAST)
    assert DeviceModel.objects.visible_to(fresh(world.viewer)).get() == model
    assert not DeviceModel.objects.visible_to(AnonymousUser()).exists()


def test_what_is_retired_is_offered_to_whoever_has_it(world: World) -> None:
    old = DeviceModel.objects.create(organisation=world.kanarra, name="Old", retired_at=timezone.now())
    mine = DeviceModel.objects.filter(organisation=world.kanarra)
    assert [each.name for each in mine.available()] == ["KG-250"]
    assert [each.name for each in mine.available(keep=old.pk)] == ["KG-250", "Old"]
    Recipe.objects.filter(pk=world.version.recipe_id).update(retired_at=Now())
    assert not Recipe.objects.filter(organisation=world.kanarra).available().exists()
