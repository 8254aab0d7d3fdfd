from django.urls import path

from devices.recipes import api, device_model_api, device_model_views, format_views, views

urlpatterns = [
    path("recipes/", views.recipe_list, name="recipes"),
    path("recipes/new/", views.new, name="recipe-new"),
    path("recipes/create/", views.create, name="recipe-create"),
    path("recipes/format/", views.serial_format, name="recipe-format"),
    path("recipes/<int:pk>/", views.recipe, name="recipe"),
    path("recipes/<int:pk>/edit/", views.edit, name="recipe-edit"),
    path("recipes/<int:pk>/change/", views.change, name="recipe-change"),
    path("recipes/<int:pk>/retire/", views.retire, name="recipe-retire"),
    path("recipes/<int:pk>/restore/", views.restore, name="recipe-restore"),
    path("settings/serials/", format_views.identity, name="identity"),
    path("settings/serials/save/", format_views.save, name="identity-save"),
    path("models/", device_model_views.model_list, name="models"),
    path("models/add/", device_model_views.add, name="model-add"),
    path("models/<int:pk>/", device_model_views.model, name="model"),
    path("models/<int:pk>/rename/", device_model_views.rename, name="model-rename"),
    path("models/<int:pk>/retire/", device_model_views.retire, name="model-retire"),
    path("models/<int:pk>/restore/", device_model_views.restore, name="model-restore"),
    path("models/<int:pk>/delete/", device_model_views.delete, name="model-delete"),
    path("api/v1/models/", device_model_api.Models.as_view(), name="api-models"),
    path("api/v1/models/<int:pk>/", device_model_api.OneModel.as_view(), name="api-model"),
    path("api/v1/models/<int:pk>/retire/", device_model_api.ModelRetire.as_view(), name="api-model-retire"),
    path("api/v1/models/<int:pk>/restore/", device_model_api.ModelRestore.as_view(), name="api-model-restore"),
    path("api/v1/recipes/", api.Recipes.as_view(), name="api-recipes"),
    path("api/v1/recipes/<int:pk>/", api.OneRecipe.as_view(), name="api-recipe"),
    path("api/v1/recipes/<int:pk>/versions/", api.RecipeVersions.as_view(), name="api-recipe-versions"),
    path("api/v1/recipes/<int:pk>/retire/", api.RecipeRetire.as_view(), name="api-recipe-retire"),
    path("api/v1/recipes/<int:pk>/restore/", api.RecipeRestore.as_view(), name="api-recipe-restore"),
    path("api/v1/recipes/<int:pk>/check-serial/", api.RecipeSerial.as_view(), name="api-recipe-serial"),
]
