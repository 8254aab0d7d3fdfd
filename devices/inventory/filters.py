"""What the device list can be narrowed by."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db.models import Q

from devices import tags
from devices.identity import serials
from devices.models import Device, DeviceModel, Import, Recipe
from devices.models.attention import narrow_needing
from devices.recipes import device_models
from lib.fields import RowField
from lib.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

    from devices.models import DeviceQuerySet
    from tenants.models import User

SHORTEST = 3  # characters that an index of trigrams can find anywhere in a text


ATTENTION = "attention"
"""Beside the statuses: those that need attention, whichever status they have. As an order: those first."""
STATUSES = [(ATTENTION, "Needs attention"), *Device.Status.choices]
ID, NAME = "id", "name"
ORDERS = {NAME: "By name", ATTENTION: "Needs attention first", ID: "As they were added"}
NO_ORDER = f"There is no such order. There are: {', '.join(ORDERS)}."
NO_STATUS = f"There is no such status. There are: {', '.join(value for value, _ in STATUSES)}."


class DayField(forms.DateField):
    """Take a day as ISO 8601 has it: what 01/02 means depends on the reader."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput({"type": "date"}, "%Y-%m-%d")
        said = {"invalid": "Send a day as 2026-01-31: year, month, day."}
        super().__init__(input_formats=["%Y-%m-%d"], widget=widget, error_messages=said, **kwargs)


class FlagField(forms.Field):
    """Take `true` or `false`, or the `1` of our own pages' addresses: not every text is a yes."""

    VALUES: ClassVar[dict[str, bool]] = {"": False, "false": False, "true": True, "1": True}

    def to_python(self, value: Any) -> bool:
        known = self.VALUES.get(str(value or "").lower())
        if known is None:
            raise forms.ValidationError("Send true or false.")
        return known


class KeyedField(RowField):
    """Take the key of a row, a UUID; what is none is no row's."""

    def __init__(self, rows: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(rows, to_field_name="key", **kwargs)

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except forms.ValidationError:  # of the UUID, too
            raise forms.ValidationError(self.error_messages["invalid_choice"]) from None


@prepared
def _select_models(user: User) -> QuerySet[DeviceModel, tuple[int, str]]:
    offered = device_models.filter_current_or_used(DeviceModel.objects.visible_to(user))
    return offered.values_list("pk", "name")


@prepared
def _select_recipes(user: User) -> QuerySet[Recipe, tuple[int, str]]:
    return Recipe.objects.manageable_by(user).values_list("pk", "name")


class DeviceFilter(forms.Form):
    """Narrow the device list; every field is optional, and what is not understood finds nothing and says so.

    Retired devices are in it where their status is asked for.
    """

    q = forms.CharField(label="Search", max_length=120)
    status = forms.ChoiceField(label="Status", error_messages={"invalid_choice": NO_STATUS})
    model = RowField(
        DeviceModel.objects.none(),
        label="Model",
        empty_label="Any model",
        error_messages={"invalid_choice": "There is no such model. Send its id."},
    )
    tag = forms.CharField(label="Tag", max_length=tags.ENTRY_LENGTH)
    recipe = RowField(
        Recipe.objects.none(),
        label="Recipe",
        empty_label="Any recipe",
        error_messages={"invalid_choice": "There is no such recipe. Send its id."},
    )
    since = DayField(label="Added from (UTC)")
    until = DayField(label="Added to (UTC)")
    waiting = FlagField(label="Waiting for a group")
    order = forms.ChoiceField(label="Order", choices=list(ORDERS.items()), error_messages={"invalid_choice": NO_ORDER})
    after = forms.CharField(max_length=200)
    before = forms.CharField(max_length=200)

    # What narrows the list as the user set it: neither the page nor the place.
    narrowing: ClassVar[tuple[str, ...]] = ("q", "status", "model", "tag", "recipe", "since", "until", "import")

    def __init__(self, data: Mapping[str, str], *, user: User) -> None:
        super().__init__(data, auto_id="filter-%s", use_required_attribute=False)
        gone = {"invalid_choice": "There is no such import. Send its key."}
        self._organisation = user.organisation_id
        self.fields["import"] = KeyedField(Import.objects.none(), error_messages=gone)
        choose: Any = self.fields
        if data.get("import"):
            choose["import"].queryset = Import.objects.manageable_by(user)
        if data.get("recipe"):
            choose["recipe"].queryset = Recipe.objects.manageable_by(user)
        if data.get("model"):
            models = DeviceModel.objects.visible_to(user)
            choose["model"].queryset = device_models.filter_current_or_used(models)
        for field in self.fields.values():
            field.required = False
        choose["status"].choices = [("", "Any status"), *STATUSES]
        choose["model"].widget.choices = cache(lambda: [("", "Any model"), *_select_models(user)])
        choose["recipe"].widget.choices = cache(lambda: [("", "Any recipe"), *_select_recipes(user)])

    def clean_tag(self) -> str:
        text = str(self.cleaned_data["tag"])
        if text and not tags.parse_entry(text).name:
            raise forms.ValidationError("There is no name. Write site, or site=Anaheim.")
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", "This day is before the first one. Choose a later one.")
        return cleaned

    @property
    def is_plain(self) -> bool:
        """Return whether all is listed, or all that waits for a group, by what is understood."""
        named = [name for name in self.fields if self.data.get(name)]
        return set(named) <= {"waiting", "after", "before"} and (not named or self.is_valid())

    @property
    def active(self) -> list[str]:
        """Return the names of the filters that are set."""
        return [name for name in self.narrowing if self.data.get(name)]

    def find_order(self) -> str:
        """Return the order that was asked for, of `ORDERS`; by name where that is none."""
        asked = self.data.get("order", "")
        return asked if asked in ORDERS else NAME

    def apply(self, devices: DeviceQuerySet) -> DeviceQuerySet:
        if not self.is_valid():
            return devices.none()
        cleaned = self.cleaned_data
        devices = devices.filter(_match_text(cleaned["q"])) if cleaned["q"] else devices
        devices = devices.filter(model=cleaned["model"]) if cleaned["model"] else devices
        devices = devices.filter(tags.match_tag(*tags.parse_entry(cleaned["tag"]))) if cleaned["tag"] else devices
        devices = devices.filter(version__recipe=cleaned["recipe"]) if cleaned["recipe"] else devices
        devices = devices.filter(source=cleaned["import"]) if cleaned["import"] else devices
        devices = (
            devices.filter(registered_at__gte=_combine_utc(cleaned["since"], time.min)) if cleaned["since"] else devices
        )
        devices = (
            devices.filter(registered_at__lte=_combine_utc(cleaned["until"], time.max)) if cleaned["until"] else devices
        )
        devices = devices.filter(group=None) if cleaned["waiting"] else devices
        if cleaned["status"] == ATTENTION:
            return narrow_needing(devices, self._organisation).filter(retired_at=None)
        return devices.in_status(cleaned["status"]) if cleaned["status"] else devices.filter(retired_at=None)


def _combine_utc(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, UTC)


def _match_text(text: str) -> Q:
    """Match text anywhere in name or serial; under three characters at their beginning, where an index still helps."""
    serial, how = serials.fold(text), "contains" if len(text) >= SHORTEST else "startswith"
    found = Q(**{f"name__i{how}": text})
    for written in filter(None, (serial, *serials.write_otherwise(serial))):  # a whole address, in whatever writing
        found |= Q(**{f"serial_key__{how}": written})
    return found
