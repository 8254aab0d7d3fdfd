from django.urls import include, path

from config import views
from config.health import healthz

handler403 = "config.views.not_found"
handler404 = "config.views.not_found"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("sw.js", views.service_worker, name="service-worker"),
    path("offline/", views.offline, name="offline"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("accounts/", include("tenants.account_urls")),
    path("", include("tenants.urls")),
    path("", include("devices.urls")),
    path("", include("telemetry.urls")),
    path("", include("provisioning.urls")),
]
