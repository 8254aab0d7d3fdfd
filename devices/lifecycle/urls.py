from django.urls import path

from devices.lifecycle import api, lock_api, lock_views, views

urlpatterns = [
    path("devices/<str:serial>/edit/", views.edit, name="edit"),
    path("devices/<str:serial>/lock/", lock_views.lock, name="lock"),
    path("devices/<str:serial>/unlock/", lock_views.unlock, name="unlock"),
    path("devices/<str:serial>/open-again/", lock_views.open_again, name="open-again"),
    path("api/v1/devices/<str:serial>/", api.OneDevice.as_view(), name="api-device"),
    path("api/v1/devices/<str:serial>/assign/", api.DeviceAssign.as_view(), name="api-device-assign"),
    path("api/v1/devices/<str:serial>/release/", api.DeviceRelease.as_view(), name="api-device-release"),
    path("api/v1/devices/<str:serial>/lock/", lock_api.Lock.as_view(), name="api-device-lock"),
    path("api/v1/devices/<str:serial>/unlock/", lock_api.Unlock.as_view(), name="api-device-unlock"),
    path("api/v1/devices/<str:serial>/open-again/", lock_api.OpenAgain.as_view(), name="api-device-open-again"),
]
