"""The table of models that the organisation supports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.urls import reverse
from rest_framework.response import Response

from devices.api import serializers as device_serializers
from devices.models import DeviceModel
from devices.recipes import device_models
from tenants.access import found, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import Conflict
from tenants.api.schema import described, listing

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import User

TAG = "Recipes and models"


class ModelName(Serializer):
    name = OneLine(max_length=120)


class Models(ApiView):
    @listing(TAG, "List models", device_serializers.ModelShown)
    def get(self, request: Request) -> Response:
        """The device models that your organisation supports."""
        return page(request, DeviceModel.objects.visible_to(self.user)).answer(device_serializers.model)

    @described(TAG, "Create a model", request=ModelName, responses={201: device_serializers.ModelShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """For admins of the whole organisation."""
        user = require_owner(self.user)
        assert user.organisation is not None
        made = device_models.add(organisation=user.organisation, name=self.read(ModelName)["name"], by=user)
        location = reverse("devices:api-model", kwargs={"pk": made.pk})
        return Response(device_serializers.model(made), status=201, headers={"Location": location})


class OneModel(ApiView):
    @described(TAG, "Read a model", responses=device_serializers.ModelShown)
    def get(self, request: Request, pk: int) -> Response:
        return Response(device_serializers.model(found(DeviceModel.objects.visible_to(self.user), pk=pk)))

    @described(TAG, "Rename a model", request=ModelName, responses=device_serializers.ModelShown)
    def patch(self, request: Request, pk: int) -> Response:
        chosen = _model(self.user, pk)
        device_models.rename(model=chosen, name=self.read(ModelName)["name"], by=self.user)
        return Response(device_serializers.model(_model(self.user, pk)))

    @described(TAG, "Delete a model", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Only one that no device and no recipe has; retire the others."""
        try:
            device_models.delete(model=_model(self.user, pk), by=self.user)
        except ValidationError as error:
            raise Conflict(" ".join(error.messages)) from None
        return Response(status=204)


class ModelRetire(ApiView):
    @described(TAG, "Retire a model", request=None, responses=device_serializers.ModelShown)
    def post(self, request: Request, pk: int) -> Response:
        """It is no longer offered; devices that have it keep it."""
        device_models.retire(model=_model(self.user, pk), by=self.user)
        return Response(device_serializers.model(_model(self.user, pk)))


class ModelRestore(ApiView):
    @described(TAG, "Restore a model", request=None, responses=device_serializers.ModelShown)
    def post(self, request: Request, pk: int) -> Response:
        device_models.restore(model=_model(self.user, pk), by=self.user)
        return Response(device_serializers.model(_model(self.user, pk)))


def _model(user: User, pk: int) -> DeviceModel:
    return found(DeviceModel.objects.manageable_by(require_owner(user)), pk=pk)
