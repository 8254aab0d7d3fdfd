from django.urls import path

from devices.mqtt import views as mqtt

app_name = "devices"
urlpatterns = [
    path("broker/rabbitmq/user", mqtt.user, name="rabbitmq-user"),
    path("broker/rabbitmq/vhost", mqtt.vhost, name="rabbitmq-vhost"),
    path("broker/rabbitmq/resource", mqtt.resource, name="rabbitmq-resource"),
    path("broker/rabbitmq/topic", mqtt.topic, name="rabbitmq-topic"),
]
