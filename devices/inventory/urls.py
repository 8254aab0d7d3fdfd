from django.urls import path

from devices.inventory import api, views

urlpatterns = [
    path("", views.device_list, name="list"),
    path("groups/<int:pk>/tree/", views.group_children, name="tree"),
    path("api/v1/devices/", api.Devices.as_view(), name="api-devices"),
    path("api/v1/devices/<str:serial>/events/", api.DeviceEvents.as_view(), name="api-device-events"),
    path("api/v1/devices/export.csv", api.DevicesExport.as_view(), name="api-devices-export"),
]
