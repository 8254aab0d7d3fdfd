"""What every endpoint is: a view with the conventions of docs/api.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.views import APIView

from tenants.api import throttles
from tenants.api.problems import BadQuery
from tenants.models import User

if TYPE_CHECKING:
    from django.http import HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.response import Response

S = TypeVar("S", bound="Serializer")


class Serializer(serializers.Serializer[Any]):
    # No docstring: those of serializers are published. A field that is not known is refused rather than dropped.

    def __init__(self, instance: Any = None, data: Any = empty, **kwargs: Any) -> None:
        super().__init__(instance, data, **kwargs)
        self.user: User | None = self.context.get("user")

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := [name for name in data if name not in self.fields]):
            raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)


class ApiView(APIView):
    @property
    def user(self) -> User:
        """Who asks, with the grants of the token if there is one."""
        return cast("User", self.request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._refuse_unknown(request)

    def _refuse_unknown(self, request: Request) -> None:
        """A misspelt filter would be dropped silently, and more be found than was asked for."""
        taken: frozenset[str] = getattr(getattr(self, str(request.method).lower(), None), "query", frozenset())
        there = f"There are: {', '.join(sorted(taken))}." if taken else "This address takes none."
        if unknown := request.query_params.keys() - taken:
            raise BadQuery({name: [f"There is no such parameter. {there}"] for name in sorted(unknown)})

    def read(self, of: type[S], **kwargs: Any) -> dict[str, Any]:
        """What was sent, valid; choices start from what the user may use. Else 400 with each error's place."""
        given = of(data=self.request.data, context={"user": self.user}, **kwargs)
        given.is_valid(raise_exception=True)
        return cast("dict[str, Any]", given.validated_data)

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        if counted := getattr(self.request._request, "limits", None):
            for name, value in throttles.headers(counted).items():
                final[name] = value
        final.headers.setdefault("Cache-Control", "private, no-store")
        return final
