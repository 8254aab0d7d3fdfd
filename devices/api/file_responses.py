"""Answers that are files, whatever `Accept` asks for; what they refuse is problem+json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.utils import OpenApiResponse
from rest_framework.exceptions import Throttled
from rest_framework.negotiation import DefaultContentNegotiation

from lib.places import Bound, Place
from tenants import downloads
from tenants.api.base import ApiView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpResponseBase
    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request
    from rest_framework.response import Response

CSV = "text/csv"


class OneKind(DefaultContentNegotiation):
    """There is one kind of file at each address."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, str(only.media_type)


class FileView(ApiView):
    """Its answer is a file: so many at once for each person and organisation (tenants.downloads)."""

    content_negotiation_class = OneKind
    _place: Place | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        place = downloads.take(self.user)
        if isinstance(place, Bound):
            raise Throttled(downloads.RETRY_SECONDS, f"{place.most} downloads of this {place.word} go on.")
        self._place = place

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        return cast("Response", downloads.hold(self._place, final)) if self._place else final


def holding(kind: str, description: str) -> dict[tuple[int, str], Any]:
    """For `described(responses=…)`: 200 with a file of this media type."""
    return {(200, kind): OpenApiResponse(bytes, description=description)}
