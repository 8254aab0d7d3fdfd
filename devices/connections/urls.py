from django.urls import path

from devices.connections import api, views

urlpatterns = [
    path("devices/<str:serial>/connections/", views.connections, name="connections"),
    path("api/v1/devices/<str:serial>/connections/", api.Connections.as_view(), name="api-connections"),
    path(
        "api/v1/devices/<str:serial>/refused-attempts/",
        api.RefusedAttempts.as_view(),
        name="api-device-refused-attempts",
    ),
]
