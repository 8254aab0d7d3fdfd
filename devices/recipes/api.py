"""Recipes with their versions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from devices.api import serializers as device_serializers
from devices.identity import formats, serials
from devices.models import Attribute, Device, DeviceModel, Recipe, RecipeVersion
from devices.recipes import operations as recipes
from devices.recipes.forms import USUALLY_EXPIRE, AttributeRow, line
from devices.recipes.organisation_format import format_of
from lib.paging import NEWEST_FIRST
from tenants.access import found, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import Conflict, refused
from tenants.api.schema import described, listing
from tenants.api.scoped import Choice

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.models import DeviceModelQuerySet
    from devices.recipes.operations import Contents, Line
    from tenants.models import User

TAG = "Recipes and models"
STALE = "Somebody else saved this recipe meanwhile. Read it again, and send your change with the new `based_on`."


def offered(user: User) -> DeviceModelQuerySet:
    return DeviceModel.objects.manageable_by(user).offered()


class AttributeNew(Serializer):
    name = serializers.CharField(max_length=64, help_text="Under which devices report it.")
    label = OneLine(required=False, max_length=120, allow_blank=True)  # type: ignore[assignment]
    type = serializers.ChoiceField(Attribute.Type.choices, required=False)
    unit = OneLine(required=False, max_length=16, allow_blank=True)
    minimum = serializers.FloatField(required=False, allow_null=True, help_text="Of numbers only.")
    maximum = serializers.FloatField(required=False, allow_null=True)

    def validate(self, given: dict[str, Any]) -> Line:
        row = AttributeRow({"type": Attribute.Type.NUMBER, **given})
        if not row.is_valid():
            raise refused(row)
        return line(row.cleaned_data)


class RecipeContents(Serializer):
    model = Choice(offered, required=False, allow_null=True, help_text="Null: chosen when the device is placed.")
    credential_kind = serializers.ChoiceField(RecipeVersion.CredentialKind.choices, required=False)
    expires = serializers.BooleanField(required=False, help_text="Whether devices that never connect expire.")
    default_tags = device_serializers.Tags(required=False)
    identity = device_serializers.Identity(
        required=False, allow_null=True, help_text="Null: as the organisation's serials."
    )
    attributes = serializers.ListField(child=AttributeNew(), required=False, max_length=recipes.MAX_ATTRIBUTES)

    def validate_identity(self, given: dict[str, Any] | None) -> dict[str, Any]:
        try:
            return formats.Format.from_json(given).as_json() if given else {}
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None

    def validate_attributes(self, lines: list[Line]) -> tuple[Line, ...]:
        names = [each.name for each in lines]
        if twice := next((name for n, name in enumerate(names) if name in names[:n]), None):
            raise serializers.ValidationError(f"The name {twice} stands here twice. Remove one of them.")
        return tuple(lines)


class RecipeNew(RecipeContents):
    name = OneLine(max_length=120)


class RecipeChange(RecipeContents):
    name = OneLine(required=False, max_length=120)
    based_on = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, help_text="The `number` of the version that you read."
    )


class SerialTried(Serializer):
    serial = serializers.CharField(max_length=formats.MAX_GIVEN, trim_whitespace=False)


class SerialJudged(Serializer):
    fits = serializers.BooleanField()
    problem = serializers.CharField(allow_null=True, help_text="Why it does not fit the recipe's format.")
    kept = serializers.CharField(help_text="As it would be kept.")
    taken = serializers.BooleanField(help_text="Whether a device of the organisation has it.")


class Recipes(ApiView):
    @listing(TAG, "List recipes", device_serializers.RecipeShown)
    def get(self, request: Request) -> Response:
        """For admins of the whole organisation."""
        return page(request, Recipe.objects.manageable_by(require_owner(self.user))).answer(device_serializers.recipe)

    @described(TAG, "Create a recipe", request=RecipeNew, responses={201: device_serializers.RecipeWhole})
    @idempotent()
    def post(self, request: Request) -> Response:
        """What is not sent is as usual: access keys, which don't expire, and no attributes."""
        user = require_owner(self.user)
        assert user.organisation is not None
        given = self.read(RecipeNew)
        name, contents = given.pop("name"), recipes.Contents(**given)
        if "expires" not in given:
            contents = replace(contents, expires=contents.credential_kind in USUALLY_EXPIRE)
        made = recipes.create(organisation=user.organisation, name=name, contents=contents, by=user)
        location = reverse("devices:api-recipe", kwargs={"pk": made.pk})
        return Response(_whole(made), status=201, headers={"Location": location})


class OneRecipe(ApiView):
    @described(TAG, "Read a recipe", responses=device_serializers.RecipeWhole)
    def get(self, request: Request, pk: int) -> Response:
        return Response(_whole(_recipe(self.user, pk)))

    @described(TAG, "Change a recipe", request=RecipeChange, responses=device_serializers.RecipeWhole)
    def patch(self, request: Request, pk: int) -> Response:
        """Makes a new version, if it says anything new; devices already made keep theirs. What is not sent stays.

        If somebody saved a version after `based_on`: `409`, and nothing is changed.
        """
        recipe = _recipe(self.user, pk)
        given = self.read(RecipeChange, instance=recipe.current)
        name, based_on = given.pop("name", recipe.name), given.pop("based_on")
        contents: Contents = replace(recipes.Contents.of(recipe.current), **given)
        try:
            recipes.change(recipe=recipe, name=name, contents=contents, based_on=based_on, by=self.user)
        except recipes.Stale:
            raise Conflict(STALE) from None
        return Response(_whole(_recipe(self.user, pk)))


class RecipeRetire(ApiView):
    @described(TAG, "Retire a recipe", request=None, responses=device_serializers.RecipeWhole)
    def post(self, request: Request, pk: int) -> Response:
        """No new devices are made from it; those there are keep it."""
        recipes.retire(recipe=_recipe(self.user, pk), by=self.user)
        return Response(_whole(_recipe(self.user, pk)))


class RecipeRestore(ApiView):
    @described(TAG, "Restore a recipe", request=None, responses=device_serializers.RecipeWhole)
    def post(self, request: Request, pk: int) -> Response:
        recipes.restore(recipe=_recipe(self.user, pk), by=self.user)
        return Response(_whole(_recipe(self.user, pk)))


class RecipeSerial(ApiView):
    @described(TAG, "Try a serial", request=SerialTried, responses=SerialJudged)
    def post(self, request: Request, pk: int) -> Response:
        """Whether a device could be made from this recipe with it; nothing is registered."""
        recipe = _recipe(self.user, pk)
        text = self.read(SerialTried)["serial"]
        problem = format_of(recipe.current).problem(text)
        taken = Device.objects.visible_to(self.user).filter(serial_key=serials.fold(text)).exists()
        told = {"fits": problem is None, "problem": problem, "kept": serials.canonical(text), "taken": taken}
        return Response(told)


class RecipeVersions(ApiView):
    @listing(TAG, "List a recipe's versions", device_serializers.VersionShown)
    def get(self, request: Request, pk: int) -> Response:
        """Newest first. A device keeps the version that it was made from."""
        rows = _recipe(self.user, pk).versions.select_related("model").prefetch_related("attributes")
        return page(request, rows, NEWEST_FIRST).answer(device_serializers.version)


def _recipe(user: User, pk: int) -> Recipe:
    scope = Recipe.objects.manageable_by(require_owner(user))
    return found(scope.select_related("organisation"), pk=pk)


def _whole(recipe: Recipe) -> dict[str, object]:
    return device_serializers.recipe(recipe) | {"current": device_serializers.version(recipe.current)}
