from django.urls import path

from tenants.api import groups, me
from tenants.views import account, tokens

app_name = "tenants"
urlpatterns = [
    path("account/", account.account, name="account"),
    path("theme/<slug:slug>-<str:digest>.css", account.theme, name="theme"),
    path("logo/<slug:slug>-<str:digest>.png", account.logo, name="logo"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/new/", tokens.token_create, name="token-create"),
    path("tokens/<int:pk>/revoke/", tokens.token_revoke, name="token-revoke"),
    path("api/v1/me/", me.MeView.as_view(), name="api-me"),
    path("api/v1/groups/", groups.Groups.as_view(), name="api-groups"),
    path("api/v1/groups/<int:pk>/", groups.OneGroup.as_view(), name="api-group"),
    path("api/v1/groups/<int:pk>/move/", groups.GroupMove.as_view(), name="api-group-move"),
]
