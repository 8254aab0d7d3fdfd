from django.urls import path

from tenants import views

app_name = "tenants"
urlpatterns = [
    path("account/", views.account, name="account"),
    path("theme/<slug:slug>-<str:digest>.css", views.theme, name="theme"),
    path("logo/<slug:slug>-<str:digest>.png", views.logo, name="logo"),
]
