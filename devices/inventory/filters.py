"""What the device list can be narrowed by."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, ClassVar

from django import forms
from django.db.models import Q

from devices import tags
from devices.identity import serials
from devices.models import Device, DeviceModel, Import, Recipe
from devices.recipes import device_models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.models import DeviceQuerySet
    from tenants.models import User

SHORTEST = 3  # characters that an index of trigrams can find anywhere in a text


class DeviceFilter(forms.Form):
    """Every field is optional; what is not understood finds nothing and says so."""

    q = forms.CharField(label="Search", max_length=120)
    status = forms.ChoiceField(label="Status")
    model = forms.ModelChoiceField(DeviceModel.objects.none(), label="Model", empty_label="Any model")
    tag = forms.CharField(label="Tag", max_length=tags.ENTRY_LENGTH)
    recipe = forms.ModelChoiceField(Recipe.objects.none(), label="Recipe", empty_label="Any recipe")
    since = forms.DateField(label="Registered from", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    until = forms.DateField(label="Registered to", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    waiting = forms.BooleanField(label="Waiting for a group")
    after = forms.CharField(max_length=200)
    before = forms.CharField(max_length=200)

    # What narrows the list as the user set it: neither the page nor the place.
    narrowing: ClassVar[tuple[str, ...]] = ("q", "status", "model", "tag", "recipe", "since", "until", "import")

    def __init__(self, data: Mapping[str, str], *, user: User) -> None:
        super().__init__(data, auto_id="filter-%s", use_required_attribute=False)
        self.fields["import"] = forms.ModelChoiceField(Import.objects.manageable_by(user), to_field_name="key")
        self.fields["recipe"].queryset = Recipe.objects.manageable_by(user)  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.required = False
        models = device_models.worn(DeviceModel.objects.visible_to(user))
        self.fields["model"].queryset = models  # type: ignore[attr-defined]
        self.fields["status"].choices = [("", "Any status"), *Device.Status.choices]  # type: ignore[attr-defined]

    @property
    def active(self) -> list[str]:
        """Names of the filters that are set."""
        return [name for name in self.narrowing if self.data.get(name)]

    def apply(self, devices: DeviceQuerySet) -> DeviceQuerySet:
        if not self.is_valid():
            return devices.none()
        given = self.cleaned_data
        devices = devices.filter(_matching(given["q"])) if given["q"] else devices
        devices = devices.filter(model=given["model"]) if given["model"] else devices
        devices = devices.filter(tags.having(*tags.parse_entry(given["tag"]))) if given["tag"] else devices
        devices = devices.filter(version__recipe=given["recipe"]) if given["recipe"] else devices
        devices = devices.filter(source=given["import"]) if given["import"] else devices
        devices = devices.filter(registered_at__gte=_at(given["since"], time.min)) if given["since"] else devices
        devices = devices.filter(registered_at__lte=_at(given["until"], time.max)) if given["until"] else devices
        devices = devices.filter(group=None) if given["waiting"] else devices
        return devices.in_status(given["status"]) if given["status"] else devices


def _at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, UTC)


def _matching(text: str) -> Q:
    """Anywhere in the name or the serial; less than three characters at their beginning, where an index still helps."""
    serial, how = serials.fold(text), "contains" if len(text) >= SHORTEST else "startswith"
    named = Q(**{f"name__i{how}": text})
    return named | Q(**{f"serial_key__{how}": serial}) if serial else named
