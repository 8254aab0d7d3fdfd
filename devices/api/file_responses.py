"""Answers that are files, whatever `Accept` asks for; what they refuse is problem+json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.utils import OpenApiResponse
from rest_framework.negotiation import DefaultContentNegotiation

from lib.places import Bound, Place
from lib.refusals import Refusal
from tenants import downloads, refusals
from tenants.api.base import ApiView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpResponseBase
    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request
    from rest_framework.response import Response

CSV = "text/csv"


class OneKind(DefaultContentNegotiation):
    """Choose the only kind of file that there is at each address."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, str(only.media_type)


class FileView(ApiView):
    """Answer with a file: so many at once for each person and organisation (tenants.downloads)."""

    content_negotiation_class = OneKind
    _place: Place | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        place = downloads.take_place(self.user)
        if isinstance(place, Bound):
            kind = refusals.TOO_MANY_DOWNLOADS
            raise Refusal(kind, retry_seconds=downloads.RETRY_SECONDS, most=place.most, word=place.word)
        self._place = place

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        return cast("Response", downloads.hold_place(self._place, final)) if self._place else final


def describe_file(kind: str, description: str) -> dict[tuple[int, str], Any]:
    """Describe a 200 with a file of this media type, for `describe_operation(responses=…)`."""
    return {(200, kind): OpenApiResponse(bytes, description=description)}
