"""The query of an address, valid; else 400 with the parameter's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from tenants.api.problems import BadQuery

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.api.base import Serializer


def read_query(request: Request, of: type[Serializer]) -> dict[str, Any]:
    names: list[str] = list(of().fields)
    sent = {name: request.query_params[name] for name in names if name in request.query_params}
    serializer = of(data=sent, context={"is_query": True})
    if not serializer.is_valid():
        raise BadQuery(serializer.errors)
    return cast("dict[str, Any]", serializer.validated_data)
