from django.urls import path

from devices.imports import add_devices_views, api, views

urlpatterns = [
    path("devices/new/", add_devices_views.new, name="new"),
    path("devices/new/one/", add_devices_views.one, name="new-one"),
    path("devices/new/many/", add_devices_views.many, name="new-many"),
    path("imports/", views.listing, name="imports"),
    path("imports/new/", add_devices_views.upload, name="import-new"),
    path("imports/<uuid:key>/", views.page, name="import"),
    path("imports/<uuid:key>/match/", views.match, name="import-match"),
    path("imports/<uuid:key>/correct/", views.correct, name="import-correct"),
    path("imports/<uuid:key>/start/", views.start, name="import-start"),
    path("imports/<uuid:key>/cancel/", views.cancel, name="import-cancel"),
    path("imports/<uuid:key>/result/", views.result, name="import-result"),
    path("imports/<uuid:key>/report.csv", views.report, name="import-report"),
    path("imports/<uuid:key>/problems.csv", views.problems, name="import-problems"),
    path("imports/<uuid:key>/changes.csv", views.changes, name="import-changes"),
    path("imports/<uuid:key>/stream/", views.stream, name="import-stream"),
    path("api/v1/imports/", api.Imports.as_view(), name="api-imports"),
    path("api/v1/imports/count/", api.ImportsCount.as_view(), name="api-imports-count"),
    path("api/v1/imports/<uuid:key>/", api.OneImport.as_view(), name="api-import"),
    path("api/v1/imports/<uuid:key>/match/", api.ImportMatching.as_view(), name="api-import-match"),
    path("api/v1/imports/<uuid:key>/correct/", api.ImportCorrect.as_view(), name="api-import-correct"),
    path("api/v1/imports/<uuid:key>/start/", api.ImportStart.as_view(), name="api-import-start"),
    path("api/v1/imports/<uuid:key>/cancel/", api.ImportCancel.as_view(), name="api-import-cancel"),
    path("api/v1/imports/<uuid:key>/changes/", api.ImportChanges.as_view(), name="api-import-changes"),
    path("api/v1/imports/<uuid:key>/problems/", api.ImportProblems.as_view(), name="api-import-problems"),
    path(
        "api/v1/imports/<uuid:key>/problems.csv",
        api.ImportProblemsFile.as_view(),
        name="api-import-problems-file",
    ),
    path("api/v1/imports/<uuid:key>/report.csv", api.ImportReport.as_view(), name="api-import-report"),
    path("api/v1/imports/<uuid:key>/result/", api.ImportResult.as_view(), name="api-import-result"),
]
