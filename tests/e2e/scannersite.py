"""The scanner's fragment on a page of its own, under the site's strict CSP, for a browser.

    python tests/e2e/scannersite.py [PREFIX=FOLDER ...]

Prints its port, then serves until its standard input closes. `/` is the page, `/?theme=dark` the
dark one, `/?error=TEXT&text=TEXT` a refused form, `/?further=DataMatrix` an
organisation's that reads it too; what is posted is answered as JSON.
Each PREFIX=FOLDER serves further files, which the benchmark uses.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from socketserver import ThreadingMixIn
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import include, path, re_path
from django.views.static import serve

ROOT = Path(__file__).resolve().parents[2]
CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; worker-src 'self'; "
    "media-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
View = Callable[[HttpRequest], HttpResponseBase]


def strict(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response["Content-Security-Policy"] = CSP
        response["Permissions-Policy"] = "camera=(self)"
        return response

    return middleware


def page(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("text", "")
    error = request.GET.get("error")
    form = SimpleNamespace(text=SimpleNamespace(value=text, errors=[error] if error else []))
    theme = request.GET.get("theme", "light")
    origins = ["https://labels.example"]
    context = {
        "form": form,
        "theme": theme,
        "label_origins": origins,
        "further_symbologies": request.GET.get("further"),
        "label_names": request.GET.get("names"),
    }
    return render(request, "scanner.html", context)


def scan(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return HttpResponse(status=405)
    return JsonResponse({name: request.POST.get(name) for name in ("text", "via")})


def files(argument: str) -> Any:
    prefix, folder = argument.split("=", 1)
    return re_path(rf"^{prefix}/(?P<path>.+)$", serve, {"document_root": folder})


urlpatterns = [
    path("", page),
    path("", include(([path("scan/", scan, name="scan")], "provisioning"))),
    files(f"static={ROOT / 'static'}"),
    *[files(argument) for argument in sys.argv[1:]],
]

if not settings.configured:
    settings.configure(
        SECRET_KEY="for this page only",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        STATIC_URL="/static/",
        MIDDLEWARE=[f"{__name__}.strict", "django.middleware.csrf.CsrfViewMiddleware"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [ROOT / "templates", Path(__file__).parent / "templates"],
                "OPTIONS": {"builtins": ["django.templatetags.static"]},
            }
        ],
    )


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    django.setup()
    server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
