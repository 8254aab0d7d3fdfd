"""What an admin writes about one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from devices.tags import TEXT_LENGTH, describe_problem, judge, parse, write_lines
from lib.fields import OneLineField, SeveralLinesField
from lib.stored_form import StoredForm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.models import Device


class EditForm(StoredForm):
    name = OneLineField(label="Name", max_length=120, error_messages={"required": "Give the device a name."})
    description = SeveralLinesField(
        label="Description", max_length=500, required=False, widget=forms.Textarea({"rows": 3})
    )
    tags = forms.CharField(
        label="Tags",
        max_length=TEXT_LENGTH,
        required=False,
        help_text="One on each line, as key: value.",
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
    )

    def __init__(self, data: Mapping[str, str] | None, *, device: Device) -> None:
        self.device = device
        stored = {"name": device.name, "description": device.description, "tags": write_lines(device.tags)}
        super().__init__(data, stored=stored, auto_id="edit-%s", use_required_attribute=False)

    def clean_tags(self) -> dict[str, Any]:
        kept, wrong = judge(parse(self.cleaned_data["tags"], "\n"), self.device.tags)
        if wrong:
            raise forms.ValidationError([describe_problem(name, cause) for name, cause in wrong.items()])
        return kept
