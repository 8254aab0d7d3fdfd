from django.urls import path

from devices.bulk_actions import api, views, wizard_views

urlpatterns = [
    path("manage/", wizard_views.manage, name="manage"),
    path("actions/", views.action_list, name="actions"),
    path("actions/new/", wizard_views.act, name="act"),
    path("actions/run/", wizard_views.run, name="run"),
    path("actions/export/", wizard_views.export, name="export"),
    path("actions/<uuid:key>/", views.show_action, name="action"),
    path("actions/<uuid:key>/stream/", views.stream, name="action-stream"),
    path("actions/<uuid:key>/cancel/", views.cancel, name="action-cancel"),
    path("actions/<uuid:key>/undo/", views.undo, name="action-undo"),
    path("actions/<uuid:key>/result/", views.take_result, name="action-result"),
    path("imports/<uuid:key>/change/", views.change, name="import-change"),
    path("api/v1/imports/<uuid:key>/change/", api.ImportChange.as_view(), name="api-import-change"),
    path("api/v1/actions/", api.Actions.as_view(), name="api-actions"),
    path("api/v1/actions/preview/", api.ActionPreview.as_view(), name="api-action-preview"),
    path("api/v1/actions/<uuid:key>/", api.OneAction.as_view(), name="api-action"),
    path("api/v1/actions/<uuid:key>/cancel/", api.ActionCancel.as_view(), name="api-action-cancel"),
    path("api/v1/actions/<uuid:key>/undo/", api.ActionUndo.as_view(), name="api-action-undo"),
    path("api/v1/actions/<uuid:key>/result/", api.ActionResult.as_view(), name="api-action-result"),
]
