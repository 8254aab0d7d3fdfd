from django.urls import path, re_path

from provisioning.windows import api, views

app_name = "provisioning"
urlpatterns = [
    path("register/", views.register, name="register"),
    path("register/scan/", views.scan, name="scan"),
    path("register/<uuid:key>/", views.window, name="window"),
    path("register/<uuid:key>/stream/", views.stream, name="stream"),
    path("register/<uuid:key>/place/", views.place, name="place"),
    path("register/<uuid:key>/cancel/", views.cancel, name="cancel"),
    re_path(r"^d/(?P<serial>[^/]+)/?\Z", views.label, name="label"),
    re_path(r"^D/(?P<serial>[^/]+)/?\Z", views.label, name="label-upper"),  # labels in upper case need fewer QR modules
    path("api/v1/windows/", api.Windows.as_view(), name="api-windows"),
    path("api/v1/windows/<uuid:key>/", api.OneWindow.as_view(), name="api-window"),
    path("api/v1/windows/<uuid:key>/complete/", api.CompleteWindow.as_view(), name="api-complete"),
    path("api/v1/windows/<uuid:key>/cancel/", api.CancelWindow.as_view(), name="api-cancel"),
]
