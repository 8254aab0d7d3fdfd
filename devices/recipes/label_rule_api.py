"""What makers' labels say, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from devices.api.serializers import Named
from devices.models import DeviceModel, LabelName, LabelRule
from devices.recipes import label_rules
from devices.recipes.operations import find_available_recipes
from tenants.access import get_row, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.schema import describe_list, describe_operation
from tenants.api.scoped import Choice

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import User

TAG = "Recipes and models"


def find_models(user: User) -> Any:
    return DeviceModel.objects.manageable_by(user).available()


class RuleNew(Serializer):
    kind = serializers.ChoiceField(LabelRule.Kind.choices)
    value = OneLine(max_length=64, help_text="The profile (of TR005: the ProfileID), or the AppEUI: 16 hex digits.")
    model = Choice(find_models, help_text="The model that it means.")
    recipe = Choice(
        find_available_recipes,
        required=False,
        allow_null=True,
        help_text="From which such a device is made when added.",
    )


class RuleShown(Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(LabelRule.Kind.choices)
    value = serializers.CharField()
    model = Named()
    recipe = Named(allow_null=True)


class NameNew(Serializer):
    name = OneLine(max_length=64, help_text="Of a field, as it stands in labels of JSON, or in an address's query.")
    fact = serializers.ChoiceField(label_rules.FACT_CHOICES, help_text="What it holds.")


class NameShown(Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    fact = serializers.ChoiceField(label_rules.FACT_CHOICES)


class LabelRules(ApiView):
    @describe_list(TAG, "List what labels mean", RuleShown)
    def get(self, request: Request) -> Response:
        """Return which model a profile or an AppEUI on a label means."""
        rows = LabelRule.objects.manageable_by(require_owner(self.user)).select_related("model", "recipe")
        return page(request, rows).answer(_show_rule)

    @describe_operation(TAG, "Say what a label means", request=RuleNew, responses={201: RuleShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Say which model it is: technicians are not asked for it where a label has this."""
        user = require_owner(self.user)
        assert user.organisation is not None
        made = label_rules.add_rule(organisation=user.organisation, by=user, **self.read(RuleNew))
        location = reverse("devices:api-label-rule", kwargs={"pk": made.pk})
        return Response(_show_rule(made), status=201, headers={"Location": location})


class OneLabelRule(ApiView):
    @describe_operation(TAG, "Read what a label means", responses=RuleShown)
    def get(self, request: Request, pk: int) -> Response:
        return Response(_show_rule(_get_rule(self.user, pk)))

    @describe_operation(TAG, "Take back what a label means", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        label_rules.remove_rule(rule=_get_rule(self.user, pk), by=self.user)
        return Response(status=204)


class LabelNames(ApiView):
    @describe_list(TAG, "List how labels name their fields", NameShown)
    def get(self, request: Request) -> Response:
        """Return the names beside the usual ones, such as DevEUI, AppEUI and ownerToken."""
        return page(request, LabelName.objects.manageable_by(require_owner(self.user))).answer(_show_name)

    @describe_operation(TAG, "Say what a label's field holds", request=NameNew, responses={201: NameShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Say what the fields of this name hold."""
        user = require_owner(self.user)
        assert user.organisation is not None
        made = label_rules.add_name(organisation=user.organisation, by=user, **self.read(NameNew))
        location = reverse("devices:api-label-name", kwargs={"pk": made.pk})
        return Response(_show_name(made), status=201, headers={"Location": location})


class OneLabelName(ApiView):
    @describe_operation(TAG, "Read what a label's field holds", responses=NameShown)
    def get(self, request: Request, pk: int) -> Response:
        return Response(_show_name(_get_name(self.user, pk)))

    @describe_operation(TAG, "Take back what a label's field holds", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        label_rules.remove_name(name=_get_name(self.user, pk), by=self.user)
        return Response(status=204)


def _get_rule(user: User, pk: int) -> LabelRule:
    return get_row(LabelRule.objects.manageable_by(require_owner(user)).select_related("model", "recipe"), pk=pk)


def _get_name(user: User, pk: int) -> LabelName:
    return get_row(LabelName.objects.manageable_by(require_owner(user)), pk=pk)


def _show_rule(rule: LabelRule) -> dict[str, Any]:
    model = {"id": rule.model.pk, "name": rule.model.name}
    recipe = {"id": rule.recipe.pk, "name": rule.recipe.name} if rule.recipe else None
    return {"id": rule.pk, "kind": rule.kind, "value": rule.value, "model": model, "recipe": recipe}


def _show_name(name: LabelName) -> dict[str, Any]:
    return {"id": name.pk, "name": name.name, "fact": name.fact}
