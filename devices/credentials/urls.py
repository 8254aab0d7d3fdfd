from django.urls import path

from devices.credentials import api, views

urlpatterns = [
    path("devices/<str:serial>/credentials/", views.credential_list, name="credentials"),
    path("devices/<str:serial>/credentials/issue/", views.issue, name="credential-issue"),
    path("devices/<str:serial>/credentials/rotate/", views.rotate, name="credential-rotate"),
    path("devices/<str:serial>/credentials/revoke/", views.revoke_all, name="credential-revoke-all"),
    path("devices/<str:serial>/credentials/<int:pk>/revoke/", views.revoke, name="credential-revoke"),
    path("api/v1/devices/<str:serial>/credentials/", api.Credentials.as_view(), name="api-credentials"),
    path("devices/<str:serial>/credentials/presence/", views.make_presence_secret, name="presence-secret-make"),
    path("api/v1/devices/<str:serial>/presence-secrets/", api.PresenceSecrets.as_view(), name="api-presence-secrets"),
    path(
        "api/v1/devices/<str:serial>/credentials/rotate/",
        api.CredentialsRotate.as_view(),
        name="api-credentials-rotate",
    ),
    path(
        "api/v1/devices/<str:serial>/credentials/revoke/",
        api.CredentialsRevoke.as_view(),
        name="api-credentials-revoke",
    ),
    path(
        "api/v1/devices/<str:serial>/credentials/<int:pk>/revoke/",
        api.CredentialRevoke.as_view(),
        name="api-credential-revoke",
    ),
]
