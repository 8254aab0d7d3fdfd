from django.urls import URLPattern, URLResolver, include, path

from config import views
from config.api_docs import views as api_docs
from config.health import healthz
from config.ingest import ingest
from config.metrics import show_metrics
from lib.url_index import Index
from provisioning.doors.activate import data_views
from provisioning.doors.activate.data import Site
from telemetry.history.latest import read_latest

handler400 = "config.views.bad_request"
handler403 = "config.views.not_found"
handler404 = "config.views.not_found"
handler429 = "config.views.too_many_requests"  # whom the limits on signing in refuse
handler500 = "config.views.server_error"

patterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("metrics", show_metrics, name="metrics"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("sw.js", views.service_worker, name="service-worker"),
    path("offline/", views.offline, name="offline"),
    path("authority.pem", views.authority, name="authority"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("api/v1/openapi.json", api_docs.schema_json, name="api-schema"),
    path("api/v1/openapi.yaml", api_docs.schema_yaml, name="api-schema-yaml"),
    path("api/docs/", api_docs.docs, name="api-docs"),
    # The journal's addresses of before.
    path("log/", views.redirect_to_journal, {"view": "provisioning:journal"}, name="log"),
    path("log/export.csv", views.redirect_to_journal, {"view": "provisioning:journal-export"}, name="log-export"),
    path("accounts/", include("tenants.accounts.urls")),
    path("", include("provisioning.urls")),
    path("", include("tenants.urls")),
    path("", include("devices.urls")),
    path("", include("telemetry.urls")),
    path("", include(data_views.list_urls(Site(ingest=ingest, read_latest=read_latest)))),
]
urlpatterns = [Index(patterns)]
