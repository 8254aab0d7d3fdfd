"""What a person chooses their time zone and hours from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from lib import zones

if TYPE_CHECKING:
    from tenants.models import Organisation


class ClockForm(forms.Form):
    time_zone = forms.ChoiceField(label="Time zone", required=False)
    clock = forms.ChoiceField(label="Clock", required=False)

    def __init__(self, *args: object, organisation: Organisation | None, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        zone, hours = (organisation.time_zone, organisation.clock) if organisation else ("UTC", "24")
        usual = "As the organisation" if organisation else "As usual"
        self._set_choices("time_zone", [("", f"{usual}: {zone.replace('_', ' ')}"), *zones.list_choices()])
        self._set_choices("clock", [("", f"{usual}: {zones.Clock(hours).label}"), *zones.Clock.choices])

    def _set_choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
