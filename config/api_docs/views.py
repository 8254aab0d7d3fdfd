"""The API's description: the OpenAPI document, and the page that is made from it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from config.api_docs import document as apidocs
from config.api_docs.device_channels import list_channels
from config.api_docs.refusals import drop_facts, list_rooms
from lib import origins
from tenants.api import paging
from tenants.api.idempotency_records import KEPT

if TYPE_CHECKING:
    from django.http import HttpRequest

    from lib.refusals import Kind

HEADERS = {"Cache-Control": "public, max-age=300"}


@cache
def build_document() -> dict[str, Any]:
    """Return the OpenAPI document, the same for everybody: it says what there is, not what is whose."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    described: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return described


@cache
def _render_document(renderer: type[OpenApiJsonRenderer | OpenApiYamlRenderer]) -> bytes:
    content: bytes = renderer().render(build_document(), renderer_context={})
    return content


@require_safe
def schema_json(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_render_document(OpenApiJsonRenderer), content_type="application/json", headers=HEADERS)


@require_safe
def schema_yaml(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_render_document(OpenApiYamlRenderer), content_type="application/yaml", headers=HEADERS)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    context = {
        "sections": apidocs.list_sections(build_document()),
        "channels": list_channels(build_document()),
        "rooms": [(title, [_describe(kind) for kind in kinds]) for title, kinds in list_rooms()],
        "site": origins.get_site_origin(request),
        "limits": {
            "seconds": settings.API_LIMIT_SECONDS,
            "token": settings.API_TOKEN_LIMIT,
            "person": settings.API_PERSON_LIMIT,
            "tenant": settings.API_TENANT_LIMIT,
            "organisation": settings.API_ORGANISATION_LIMIT,
            "page": paging.SIZE,
            "largest": paging.LARGEST,
            "hours": int(KEPT.total_seconds() // 3600),
        },
    }
    return render(request, "config/api_docs/api_docs.html", context)


def _describe(kind: Kind) -> dict[str, object]:
    words = {"message": kind.message, "next_step": kind.next_step}
    prose = {name: apidocs.format_prose(drop_facts(text)) for name, text in words.items()}
    return {"code": kind.code, "status": kind.status, **prose}
