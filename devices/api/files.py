"""Answers that are files, whatever `Accept` asks for; what they refuse is problem+json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework.negotiation import DefaultContentNegotiation

from tenants.api.base import ApiView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request

CSV = "text/csv"


class OneKind(DefaultContentNegotiation):
    """There is one kind of file at each address."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, str(only.media_type)


class FileView(ApiView):
    content_negotiation_class = OneKind


def holding(kind: str, description: str) -> dict[tuple[int, str], Any]:
    """For `described(responses=…)`: 200 with a file of this media type."""
    return {(200, kind): OpenApiResponse(bytes, description=description)}
