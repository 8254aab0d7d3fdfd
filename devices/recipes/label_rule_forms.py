"""What an admin says of makers' labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from devices.models import DeviceModel, LabelRule, Recipe
from devices.recipes.label_rules import FACT_CHOICES
from devices.recipes.operations import find_available_recipes
from lib.fields import OneLineField, RowField

if TYPE_CHECKING:
    from tenants.models import User


class RuleForm(forms.Form):
    kind = forms.ChoiceField(
        label="What the label says",
        choices=LabelRule.Kind.choices,
        error_messages={"required": "Choose what the label says.", "invalid_choice": "Choose what the label says."},
    )
    value = OneLineField(
        max_length=64, help_text="Such as AABB1122.", error_messages={"required": "Write what stands on the label."}
    )
    model = RowField(
        DeviceModel.objects.none(),
        empty_label="Choose a model…",
        error_messages={
            "required": "Choose the model that it means.",
            "invalid_choice": "This model is not offered (any more). Choose another one.",
        },
    )

    recipe = RowField(
        Recipe.objects.none(),
        required=False,
        empty_label="It is chosen when the device is added",
        help_text="From which its device is made.",
        error_messages={"invalid_choice": "This recipe is not offered (any more). Choose another one."},
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models: Any = self.fields["model"]
        models.queryset = DeviceModel.objects.manageable_by(user).available()
        recipes: Any = self.fields["recipe"]
        recipes.queryset = find_available_recipes(user)


class NameForm(forms.Form):
    name = OneLineField(
        label="Field",
        max_length=64,
        help_text="As it stands in the label, such as devId. Capitals and dashes don't matter.",
        error_messages={"required": "Write the field's name."},
    )
    fact = forms.ChoiceField(
        label="Holds",
        choices=FACT_CHOICES,
        error_messages={"required": "Choose what it holds.", "invalid_choice": "Choose what it holds."},
    )
