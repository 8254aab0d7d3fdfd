"""What every endpoint is: a view with the conventions of docs/api.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from tenants.api import throttles
from tenants.api.problems import BadQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.response import Response

    from tenants.models import User

S = TypeVar("S", bound="Serializer")
LARGE = 2**31 - 1  # bounds from here on are the database's, and nobody's business


class Serializer(serializers.Serializer[Any]):
    # No docstring: those of serializers are published. A field that is not known is refused rather than dropped; one
    # that is only shown may be sent back as it is.
    VOLATILE: ClassVar[frozenset[str]] = frozenset()  # shown, and another one in a moment: whatever is sent is left out

    def __init__(self, instance: Any = None, data: Any = empty, **kwargs: Any) -> None:
        super().__init__(instance, data, **kwargs)
        self.user: User | None = self.context.get("user")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields; choices and whole numbers say what they take."""
        fields = super().get_fields()
        for field in fields.values():
            _name_values(field)
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (said := dict(self._find_strange(data))):
            raise serializers.ValidationError(said)
        return super().to_internal_value(data)

    def _find_strange(self, data: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
        """Yield what is no field, or can't be changed, and why."""
        shown = self.context.get("shown") if self.parent is None else None
        kept: dict[str, Any] = _as_sent(shown) if isinstance(shown, dict) else {}
        for name in data:
            if name in self.fields or name in self.VOLATILE:
                continue
            if name not in kept:
                yield name, ["There is no such field."]
            elif data[name] != kept[name]:
                yield name, ["It can't be changed here. Send it as it is, or leave it out."]


def _as_sent(shown: dict[str, Any]) -> dict[str, Any]:
    """Return it as JSON has it."""
    sent: dict[str, Any] = json.loads(JSONRenderer().render(shown))
    return sent


def _name_values(field: serializers.Field[Any, Any, Any, Any]) -> None:
    if isinstance(field, serializers.ChoiceField):
        there = ", ".join(str(choice) for choice in field.choices)
        field.error_messages = {**field.error_messages, "invalid_choice": f"Send one of: {there}."}
    if isinstance(field, serializers.IntegerField):
        field.error_messages = {**field.error_messages, "invalid": f"Send a whole number{_name_bounds(field)}."}


def _name_bounds(field: serializers.IntegerField) -> str:
    low, high = field.min_value, field.max_value
    if low is None or high is None or high >= LARGE:
        return "" if low is None or low <= 1 else f", {low} or more"
    return f" from {low} to {high}"


class ApiView(APIView):
    @property
    def user(self) -> User:
        """Return who asks, with the grants of the token if there is one."""
        return cast("User", self.request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._refuse_unknown(request)

    def _refuse_unknown(self, request: Request) -> None:
        """Refuse parameters that the method does not take, or not so: who asks in vain would find more than was asked
        for."""
        handler = getattr(self, str(request.method).lower(), None)
        taken: frozenset[str] = getattr(handler, "query", frozenset())
        several: frozenset[str] = getattr(handler, "several", frozenset())
        there = f"There are: {', '.join(sorted(taken))}." if taken else "This address takes none."
        said = {}
        for name, values in sorted(request.query_params.lists()):
            if name not in taken:
                said[name] = [f"There is no such parameter. {there}"]
            elif len(values) > 1 and name not in several:
                said[name] = [f"It stands here {len(values)} times. Send it once."]
            elif not all(value.strip() for value in values):
                said[name] = ["It is empty. Give it a value, or leave it out."]
        if said:
            raise BadQuery(said)

    def read(self, of: type[S], *, shown: object = None, **kwargs: Any) -> dict[str, Any]:
        """Return what was sent, valid; choices start from what the user may use. Else 400 with each error's place.

        `shown` is what a GET shows of the row that is changed: what else that has may be sent too, as it is.
        """
        context = {"user": self.user, "shown": shown}
        serializer = of(data=self.request.data, context=context, **kwargs)
        serializer.is_valid(raise_exception=True)
        return cast("dict[str, Any]", serializer.validated_data)

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        if counted := getattr(self.request._request, "limits", None):
            for name, value in throttles.build_headers(counted).items():
                final[name] = value
        final.headers.setdefault("Cache-Control", "private, no-store")
        return final
