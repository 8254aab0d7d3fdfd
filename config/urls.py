from django.urls import include, path

from config.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("accounts/", include("tenants.account_urls")),
    path("", include("devices.urls")),
    path("", include("telemetry.urls")),
    path("", include("provisioning.urls")),
]
