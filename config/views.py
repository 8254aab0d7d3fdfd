"""What belongs to the whole site: its errors, and what makes it installable. All the same for everybody."""

from __future__ import annotations

import logging
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import is_valid_path, reverse
from django.views import defaults
from django.views.decorators.http import require_safe

from lib.problem_json import CONTENT_TYPE, describe_problem
from tenants import refusals

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

log = logging.getLogger(__name__)

API = "/api/"
AWAY = OperationalError, InterfaceError
RETRY_SECONDS = 5
LIMIT_SECONDS = 60  # of nearly all of ACCOUNT_RATE_LIMITS
SHELL = (
    "vendor/bootstrap/bootstrap.min.css",
    "vendor/bootstrap/bootstrap.bundle.min.js",
    "vendor/inter/inter.css",
    "vendor/inter/files/inter-latin-wght-normal.woff2",
    "vendor/htmx/htmx.min.js",
    "vendor/icons/icons.svg",
    "css/tokens.css",
    "css/site.css",
    "css/content.css",
    "css/door.css",
    "css/window.css",
    "js/theme.js",
    "js/clock.js",
    "js/app.js",
    "js/picker.js",
    "js/live.js",
    "js/window.js",
    "js/offline.js",
    "img/mark.svg",
)
# What the scanner is made of: fetched ahead for those who may register, since its decoder is large.
SCANNER = (
    "css/scan.css",
    *sorted(f"js/{path.name}" for path in (settings.BASE_DIR / "static" / "js").glob("scan*.js")),
    "vendor/zxing-wasm/reader.js",
    "vendor/zxing-wasm/zxing_reader.wasm",
)
ICONS = (("icon-192.png", 192, "any"), ("icon-512.png", 512, "any"), ("icon-maskable-512.png", 512, "maskable"))


@cache
def _render_page(template: str, **facts: bool) -> str:
    """Render a page without request, user or token, so that it is the same bytes for everybody."""
    return render_to_string(template, facts)


@require_safe
def redirect_to_journal(request: HttpRequest, view: str) -> HttpResponse:
    """Lead to what was the log once, with the same query."""
    query = request.META.get("QUERY_STRING", "")
    return redirect(f"{reverse(view)}?{query}" if query else reverse(view))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer with the one 404: what is missing and what is somebody else's differ in nothing."""
    headers = {"Cache-Control": "no-store", "Vary": "Cookie"}
    if request.path.startswith(API):
        lacks_slash = not request.path.endswith("/") and is_valid_path(f"{request.path}/")
        body = describe_problem(refusals.NO_SLASH if lacks_slash else refusals.NOT_FOUND)
        return JsonResponse(body, status=404, headers=headers, content_type=CONTENT_TYPE)
    return HttpResponse(_render_page("404.html"), status=404, headers=headers)


def too_many_requests(request: HttpRequest) -> HttpResponse:
    headers = {"Cache-Control": "no-store", "Retry-After": str(LIMIT_SECONDS)}
    return HttpResponse(_render_page("429.html"), status=429, headers=headers)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer what was raised on a request's way and by nobody taken: Django calls this while it is at hand."""
    if isinstance(error := sys.exc_info()[1], AWAY):
        return unavailable(request, error)
    if request.path.startswith(API):
        return JsonResponse(describe_problem(refusals.SERVER_ERROR), status=500, content_type=CONTENT_TYPE)
    return defaults.server_error(request)


def unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Answer 503: the database, or a place in its pool, was not to be had in time. A line in the log, not a trace for
    each request; and not the path, which may be somebody's link to a new password."""
    where = request.resolver_match.view_name if request.resolver_match else "before any view"
    log.warning("503 %s: %s", where, " ".join(str(error).split()))
    headers = {"Cache-Control": "no-store", "Retry-After": str(RETRY_SECONDS)}
    if request.path.startswith(API):
        answer: HttpResponse = JsonResponse(
            describe_problem(refusals.UNAVAILABLE), content_type=CONTENT_TYPE, status=503, headers=headers
        )
    else:
        page = _render_page("503.html", again=request.method in {"GET", "HEAD"})
        answer = HttpResponse(page, status=503, headers=headers)
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if request.path.startswith(API):
        kind = refusals.TOO_LARGE if isinstance(exception, RequestDataTooBig) else refusals.INVALID
        return JsonResponse(describe_problem(kind), status=kind.status, content_type=CONTENT_TYPE)
    return defaults.bad_request(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", status=403)


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_render_page("offline.html"), headers={"Cache-Control": "no-cache"})


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    return redirect(static("img/favicon.png"))


@require_safe
def authority(request: HttpRequest) -> HttpResponse:
    """Hand out the certificate of the site's own authority, which devices are to trust; where there is none, 404."""
    try:
        pem = Path(settings.TLS_AUTHORITY).read_bytes()
    except OSError:
        raise Http404 from None
    names = {"Content-Disposition": 'attachment; filename="authority.pem"'}
    return HttpResponse(pem, content_type="application/x-pem-file", headers=names)


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """Describe the app to a phone that installs it: https://www.w3.org/TR/appmanifest/"""
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
    files, scanner = ([static(name) for name in names] for names in (SHELL, SCANNER))
    version = sha256(" ".join([*files, *scanner, _render_page("offline.html")]).encode()).hexdigest()[:12]
    context = {"files": files, "scanner": scanner, "offline": reverse("offline"), "version": version}
    context["icon"] = static("img/icon-192.png")
    headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
    script = render_to_string("sw.js", context)
    return HttpResponse(script, content_type="text/javascript; charset=utf-8", headers=headers)
