"""The addresses that devices call, each also below `/o/<organisation>/` where no host name says which one."""

from django.urls import include, path

from provisioning.doors.activate import device_views as activate
from provisioning.doors.approval import device_views as approval
from provisioning.doors.approval import oauth_views as oauth
from provisioning.doors.jwt import device_views as jwt
from provisioning.doors.profile import device_views as profile

addresses = [
    path("api/register-device", jwt.register, name="door-jwt"),
    path("provision/activate", activate.activate, name="door-activate"),
    path("ztp/cloudlocate/credentials", profile.hand_out, name="door-profile"),
    path("oauth/device_authorization", oauth.authorize, name="door-oauth-device"),
    path("oauth/token", oauth.token, name="door-oauth-token"),
    path("provisioning-operations/init", approval.init, name="door-approval-init"),
    path("provisioning-operations/complete", approval.complete, name="door-approval-complete"),
    path("devices/register", approval.register, name="door-approval-register"),
    path("devices/registration-tokens/refresh", approval.refresh, name="door-approval-refresh"),
]
urlpatterns = [*addresses, path("o/<slug:organisation>/", include(addresses))]
