from django.urls import path

from devices.mqtt import views as mqtt
from devices.views import adding, home, imports, labels

app_name = "devices"
urlpatterns = [
    path("", home.device_list, name="list"),
    path("groups/<int:pk>/tree/", home.group_children, name="tree"),
    path("devices/<str:serial>/label/", labels.label, name="label"),
    path("devices/<str:serial>/label.svg", labels.label_svg, name="label-svg"),
    path("devices/new/", adding.new, name="new"),
    path("devices/new/one/", adding.one, name="new-one"),
    path("devices/new/many/", adding.many, name="new-many"),
    path("imports/", imports.listing, name="imports"),
    path("imports/new/", adding.upload, name="import-new"),
    path("imports/<uuid:key>/", imports.page, name="import"),
    path("imports/<uuid:key>/match/", imports.match, name="import-match"),
    path("imports/<uuid:key>/start/", imports.start, name="import-start"),
    path("imports/<uuid:key>/cancel/", imports.cancel, name="import-cancel"),
    path("imports/<uuid:key>/result/", imports.result, name="import-result"),
    path("imports/<uuid:key>/report.csv", imports.report, name="import-report"),
    path("imports/<uuid:key>/problems.csv", imports.problems, name="import-problems"),
    path("imports/<uuid:key>/stream/", imports.stream, name="import-stream"),
    path("broker/rabbitmq/user", mqtt.user, name="rabbitmq-user"),
    path("broker/rabbitmq/vhost", mqtt.vhost, name="rabbitmq-vhost"),
    path("broker/rabbitmq/resource", mqtt.resource, name="rabbitmq-resource"),
    path("broker/rabbitmq/topic", mqtt.topic, name="rabbitmq-topic"),
]
