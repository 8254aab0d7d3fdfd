from django.urls import path

from devices.mqtt import views as mqtt
from devices.views import home, labels, sheets

app_name = "devices"
urlpatterns = [
    path("", home.device_list, name="list"),
    path("groups/<int:pk>/tree/", home.group_children, name="tree"),
    path("devices/<str:serial>/label/", labels.label, name="label"),
    path("devices/<str:serial>/label.svg", labels.label_svg, name="label-svg"),
    path("devices/<str:serial>/label.png", labels.label_png, name="label-png"),
    path("devices/<str:serial>/label.pdf", labels.label_pdf, name="label-pdf"),
    path("labels/", sheets.sheets, name="sheets"),
    path("labels/preview/", sheets.preview, name="sheets-preview"),
    path("labels/print/", sheets.print_labels, name="sheets-print"),
    path("labels/<uuid:key>/", sheets.sheet, name="sheet"),
    path("labels/<uuid:key>/stream/", sheets.stream, name="sheet-stream"),
    path("labels/<uuid:key>/file/", sheets.sheet_file, name="sheet-file"),
    path("labels/<uuid:key>/cancel/", sheets.cancel, name="sheet-cancel"),
    path("broker/rabbitmq/user", mqtt.user, name="rabbitmq-user"),
    path("broker/rabbitmq/vhost", mqtt.vhost, name="rabbitmq-vhost"),
    path("broker/rabbitmq/resource", mqtt.resource, name="rabbitmq-resource"),
    path("broker/rabbitmq/topic", mqtt.topic, name="rabbitmq-topic"),
]
