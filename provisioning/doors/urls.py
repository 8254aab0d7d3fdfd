"""The admins' pages of doors."""

from django.urls import path

from provisioning.doors import api, log_views, views
from provisioning.doors.activate import api as activate_api
from provisioning.doors.activate import content_views as content
from provisioning.doors.activate import views as activate
from provisioning.doors.approval import operator_api, operator_views
from provisioning.doors.approval import views as approval
from provisioning.doors.jwt import views as jwt
from provisioning.doors.profile import views as profile

urlpatterns = [
    path("approve/", operator_views.waiting, name="approvals"),
    path("approve/stream/", operator_views.waiting_stream, name="approvals-stream"),
    path("approve/<uuid:key>/", operator_views.operation, name="approval"),
    path("approve/<uuid:key>/stream/", operator_views.operation_stream, name="approval-stream"),
    path("approve/<uuid:key>/approve/", operator_views.approve, name="approve"),
    path("approve/<uuid:key>/cancel/", operator_views.cancel, name="approval-cancel"),
    path("api/v1/approvals/", operator_api.Approvals.as_view(), name="api-approvals"),
    path("api/v1/approvals/<uuid:key>/", operator_api.OneApproval.as_view(), name="api-approval"),
    path("api/v1/approvals/<uuid:key>/approve/", operator_api.ApproveDevice.as_view(), name="api-approve"),
    path("api/v1/approvals/<uuid:key>/cancel/", operator_api.CancelApproval.as_view(), name="api-approval-cancel"),
    path("doors/", views.door_list, name="doors"),
    path("doors/new/<slug:kind>/", views.new, name="door-new"),
    path("doors/new/<slug:kind>/create/", views.create, name="door-create"),
    path("doors/<uuid:key>/", views.door, name="door"),
    path("doors/<uuid:key>/log/", log_views.door_log, name="door-log"),
    path("doors/<uuid:key>/log/stream/", log_views.stream, name="door-log-stream"),
    path("doors/<uuid:key>/edit/", views.edit, name="door-edit"),
    path("doors/<uuid:key>/change/", views.change, name="door-change"),
    path("doors/<uuid:key>/end/", views.end, name="door-end"),
    path("doors/<uuid:key>/keys/<int:pk>/end/", views.end_key, name="door-key-end"),
    path("doors/<uuid:key>/jwt/keys/", jwt.add_keys, name="door-jwt-keys"),
    path("doors/<uuid:key>/jwt/secret/", jwt.make_secret, name="door-jwt-secret"),
    path("doors/<uuid:key>/profile/token/", profile.make_token, name="door-profile-token"),
    path("doors/<uuid:key>/activate/again/", activate.open_again, name="door-activate-again"),
    path("doors/<uuid:key>/activate/content/", content.upload, name="door-content"),
    path("doors/<uuid:key>/activate/content/<int:pk>/delete/", content.delete, name="door-content-delete"),
    path("doors/<uuid:key>/approval/token/", approval.make_token, name="door-approval-token"),
    path("doors/<uuid:key>/approval/revoke/", approval.revoke, name="door-approval-revoke"),
    path("api/v1/doors/", api.Doors.as_view(), name="api-doors"),
    path("api/v1/doors/<uuid:key>/", api.OneDoor.as_view(), name="api-door"),
    path("api/v1/doors/<uuid:key>/end/", api.EndDoor.as_view(), name="api-door-end"),
    path("api/v1/doors/<uuid:key>/devices/", api.DoorDevices.as_view(), name="api-door-devices"),
    path("api/v1/doors/<uuid:key>/refusals/", api.DoorRefusals.as_view(), name="api-door-refusals"),
    path("api/v1/doors/<uuid:key>/keys/", api.DoorKeys.as_view(), name="api-door-keys"),
    path("api/v1/doors/<uuid:key>/tokens/", api.DoorTokens.as_view(), name="api-door-tokens"),
    path("api/v1/doors/<uuid:key>/open-again/", activate_api.OpenAgain.as_view(), name="api-door-open-again"),
    path("api/v1/doors/<uuid:key>/content/", activate_api.Contents.as_view(), name="api-door-content"),
    path("api/v1/doors/<uuid:key>/content/<int:pk>/", activate_api.OneContent.as_view(), name="api-door-content-one"),
    path("api/v1/doors/<uuid:key>/revoke/", api.RevokeAtDoor.as_view(), name="api-door-revoke"),
    path("api/v1/doors/<uuid:key>/keys/<int:pk>/end/", api.EndDoorKey.as_view(), name="api-door-key-end"),
]
