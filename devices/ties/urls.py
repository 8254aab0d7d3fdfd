from django.urls import path

from devices.ties import api, views

urlpatterns = [
    path("devices/<str:serial>/gateways/", views.gateways, name="gateways"),
    path("devices/<str:serial>/gateways/<str:gateway>/untie/", views.untie, name="gateway-untie"),
    path("api/v1/devices/<str:serial>/gateways/", api.Gateways.as_view(), name="api-gateways"),
    path("api/v1/devices/<str:serial>/gateways/<str:gateway>/", api.Gateway.as_view(), name="api-gateway"),
    path("api/v1/devices/<str:serial>/spoken-for/", api.SpokenFor.as_view(), name="api-spoken-for"),
]
