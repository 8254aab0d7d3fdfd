from django.urls import include, path, re_path

from provisioning.journal import api as journal_api
from provisioning.journal import views as journal
from provisioning.windows import api, views

app_name = "provisioning"
urlpatterns = [
    path("", include("provisioning.doors.device_urls")),
    path("", include("provisioning.doors.urls")),
    path("", include("provisioning.hooks.urls")),
    path("register/", views.register, name="register"),
    path("register/scan/", views.scan, name="scan"),
    path("register/<uuid:key>/", views.window, name="window"),
    path("register/<uuid:key>/stream/", views.stream, name="stream"),
    path("register/<uuid:key>/picture/<slug:digest>.jpg", views.picture, name="window-picture"),
    path("register/<uuid:key>/proof/", views.prove, name="prove"),
    path("register/<uuid:key>/place/", views.place, name="place"),
    path("register/<uuid:key>/identify/", views.identify, name="identify"),
    path("register/<uuid:key>/cancel/", views.cancel, name="cancel"),
    re_path(r"^d/(?P<serial>[^/]+)/?\Z", views.label, name="label"),
    re_path(r"^D/(?P<serial>[^/]+)/?\Z", views.label, name="label-upper"),  # labels in upper case need fewer QR modules
    path("journal/", journal.journal, name="journal"),
    path("journal/day/", journal.day, name="journal-day"),
    path("journal/export.csv", journal.export, name="journal-export"),
    path("api/v1/journal/", journal_api.Journal.as_view(), name="api-journal"),
    path("api/v1/journal/day/", journal_api.JournalDay.as_view(), name="api-journal-day"),
    path("api/v1/windows/", api.Windows.as_view(), name="api-windows"),
    path("api/v1/windows/<uuid:key>/", api.OneWindow.as_view(), name="api-window"),
    path("api/v1/windows/<uuid:key>/proof/", api.ProveWindow.as_view(), name="api-prove"),
    path("api/v1/windows/<uuid:key>/complete/", api.CompleteWindow.as_view(), name="api-complete"),
    path("api/v1/windows/<uuid:key>/identify/", api.IdentifyWindow.as_view(), name="api-identify"),
    path("api/v1/windows/<uuid:key>/cancel/", api.CancelWindow.as_view(), name="api-cancel"),
]
