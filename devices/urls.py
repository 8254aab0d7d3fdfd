from django.urls import path

from devices.mqtt import views as mqtt
from devices.views import home, identity, labels, models, recipes

app_name = "devices"
urlpatterns = [
    path("", home.device_list, name="list"),
    path("groups/<int:pk>/tree/", home.group_children, name="tree"),
    path("devices/<str:serial>/label/", labels.label, name="label"),
    path("devices/<str:serial>/label.svg", labels.label_svg, name="label-svg"),
    path("recipes/", recipes.recipe_list, name="recipes"),
    path("recipes/new/", recipes.new, name="recipe-new"),
    path("recipes/create/", recipes.create, name="recipe-create"),
    path("recipes/format/", recipes.serial_format, name="recipe-format"),
    path("recipes/<int:pk>/", recipes.recipe, name="recipe"),
    path("recipes/<int:pk>/edit/", recipes.edit, name="recipe-edit"),
    path("recipes/<int:pk>/change/", recipes.change, name="recipe-change"),
    path("recipes/<int:pk>/retire/", recipes.retire, name="recipe-retire"),
    path("recipes/<int:pk>/restore/", recipes.restore, name="recipe-restore"),
    path("settings/serials/", identity.identity, name="identity"),
    path("settings/serials/save/", identity.save, name="identity-save"),
    path("models/", models.model_list, name="models"),
    path("models/add/", models.add, name="model-add"),
    path("models/<int:pk>/", models.model, name="model"),
    path("models/<int:pk>/rename/", models.rename, name="model-rename"),
    path("models/<int:pk>/retire/", models.retire, name="model-retire"),
    path("models/<int:pk>/restore/", models.restore, name="model-restore"),
    path("models/<int:pk>/delete/", models.delete, name="model-delete"),
    path("broker/rabbitmq/user", mqtt.user, name="rabbitmq-user"),
    path("broker/rabbitmq/vhost", mqtt.vhost, name="rabbitmq-vhost"),
    path("broker/rabbitmq/resource", mqtt.resource, name="rabbitmq-resource"),
    path("broker/rabbitmq/topic", mqtt.topic, name="rabbitmq-topic"),
]
