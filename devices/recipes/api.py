"""Recipes with their versions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from devices.api import serializers as device_serializers
from devices.identity import formats, serials
from devices.identity.label_text import MAX_TEXT, read_serial
from devices.models import Attribute, Device, DeviceModel, Recipe, RecipeVersion
from devices.recipes import command_lines
from devices.recipes import operations as recipes
from devices.recipes.forms import USUALLY_EXPIRE, AttributeRow, make_line
from devices.recipes.organisation_format import format_of
from lib.paging import NEWEST_FIRST
from tenants.access import get_row, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import Flag, OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import convert_form_errors
from tenants.api.schema import describe_list, describe_operation
from tenants.api.scoped import Choice
from tenants.models import Presence

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.models import DeviceModelQuerySet
    from devices.recipes.operations import Contents, Line
    from tenants.models import User

TAG = "Recipes and models"


def find_offered_models(user: User) -> DeviceModelQuerySet:
    return DeviceModel.objects.manageable_by(user).available()


class AttributeNew(Serializer):
    name = serializers.CharField(max_length=64, help_text="Under which devices report it.")
    label = OneLine(required=False, max_length=120, allow_blank=True)  # type: ignore[assignment]
    type = serializers.ChoiceField(Attribute.Type.choices, required=False)
    unit = OneLine(required=False, max_length=16, allow_blank=True)
    minimum = serializers.FloatField(required=False, allow_null=True, help_text="Of numbers only.")
    maximum = serializers.FloatField(required=False, allow_null=True)
    decimals = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=recipes.MOST_DECIMALS,
        help_text="Shown; null: as they come.",
    )
    reads_text = serializers.BooleanField(required=False, help_text="Whether a number written as text is read.")
    faults = OneLine(
        required=False,
        max_length=recipes.FAULTS_LENGTH,
        allow_blank=True,
        help_text="Values that say that the device has a fault, with commas between them: `true`, or `3, 4`.",
    )

    def validate(self, attrs: dict[str, Any]) -> Line:
        row = AttributeRow({"type": Attribute.Type.NUMBER, **attrs})
        if not row.is_valid():
            raise convert_form_errors(row)
        return make_line(row.cleaned_data)


class RecipeContents(Serializer):
    model = Choice(
        find_offered_models, required=False, allow_null=True, help_text="Null: chosen when the device is placed."
    )
    credential_kind = serializers.ChoiceField(RecipeVersion.CredentialKind.choices, required=False)
    expires = Flag(required=False, help_text="Whether devices that never connect expire.")
    presence = serializers.ChoiceField(
        Presence.choices, required=False, allow_blank=True, help_text="Empty: as the organisation says."
    )
    default_tags = device_serializers.Tags(required=False)
    identity = device_serializers.Identity(
        required=False, allow_null=True, help_text="Null: as the organisation's serials."
    )
    attributes = serializers.ListField(child=AttributeNew(), required=False, max_length=recipes.MAX_ATTRIBUTES)

    commands = serializers.ListField(
        child=device_serializers.CommandLine(), required=False, max_length=command_lines.MOST
    )

    def validate_commands(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        try:
            return command_lines.clean_lines(lines)
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict["commands"]) from None

    def validate_identity(self, identity: dict[str, Any] | None) -> dict[str, Any]:
        try:
            return formats.Format.from_json(identity).as_json() if identity else {}
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None

    def validate_attributes(self, lines: list[Line]) -> tuple[Line, ...]:
        names = [attribute.name for attribute in lines]
        if twice := next((name for n, name in enumerate(names) if name in names[:n]), None):
            raise serializers.ValidationError(f"The name {twice} stands here twice. Remove one of them.")
        return tuple(lines)


class RecipeNew(RecipeContents):
    name = OneLine(max_length=120)


class Current(RecipeContents):
    number = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    created_at = serializers.DateTimeField(required=False)


class RecipeChange(RecipeContents):
    name = OneLine(required=False, max_length=120)
    based_on = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The `number` of the version that you read. Not needed with `current`.",
    )
    current = Current(required=False, help_text="As it was read, changed: instead of its fields here.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Bring together what stands in `current` and beside it."""
        version: dict[str, Any] = attrs.pop("current", {})
        version.pop("created_at", None)
        if "number" in version:
            version["based_on"] = version.pop("number")
        if twice := [name for name in version if name in attrs and attrs[name] != version[name]]:
            raise serializers.ValidationError({name: ["It is another one in `current`."] for name in twice})
        together: dict[str, Any] = version | attrs
        if "based_on" not in together:
            raise serializers.ValidationError({"based_on": ["Send the `number` of the version that you read."]})
        return together


class SerialTried(Serializer):
    serial = serializers.CharField(max_length=MAX_TEXT, trim_whitespace=False)


