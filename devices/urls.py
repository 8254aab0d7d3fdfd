from django.urls import path

from devices.mqtt import views as mqtt
from devices.views import acting, actions, editing, home, labels

app_name = "devices"
urlpatterns = [
    path("", home.device_list, name="list"),
    path("groups/<int:pk>/tree/", home.group_children, name="tree"),
    path("manage/", acting.manage, name="manage"),
    path("actions/", actions.action_list, name="actions"),
    path("actions/new/", acting.act, name="act"),
    path("actions/run/", acting.run, name="run"),
    path("actions/export/", acting.export, name="export"),
    path("actions/<uuid:key>/", actions.action, name="action"),
    path("actions/<uuid:key>/stream/", actions.stream, name="action-stream"),
    path("actions/<uuid:key>/cancel/", actions.cancel, name="action-cancel"),
    path("actions/<uuid:key>/undo/", actions.undo, name="action-undo"),
    path("actions/<uuid:key>/result/", actions.result, name="action-result"),
    path("devices/<str:serial>/edit/", editing.edit, name="edit"),
    path("devices/<str:serial>/label/", labels.label, name="label"),
    path("devices/<str:serial>/label.svg", labels.label_svg, name="label-svg"),
    path("broker/rabbitmq/user", mqtt.user, name="rabbitmq-user"),
    path("broker/rabbitmq/vhost", mqtt.vhost, name="rabbitmq-vhost"),
    path("broker/rabbitmq/resource", mqtt.resource, name="rabbitmq-resource"),
    path("broker/rabbitmq/topic", mqtt.topic, name="rabbitmq-topic"),
]
