from django.urls import include, path

app_name = "devices"
urlpatterns = [
    path("", include("devices.inventory.urls")),
    path("", include("devices.lifecycle.urls")),
    path("", include("devices.credentials.urls")),
    path("", include("devices.ties.urls")),
    path("", include("devices.commands.urls")),
    path("", include("devices.connections.urls")),
    path("", include("devices.attention.urls")),
    path("", include("devices.recipes.urls")),
    path("", include("devices.imports.urls")),
    path("", include("devices.labels.urls")),
    path("", include("devices.bulk_actions.urls")),
    path("", include("devices.broker.urls")),
]
