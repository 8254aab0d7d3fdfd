from django.urls import path

from devices.attention import api, views

urlpatterns = [
    path("devices/<str:serial>/attention/<int:pk>/acknowledge/", views.acknowledge, name="attention-acknowledge"),
    path("api/v1/attention/", api.Everything.as_view(), name="api-attention"),
    path("api/v1/devices/<str:serial>/attention/", api.OfDevice.as_view(), name="api-device-attention"),
    path(
        "api/v1/devices/<str:serial>/attention/<int:pk>/acknowledge/",
        api.Acknowledge.as_view(),
        name="api-attention-acknowledge",
    ),
]
