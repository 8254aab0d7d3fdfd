from django.urls import path

from devices.connections import api

urlpatterns = [
    path(
        "api/v1/devices/<str:serial>/refused-attempts/",
        api.RefusedAttempts.as_view(),
        name="api-device-refused-attempts",
    ),
]
