"""What brokers ask: the parts of `devices.urls` that no person opens."""

from django.urls import path

from devices.broker import emqx, mosquitto, rabbitmq

urlpatterns = [
    path("broker/rabbitmq/user", rabbitmq.user, name="rabbitmq-user"),
    path("broker/rabbitmq/vhost", rabbitmq.vhost, name="rabbitmq-vhost"),
    path("broker/rabbitmq/resource", rabbitmq.resource, name="rabbitmq-resource"),
    path("broker/rabbitmq/topic", rabbitmq.topic, name="rabbitmq-topic"),
    path("broker/emqx/authentication", emqx.authentication, name="emqx-connect"),
    path("broker/emqx/authorization", emqx.authorization, name="emqx-may"),
    path("broker/mosquitto/user", mosquitto.user, name="mosquitto-connect"),
    path("broker/mosquitto/acl", mosquitto.acl, name="mosquitto-may"),
]
