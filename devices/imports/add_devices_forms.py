"""Adding devices: what an admin says about one, a number of them, or a file of them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator
from django.template.defaultfilters import filesizeformat

from devices.identity.label_text import MAX_TEXT
from devices.imports.row_parser import clean_pattern
from devices.lifecycle import registration
from devices.lifecycle.placement_form import PlacingForm
from devices.models import DeviceModel, Recipe, RecipeVersion
from devices.recipes import label_rules
from devices.recipes.operations import find_available_recipes
from devices.recipes.organisation_format import format_of
from devices.tags import TEXT_LENGTH, describe_problem, judge, parse
from lib.fields import OneLineField, RowField

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from tenants.models import User

PATTERN_HELP = "{serial} stands for the serial and {n} for the number of the row."


class _Adding(forms.Form):
    """Ask for the recipe, as every way of adding devices does."""

    use_required_attribute = False

    recipe = RowField(
        Recipe.objects.none(),
        empty_label="Choose a recipe…",
        error_messages={
            "required": "Choose what kind of device it is.",
            "invalid_choice": "This recipe is not offered (any more). Choose another one.",
        },
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: Any = self.fields["recipe"]
        offered.queryset = find_available_recipes(user)
        only = list(offered.queryset.values_list("pk", flat=True)[:2])
        self.initial.setdefault("recipe", only[0] if len(only) == 1 else None)

    @property
    def version(self) -> RecipeVersion:
        recipe: Recipe = self.cleaned_data["recipe"]
        return recipe.current


class PatternField(forms.CharField):
    """Take a pattern for the names of devices that have none: words with {serial} and {n}."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, label="Name pattern", help_text=PATTERN_HELP, **kwargs)

    def clean(self, value: Any) -> str:
        return clean_pattern(super().clean(value))


class OneForm(PlacingForm, _Adding):
    serial = forms.CharField(max_length=MAX_TEXT, required=False, strip=False)
    # What a blank serial is made from, so that sending the form twice makes one device.
    spare = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    name = OneLineField(max_length=120, required=False, help_text="Blank: the serial.")
    model = RowField(
        DeviceModel.objects.none(),
        required=False,
        empty_label="The recipe's",
        error_messages={"invalid_choice": "This model is not supported (any more). Choose another one."},
    )
    tags = forms.CharField(
        max_length=TEXT_LENGTH,
        required=False,
        help_text="As in a file: key: value, and semicolons between several.",
    )
    field_order = ("recipe", "serial", "name", "group", "model", "tags")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.offer_groups(user)
        models: Any = self.fields["model"]
        models.queryset = DeviceModel.objects.manageable_by(user).available()
        self.organisation = user.organisation_id
        self.initial.setdefault("spare", secrets.token_hex(32))
        self.fields["serial"].help_text = self._serial_help()
        self.fields["recipe"].required = False  # where the label tells it

    def clean_recipe(self) -> Recipe:
        """Return what was chosen, else what the label in the serial's field means."""
        chosen: Recipe | None = self.cleaned_data["recipe"]
        if chosen := chosen or label_rules.find_recipe(self.organisation, self["serial"].value() or ""):
            return chosen
        raise forms.ValidationError(self.fields["recipe"].error_messages["required"], code="required")

    def clean_spare(self) -> bytes:
        try:
            spare = bytes.fromhex(self.cleaned_data["spare"])
        except ValueError:
            spare = b""
        return spare if len(spare) == 32 else secrets.token_bytes(32)

    def clean_tags(self) -> dict[str, Any]:
        kept, wrong = judge(parse(self.cleaned_data["tags"], ";"), {})
        if wrong:
            raise forms.ValidationError([describe_problem(name, cause) for name, cause in wrong.items()])
        return kept

    def clean(self) -> None:
        if "recipe" in self.cleaned_data and "serial" in self.cleaned_data:
            self.cleaned_data["serial"] = self._serial(self.cleaned_data["serial"].strip())

    def _serial(self, text: str) -> str:
        """Return the serial as typed, or of a blank one what the recipe's format makes; note an error if it doesn't
        fit."""
        fitting = format_of(self.version)
        if not text and fitting.can_generate:
            return fitting.generate(self.cleaned_data["spare"])
        try:
            text = registration.read_serial(text, fitting)
        except forms.ValidationError as error:
            self.add_error(None, error)
            return text
        if problem := fitting.problem(text):
            self.add_error("serial", problem)
        return text

    def _serial_help(self) -> str:
        only = self.initial["recipe"]
        words = format_of(self.fields["recipe"].queryset.get(pk=only).current).describe() if only else ""  # type: ignore[attr-defined]
        return f"Blank: Handover makes one. Fitting: {words}." if words else "Blank: Handover makes one."

    @property
    def device(self) -> dict[str, Any]:
        """Return the arguments of devices.lifecycle.register_with_credential.add_device, without `by`."""
        fields = {name: self.cleaned_data[name] for name in ("serial", "name", "group", "model", "tags")}
        return fields | {"version": self.version}


class ManyForm(PlacingForm, _Adding):
    total = forms.IntegerField(
        label="How many",
        min_value=1,
        error_messages={
            "required": "Say how many devices.",
            "invalid": "Give a whole number.",
            "min_value": "At least one.",
        },
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    name_pattern = PatternField()
    field_order = ("recipe", "total", "name_pattern", "group")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.offer_groups(user)
        most = f"At most {settings.IMPORT_MAX_ROWS:,} at a time."
        self.fields["total"].help_text = f"{most} Each gets a serial, an access key and a secret."
        self.fields["total"].validators.append(MaxValueValidator(settings.IMPORT_MAX_ROWS, most))

    def clean_recipe(self) -> Recipe:
        recipe: Recipe = self.cleaned_data["recipe"]
        fitting = format_of(recipe.current)
        if not fitting.can_generate:
            raise forms.ValidationError(fitting.check_description)
        return recipe

    @property
    def count_arguments(self) -> dict[str, Any]:
        """Return the arguments of devices.imports.count, without `by`."""
        fields = {name: self.cleaned_data[name] for name in ("total", "group", "name_pattern")}
        return fields | {"version": self.version}


class FileForm(_Adding):
    file = forms.FileField(
        label="File",
        error_messages={
            "required": "Choose the file with the devices.",
            "missing": "The file did not arrive. Choose it again.",
            "empty": "This file is empty. Choose the one with the devices.",
        },
    )

    def clean_file(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["file"]
        most = settings.IMPORT_MAX_BYTES
        if (size := file.size or 0) > most:
            raise forms.ValidationError(
                f"This file has {filesizeformat(size)}; {filesizeformat(most)} is the most. Split it into parts."
            )
        return file
