"""The addresses that devices call, each also below `/o/<organisation>/` where no host name says which one."""

from django.urls import include, path

from provisioning.doors.activate import device_views as activate
from provisioning.doors.jwt import device_views as jwt
from provisioning.doors.profile import device_views as profile

addresses = [
    path("api/register-device", jwt.register, name="door-jwt"),
    path("provision/activate", activate.activate, name="door-activate"),
    path("ztp/cloudlocate/credentials", profile.hand_out, name="door-profile"),
]
urlpatterns = [*addresses, path("o/<slug:organisation>/", include(addresses))]