class SerialJudged(Serializer):
    fits = serializers.BooleanField()
    problem = serializers.CharField(allow_null=True, help_text="Why it does not fit the recipe's format.")
    kept = serializers.CharField(help_text="As it would be kept.")
    taken = serializers.BooleanField(help_text="Whether a device of the organisation has it.")


class Recipes(ApiView):
    @describe_list(TAG, "List recipes", device_serializers.RecipeShown)
    def get(self, request: Request) -> Response:
        """Return the recipes, for admins of the whole organisation."""
        return page(request, Recipe.objects.manageable_by(require_owner(self.user))).answer(
            device_serializers.serialize_recipe
        )

    @describe_operation(TAG, "Create a recipe", request=RecipeNew, responses={201: device_serializers.RecipeWhole})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Create a recipe. What is not sent is as usual: access keys, which don't expire, and no attributes."""
        user = require_owner(self.user)
        assert user.organisation is not None
        sent = self.read(RecipeNew)
        name, contents = sent.pop("name"), recipes.Contents(**sent)
        if "expires" not in sent:
            contents = replace(contents, expires=contents.credential_kind in USUALLY_EXPIRE)
        recipe = recipes.create(organisation=user.organisation, name=name, contents=contents, by=user)
        location = reverse("devices:api-recipe", kwargs={"pk": recipe.pk})
        return Response(_serialize_whole(recipe), status=201, headers={"Location": location})


class OneRecipe(ApiView):
    @describe_operation(TAG, "Read a recipe", responses=device_serializers.RecipeWhole)
    def get(self, request: Request, pk: int) -> Response:
        return Response(_serialize_whole(_get_recipe(self.user, pk)))

    @describe_operation(TAG, "Change a recipe", request=RecipeChange, responses=device_serializers.RecipeWhole)
    def patch(self, request: Request, pk: int) -> Response:
        """Make a new version, if it says anything new; devices already made keep theirs. What is not sent stays.

        If somebody saved a version after `based_on`: `409`, and nothing is changed.
        """
        recipe = _get_recipe(self.user, pk)
        sent = self.read(RecipeChange, instance=recipe.current, shown=_serialize_whole(recipe))
        name, based_on = sent.pop("name", recipe.name), sent.pop("based_on")
        contents: Contents = replace(recipes.Contents.of(recipe.current), **sent)
        recipes.change(recipe=recipe, name=name, contents=contents, based_on=based_on, by=self.user)
        return Response(_serialize_whole(_get_recipe(self.user, pk)))


class RecipeRetire(ApiView):
    @describe_operation(TAG, "Retire a recipe", request=None, responses=device_serializers.RecipeWhole)
    def post(self, request: Request, pk: int) -> Response:
        """Stop making new devices from it; those there are keep it."""
        recipes.retire(recipe=_get_recipe(self.user, pk), by=self.user)
        return Response(_serialize_whole(_get_recipe(self.user, pk)))


class RecipeRestore(ApiView):
    @describe_operation(TAG, "Restore a recipe", request=None, responses=device_serializers.RecipeWhole)
    def post(self, request: Request, pk: int) -> Response:
        recipes.restore(recipe=_get_recipe(self.user, pk), by=self.user)
        return Response(_serialize_whole(_get_recipe(self.user, pk)))


class RecipeSerial(ApiView):
    @describe_operation(TAG, "Try a serial", request=SerialTried, responses=SerialJudged)
    def post(self, request: Request, pk: int) -> Response:
        """Tell whether a device could be made from this recipe with it; nothing is added."""
        recipe = _get_recipe(self.user, pk)
        text, fitting = self.read(SerialTried)["serial"], format_of(recipe.current)
        try:
            text = read_serial(text, fitting, origins=settings.SITE_URLS)
            problem = fitting.problem(text)
        except ValueError as error:
            problem = str(error)
        taken = Device.objects.visible_to(self.user).filter(serial_key=serials.fold(text)).exists()
        judged = {"fits": problem is None, "problem": problem, "kept": serials.canonical(text), "taken": taken}
        return Response(judged)


class RecipeVersions(ApiView):
    @describe_list(TAG, "List a recipe's versions", device_serializers.VersionShown)
    def get(self, request: Request, pk: int) -> Response:
        """Return the versions, newest first. A device keeps the version that it was made from."""
        rows = _get_recipe(self.user, pk).versions.select_related("model").prefetch_related("attributes")
        return page(request, rows, NEWEST_FIRST).answer(device_serializers.serialize_version)


def _get_recipe(user: User, pk: int) -> Recipe:
    scope = Recipe.objects.manageable_by(require_owner(user))
    return get_row(scope.select_related("organisation"), pk=pk)


def _serialize_whole(recipe: Recipe) -> dict[str, object]:
    return device_serializers.serialize_recipe(recipe) | {
        "current": device_serializers.serialize_version(recipe.current)
    }
