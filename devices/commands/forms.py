"""What a command asks for, as fields of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from devices.recipes.command_lines import LARGEST, LONGEST_TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.recipes.command_lines import Declared


class CommandForm(forms.Form):
    """Ask for what the command's schema has; what is left empty is not sent."""

    def __init__(self, declared: Declared, data: Mapping[str, str] | None = None) -> None:
        super().__init__(data, auto_id="set-%s", use_required_attribute=False)
        required = declared.schema.get("required", ())
        for key, wanted in declared.properties.items():
            self.fields[key] = _make_field(key, wanted, required=key in required)

    @property
    def payload(self) -> dict[str, Any] | None:
        sent = {key: value for key, value in self.cleaned_data.items() if value not in (None, "")}
        return sent if self.fields else None


def _make_field(key: str, wanted: Mapping[str, Any], *, required: bool) -> forms.Field:
    unit = f" ({wanted['unit']})" if wanted.get("unit") else ""
    label = (wanted.get("title") or key) + unit
    about: dict[str, Any] = {"label": label, "required": required, "help_text": wanted.get("description", "")}
    about["error_messages"] = {"required": f"Give {label}."}
    if "enum" in wanted:
        read = {str(choice): choice for choice in wanted["enum"]}
        blank = [] if required else [("", "–")]
        choices = [*blank, *((text, text) for text in read)]
        return forms.TypedChoiceField(choices=choices, coerce=lambda text: read[text], empty_value=None, **about)
    bounds = {"min_value": wanted.get("minimum", -LARGEST), "max_value": wanted.get("maximum", LARGEST)}
    match wanted["type"]:
        case "number":
            return forms.FloatField(widget=forms.TextInput({"inputmode": "text"}), **bounds, **about)
        case "integer":
            return forms.IntegerField(widget=forms.TextInput({"inputmode": "text"}), **bounds, **about)
        case "boolean":
            choices = [("", "–"), ("true", "Yes"), ("false", "No")]
            return forms.TypedChoiceField(
                choices=choices[required:], coerce=lambda text: text == "true", empty_value=None, **about
            )
    return forms.CharField(max_length=wanted.get("maxLength", LONGEST_TEXT), **about)
