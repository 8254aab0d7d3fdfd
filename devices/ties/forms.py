from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from devices.identity import serials

if TYPE_CHECKING:
    from collections.abc import Mapping


class TieForm(forms.Form):
    gateway = forms.CharField(
        label="Serial of the gateway",
        max_length=serials.MAX_LENGTH * 2,  # as typed, in fours
        error_messages={"required": "Give the serial of the gateway."},
        widget=forms.TextInput({"list": "offered", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Mapping[str, str] | None) -> None:
        super().__init__(data, auto_id="tie-%s", use_required_attribute=False)
