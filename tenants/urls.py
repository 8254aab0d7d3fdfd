from django.urls import path

from tenants.views import account

app_name = "tenants"
urlpatterns = [
    path("account/", account.account, name="account"),
    path("theme/<slug:slug>-<str:digest>.css", account.theme, name="theme"),
    path("logo/<slug:slug>-<str:digest>.png", account.logo, name="logo"),
]
