from django.urls import path

from devices.api import devices, recipes
from devices.mqtt import views as mqtt
from devices.views import home, labels

app_name = "devices"
urlpatterns = [
    path("", home.device_list, name="list"),
    path("groups/<int:pk>/tree/", home.group_children, name="tree"),
    path("devices/<str:serial>/label/", labels.label, name="label"),
    path("devices/<str:serial>/label.svg", labels.label_svg, name="label-svg"),
    path("broker/rabbitmq/user", mqtt.user, name="rabbitmq-user"),
    path("broker/rabbitmq/vhost", mqtt.vhost, name="rabbitmq-vhost"),
    path("broker/rabbitmq/resource", mqtt.resource, name="rabbitmq-resource"),
    path("broker/rabbitmq/topic", mqtt.topic, name="rabbitmq-topic"),
    path("api/v1/devices/", devices.Devices.as_view(), name="api-devices"),
    path("api/v1/devices/<str:serial>/", devices.OneDevice.as_view(), name="api-device"),
    path("api/v1/devices/<str:serial>/assign/", devices.DeviceAssign.as_view(), name="api-device-assign"),
    path("api/v1/devices/<str:serial>/release/", devices.DeviceRelease.as_view(), name="api-device-release"),
    path("api/v1/devices/<str:serial>/events/", devices.DeviceEvents.as_view(), name="api-device-events"),
    path("api/v1/devices/<str:serial>/label.svg", devices.DeviceLabel.as_view(), name="api-device-label"),
    path("api/v1/models/", recipes.Models.as_view(), name="api-models"),
    path("api/v1/recipes/", recipes.Recipes.as_view(), name="api-recipes"),
    path("api/v1/recipes/<int:pk>/", recipes.OneRecipe.as_view(), name="api-recipe"),
    path("api/v1/recipes/<int:pk>/versions/", recipes.RecipeVersions.as_view(), name="api-recipe-versions"),
]
