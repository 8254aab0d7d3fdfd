"""What belongs to the whole site: its errors, and what makes it installable. All the same for everybody."""

from __future__ import annotations

import logging
import sys
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import is_valid_path, reverse
from django.views import defaults
from django.views.decorators.http import require_safe

from tenants.api.problems import CONTENT_TYPE, problem

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

log = logging.getLogger(__name__)

API = "/api/"
AWAY = OperationalError, InterfaceError
RETRY_SECONDS = 5
SHELL = (
    "vendor/bootstrap/bootstrap.min.css",
    "vendor/bootstrap/bootstrap.bundle.min.js",
    "vendor/inter/inter.css",
    "vendor/inter/files/inter-latin-wght-normal.woff2",
    "vendor/htmx/htmx.min.js",
    "vendor/icons/icons.svg",
    "css/site.css",
    "js/theme.js",
    "js/app.js",
    "js/offline.js",
    "img/mark.svg",
)
ICONS = (("icon-192.png", 192, "any"), ("icon-512.png", 512, "any"), ("icon-maskable-512.png", 512, "maskable"))


@cache
def _page(template: str, **facts: bool) -> str:
    """A page without request, user or token, so that it is the same bytes for everybody."""
    return render_to_string(template, facts)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The one 404: what is missing and what is somebody else's differ in nothing."""
    headers = {"Cache-Control": "no-store", "Vary": "Cookie"}
    if request.path.startswith(API):
        slug = "no-slash" if not request.path.endswith("/") and is_valid_path(f"{request.path}/") else "not-found"
        return JsonResponse(problem(slug), status=404, headers=headers, content_type=CONTENT_TYPE)
    return HttpResponse(_page("404.html"), status=404, headers=headers)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Whatever was raised anywhere on a request's way and by nobody taken: Django calls this while it is at hand."""
    if isinstance(error := sys.exc_info()[1], AWAY):
        return unavailable(request, error)
    if request.path.startswith(API):
        return JsonResponse(problem("server-error"), status=500, content_type=CONTENT_TYPE)
    return defaults.server_error(request)


def unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    """The database, or a place in its pool, was not to be had in time. A line in the log, not a trace for each request;
    and not the path, which may be somebody's link to a new password."""
    where = request.resolver_match.view_name if request.resolver_match else "before any view"
    log.warning("503 %s: %s", where, " ".join(str(error).split()))
    headers = {"Cache-Control": "no-store", "Retry-After": str(RETRY_SECONDS)}
    if request.path.startswith(API):
        answer: HttpResponse = JsonResponse(
            problem("unavailable"), content_type=CONTENT_TYPE, status=503, headers=headers
        )
    else:
        page = _page("503.html", again=request.method in {"GET", "HEAD"})
        answer = HttpResponse(page, status=503, headers=headers)
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if request.path.startswith(API):
        slug = "too-large" if isinstance(exception, RequestDataTooBig) else "invalid"
        body = problem(slug)
        return JsonResponse(body, status=int(str(body["status"])), content_type=CONTENT_TYPE)
    return defaults.bad_request(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", status=403)


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_page("offline.html"), headers={"Cache-Control": "no-cache"})


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    return redirect(static("img/favicon.png"))


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """https://www.w3.org/TR/appmanifest/"""
    content = {
        "id": "/",
        "name": "Handover",
        "short_name": "Handover",
        "description": "Provision devices by scanning their label.",
        "start_url": reverse("devices:list"),
        "scope": "/",
        "display": "standalone",
        "background_color": "#f6f7f9",
        "theme_color": "#f6f7f9",
        "icons": [
            {"src": static(f"img/{name}"), "sizes": f"{side}x{side}", "type": "image/png", "purpose": purpose}
            for name, side, purpose in ICONS
        ],
    }
    headers = {"Cache-Control": "max-age=3600"}
    return JsonResponse(content, content_type="application/manifest+json", headers=headers)


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    files = [static(name) for name in SHELL]
    version = sha256(" ".join([*files, _page("offline.html")]).encode()).hexdigest()[:12]
    context = {"files": files, "offline": reverse("offline"), "version": version}
    headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
    script = render_to_string("sw.js", context)
    return HttpResponse(script, content_type="text/javascript; charset=utf-8", headers=headers)
