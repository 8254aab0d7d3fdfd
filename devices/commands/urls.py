from django.urls import path

from devices.commands import api, views

urlpatterns = [
    path("devices/<str:serial>/commands/", views.commands, name="commands"),
    path("devices/<str:serial>/commands/<str:name>/", views.command, name="command"),
    path("api/v1/devices/<str:serial>/commands/", api.Commands.as_view(), name="api-commands"),
    path("api/v1/devices/<str:serial>/commands/<uuid:key>/", api.OneCommand.as_view(), name="api-command"),
    path("api/v1/devices/<str:serial>/offered-commands/", api.OfferedCommands.as_view(), name="api-offered-commands"),
]
