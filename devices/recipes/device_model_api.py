"""The table of models that the organisation supports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from rest_framework.response import Response

from devices.api import serializers as device_serializers
from devices.models import DeviceModel
from devices.recipes import device_models
from tenants.access import get_row, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.schema import describe_list, describe_operation

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import User

TAG = "Recipes and models"


class ModelName(Serializer):
    name = OneLine(max_length=120)


class Models(ApiView):
    @describe_list(TAG, "List models", device_serializers.ModelShown)
    def get(self, request: Request) -> Response:
        """Return the device models that your organisation supports."""
        return page(request, DeviceModel.objects.visible_to(self.user)).answer(device_serializers.serialize_model)

    @describe_operation(TAG, "Create a model", request=ModelName, responses={201: device_serializers.ModelShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Create a model, for admins of the whole organisation."""
        user = require_owner(self.user)
        assert user.organisation is not None
        model = device_models.add(organisation=user.organisation, name=self.read(ModelName)["name"], by=user)
        location = reverse("devices:api-model", kwargs={"pk": model.pk})
        return Response(device_serializers.serialize_model(model), status=201, headers={"Location": location})


class OneModel(ApiView):
    @describe_operation(TAG, "Read a model", responses=device_serializers.ModelShown)
    def get(self, request: Request, pk: int) -> Response:
        return Response(device_serializers.serialize_model(get_row(DeviceModel.objects.visible_to(self.user), pk=pk)))

    @describe_operation(TAG, "Rename a model", request=ModelName, responses=device_serializers.ModelShown)
    def patch(self, request: Request, pk: int) -> Response:
        chosen = _get_model(self.user, pk)
        sent = self.read(ModelName, instance=chosen, shown=device_serializers.serialize_model(chosen))
        device_models.rename(model=chosen, name=sent["name"], by=self.user)
        return Response(device_serializers.serialize_model(_get_model(self.user, pk)))

    @describe_operation(TAG, "Delete a model", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete one that no device and no recipe has; retire the others."""
        device_models.delete(model=_get_model(self.user, pk), by=self.user)
        return Response(status=204)


class ModelRetire(ApiView):
    @describe_operation(TAG, "Retire a model", request=None, responses=device_serializers.ModelShown)
    def post(self, request: Request, pk: int) -> Response:
        """Stop offering it; devices that have it keep it."""
        device_models.retire(model=_get_model(self.user, pk), by=self.user)
        return Response(device_serializers.serialize_model(_get_model(self.user, pk)))


class ModelRestore(ApiView):
    @describe_operation(TAG, "Restore a model", request=None, responses=device_serializers.ModelShown)
    def post(self, request: Request, pk: int) -> Response:
        device_models.restore(model=_get_model(self.user, pk), by=self.user)
        return Response(device_serializers.serialize_model(_get_model(self.user, pk)))


def _get_model(user: User, pk: int) -> DeviceModel:
    return get_row(DeviceModel.objects.manageable_by(require_owner(user)), pk=pk)
