"""Recipes with their versions, and the table of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from devices.api import shown
from devices.models import DeviceModel, Recipe
from tenants.access import found, require_owner
from tenants.api.base import ApiView
from tenants.api.paging import NEWEST_FIRST, page
from tenants.api.schema import described, listing

if TYPE_CHECKING:
    from rest_framework.request import Request


class Models(ApiView):
    @listing("Recipes and models", "List models", shown.ModelShown)
    def get(self, request: Request) -> Response:
        """The device models that your organisation supports."""
        rows = page(request, DeviceModel.objects.visible_to(self.user))
        return rows.answer(lambda row: {"id": row.pk, "name": row.name, "retired": row.retired_at is not None})


class Recipes(ApiView):
    @listing("Recipes and models", "List recipes", shown.RecipeShown)
    def get(self, request: Request) -> Response:
        """For admins of the whole organisation."""
        return page(request, Recipe.objects.manageable_by(require_owner(self.user))).answer(_shown)


class OneRecipe(ApiView):
    @described("Recipes and models", "Read a recipe", responses=shown.RecipeWhole)
    def get(self, request: Request, pk: int) -> Response:
        recipe = found(Recipe.objects.manageable_by(self.user), pk=pk)
        return Response(_shown(recipe) | {"current": shown.version(recipe.current)})


class RecipeVersions(ApiView):
    @listing("Recipes and models", "List a recipe's versions", shown.VersionShown)
    def get(self, request: Request, pk: int) -> Response:
        """Newest first. A device keeps the version that it was made from."""
        recipe = found(Recipe.objects.manageable_by(self.user), pk=pk)
        rows = recipe.versions.select_related("model").prefetch_related("attributes")
        return page(request, rows, NEWEST_FIRST).answer(shown.version)


def _shown(recipe: Recipe) -> dict[str, object]:
    return {"id": recipe.pk, "name": recipe.name, "retired": recipe.retired_at is not None}
