"""Which devices a request means: by serial, or all that the filters of the device list find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import QueryDict
from rest_framework import serializers

from devices import tags
from devices.inventory.filters import STATUSES, DeviceFilter
from devices.inventory.selection import MOST, Selection
from tenants.api.base import Serializer
from tenants.api.fields import Day, Flag, Key
from tenants.api.problems import convert_form_errors
from tenants.api.scoped import Choice
from tenants.models import ApiToken, Group

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import User

PLACES = {"chosen": "serials", "left_out": "except", "query": "filter"}


class Filter(Serializer):
    q = serializers.CharField(required=False, max_length=120, help_text="Part of the name or the serial.")
    status = serializers.ChoiceField(STATUSES, required=False)
    model = Key(required=False, help_text="A model's id.")
    tag = serializers.CharField(required=False, max_length=tags.ENTRY_LENGTH, help_text="`name`, or `name: value`.")
    recipe = Key(required=False, help_text="A recipe's id.")
    since = Day(required=False, help_text="Added on this day (UTC) or later.")
    until = Day(required=False, help_text="Added on this day (UTC) or before.")
    waiting = Flag(required=False, help_text="Only devices in no group.")
    group = Choice(lambda user: Group.objects.visible_to(user), required=False, help_text="In it, or below it.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        made = serializers.UUIDField(required=False, help_text="An import's key: devices that it made.")
        return super().get_fields() | {"import": made}


class Chosen(Serializer):
    serials = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=MOST, help_text="These devices."
    )
    filter = Filter(
        required=False, help_text="Instead of `serials`: all that it finds; `{}` is every device that is not retired."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("serials" in attrs) == ("filter" in attrs):
            raise serializers.ValidationError("Say which devices: send either `serials` or `filter`.")
        return attrs


def build_query(narrowing: dict[str, Any]) -> dict[str, str]:
    """Return a filter as the list's address has it."""
    plain = {name: value.pk if isinstance(value, Group) else value for name, value in narrowing.items()}
    return {name: str(value) for name, value in plain.items() if value is not False}


def read_selection(body: dict[str, Any], user: User) -> Selection:
    """Read which devices `Chosen` means. Raises 400 with the places."""
    data = QueryDict(mutable=True)
    data["left_out"] = " ".join(body.get("except", ()))
    if "filter" in body:
        narrowing = DeviceFilter(build_query(body["filter"]), user=user)
        if not narrowing.is_valid():
            raise serializers.ValidationError({"filter": convert_form_errors(narrowing).detail})
        data["scope"], data["query"] = "all", urlencode(build_query(body["filter"]))
    else:
        data["chosen"] = " ".join(body["serials"])
    form = Selection(data, user=user)
    if not form.is_valid():
        said: Any = convert_form_errors(form).detail
        raise serializers.ValidationError({PLACES.get(name, name): texts for name, texts in said.items()})
    return form


def get_narrow_token(request: Request, user: User) -> ApiToken | None:
    """Return the token, if it may do less than the whole organisation: it meets only what was begun with it.

    What somebody began goes by the person, who may do more than this token.
    """
    token = request.auth
    return token if isinstance(token, ApiToken) and not user.owns_organisation else None
