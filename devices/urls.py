from django.urls import path

from devices import views

app_name = "devices"
urlpatterns = [
    path("", views.device_list, name="list"),
    path("groups/<int:pk>/tree/", views.group_children, name="tree"),
    path("devices/<str:serial>/label/", views.label, name="label"),
    path("devices/<str:serial>/label.svg", views.label_svg, name="label-svg"),
]
