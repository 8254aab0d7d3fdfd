from django.urls import path

from telemetry.dashboard import api, views
from telemetry.overview import api as overview_api
from telemetry.overview import views as overview

app_name = "telemetry"
urlpatterns = [
    path("devices/<str:serial>/", views.dashboard, name="dashboard"),
    path("devices/<str:serial>/live/", views.live, name="live"),
    path("devices/<str:serial>/stream/", views.stream, name="stream"),
    path("devices/<str:serial>/series/", views.series, name="series"),
    path("devices/<str:serial>/timeline/", views.timeline, name="timeline"),
    path("devices/<str:serial>/export.csv", views.export, name="export"),
    path("devices/<str:serial>/export.parquet", views.export_parquet, name="export-parquet"),
    path("devices/<str:serial>/events/", views.events, name="events"),
    path("groups/<int:pk>/overview/", overview.overview, name="overview"),
    path("api/v1/groups/<int:pk>/overview/", overview_api.GroupOverview.as_view(), name="api-overview"),
    path("api/v1/devices/<str:serial>/telemetry/", api.Telemetry.as_view(), name="api-telemetry"),
    path("api/v1/devices/<str:serial>/timeline/", api.Timelines.as_view(), name="api-timeline"),
    path("api/v1/devices/<str:serial>/reports.csv", api.ReportsCsv.as_view(), name="api-reports-csv"),
    path("api/v1/devices/<str:serial>/reports.parquet", api.ReportsParquet.as_view(), name="api-reports-parquet"),
    path("api/v1/devices/<str:serial>/latest/", api.LatestValues.as_view(), name="api-latest"),
    path("api/v1/devices/<str:serial>/dropped/", api.DroppedMessages.as_view(), name="api-dropped"),
]
