from django.urls import path

from devices.mqtt import dialects
from devices.mqtt import views as mqtt
from devices.views import credentials, home, labels, locks

app_name = "devices"
urlpatterns = [
    path("", home.device_list, name="list"),
    path("groups/<int:pk>/tree/", home.group_children, name="tree"),
    path("devices/<str:serial>/label/", labels.label, name="label"),
    path("devices/<str:serial>/label.svg", labels.label_svg, name="label-svg"),
    path("devices/<str:serial>/credentials/", credentials.credential_list, name="credentials"),
    path("devices/<str:serial>/credentials/issue/", credentials.issue, name="credential-issue"),
    path("devices/<str:serial>/credentials/rotate/", credentials.rotate, name="credential-rotate"),
    path("devices/<str:serial>/credentials/revoke/", credentials.revoke_all, name="credential-revoke-all"),
    path("devices/<str:serial>/credentials/<int:pk>/revoke/", credentials.revoke, name="credential-revoke"),
    path("devices/<str:serial>/lock/", locks.lock, name="lock"),
    path("devices/<str:serial>/unlock/", locks.unlock, name="unlock"),
    path("devices/<str:serial>/open-again/", locks.open_again, name="open-again"),
    path("broker/rabbitmq/user", mqtt.user, name="rabbitmq-user"),
    path("broker/rabbitmq/vhost", mqtt.vhost, name="rabbitmq-vhost"),
    path("broker/rabbitmq/resource", mqtt.resource, name="rabbitmq-resource"),
    path("broker/rabbitmq/topic", mqtt.topic, name="rabbitmq-topic"),
    path("broker/emqx/authentication", dialects.emqx_connect, name="emqx-connect"),
    path("broker/emqx/authorization", dialects.emqx_may, name="emqx-may"),
    path("broker/mosquitto/user", dialects.mosquitto_connect, name="mosquitto-connect"),
    path("broker/mosquitto/acl", dialects.mosquitto_may, name="mosquitto-may"),
]
