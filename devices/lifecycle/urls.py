from django.urls import path

from devices.lifecycle import api, lock_api, lock_views, person_views, retirement_api, views

urlpatterns = [
    path("devices/<str:serial>/edit/", views.edit, name="edit"),
    path("devices/<str:serial>/person/", person_views.person, name="person"),
    path("devices/<str:serial>/lock/", lock_views.lock, name="lock"),
    path("devices/<str:serial>/unlock/", lock_views.unlock, name="unlock"),
    path("devices/<str:serial>/open-again/", lock_views.open_again, name="open-again"),
    path("api/v1/devices/<str:serial>/", api.OneDevice.as_view(), name="api-device"),
    path("api/v1/devices/<str:serial>/assign/", api.DeviceAssign.as_view(), name="api-device-assign"),
    path("api/v1/devices/<str:serial>/release/", api.DeviceRelease.as_view(), name="api-device-release"),
    path("api/v1/devices/<str:serial>/lock/", lock_api.Lock.as_view(), name="api-device-lock"),
    path("api/v1/devices/<str:serial>/unlock/", lock_api.Unlock.as_view(), name="api-device-unlock"),
    path("api/v1/devices/<str:serial>/open-again/", lock_api.OpenAgain.as_view(), name="api-device-open-again"),
    path("api/v1/devices/<str:serial>/retire/", retirement_api.Retire.as_view(), name="api-device-retire"),
    path("api/v1/devices/<str:serial>/restore/", retirement_api.Restore.as_view(), name="api-device-restore"),
    path(
        "api/v1/devices/<str:serial>/free-serial/", retirement_api.FreeSerial.as_view(), name="api-device-free-serial"
    ),
    path(
        "api/v1/devices/<str:serial>/recipe-version/",
        retirement_api.RecipeVersion.as_view(),
        name="api-device-recipe-version",
    ),
]
