from django.urls import include, path

urlpatterns = [
    path("accounts/", include("tenants.account_urls")),
    path("", include("devices.urls")),
    path("", include("telemetry.urls")),
    path("", include("provisioning.urls")),
]
