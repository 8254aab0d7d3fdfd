from django.urls import path

from devices import views
from devices.mqtt import views as mqtt

app_name = "devices"
urlpatterns = [
    path("", views.device_list, name="list"),
    path("groups/<int:pk>/tree/", views.group_children, name="tree"),
    path("devices/<str:serial>/label/", views.label, name="label"),
    path("devices/<str:serial>/label.svg", views.label_svg, name="label-svg"),
    path("broker/rabbitmq/user", mqtt.user, name="rabbitmq-user"),
    path("broker/rabbitmq/vhost", mqtt.vhost, name="rabbitmq-vhost"),
    path("broker/rabbitmq/resource", mqtt.resource, name="rabbitmq-resource"),
    path("broker/rabbitmq/topic", mqtt.topic, name="rabbitmq-topic"),
]
