"""What an admin says of a door of shared tokens."""

from __future__ import annotations

from typing import Any

from django import forms

from devices import tags
from lib.stored_form import StoredForm


class TagsField(forms.CharField):
    """Take tags one on each line, as pages write them, or as the object that programs send."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        text = super().to_python(value) or ""
        self.run_validators(text)
        return tags.parse(text, "\n")

    def clean(self, value: Any) -> dict[str, Any]:
        try:
            return tags.check(self.to_python(value))
        except forms.ValidationError as error:
            raise forms.ValidationError(error.messages) from None

    def prepare_value(self, value: Any) -> Any:
        return tags.write_lines(value) if isinstance(value, dict) else value


class ProfileForm(StoredForm):
    activates = forms.BooleanField(
        label="Devices may connect at once",
        required=False,
        initial=True,
        help_text="Else each comes locked, until an admin unlocks it.",
    )
    hardware_id = forms.BooleanField(
        label="Devices have to say a hardware ID", required=False, help_text="Else one that says none gets a serial."
    )
    renews = forms.BooleanField(
        label="Devices may ask for a new credential",
        required=False,
        initial=True,
        help_text="With the same hardware ID. Whoever has the token and knows the ID can do that too.",
    )
    tags = TagsField(
        required=False, max_length=tags.TEXT_LENGTH, help_text="Of each device, besides the recipe's: name: value."
    )

    def __init__(self, *args: Any, kept: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, stored=kept or None, **kwargs)

    @property
    def settings(self) -> dict[str, Any]:
        """Return what the door keeps."""
        return dict(self.cleaned_data)
