"""An import's file: how it is read, and which column fills which field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from devices import imports
from devices.identity import formats
from devices.imports.add_devices_forms import PatternField
from devices.lifecycle.placement_form import PlacingForm
from devices.recipes.organisation_format import format_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.models import Import
    from tenants.models import User


def _named(delimiter: str) -> str:
    return "tab" if delimiter == "\t" else delimiter


SIGNS = [(_named(sign), words) for sign, words in imports.DELIMITERS.items()]


class ReadingForm(forms.Form):
    """How the file is read. What is not understood is left as it was found out."""

    encoding = forms.ChoiceField(choices=list(imports.ENCODINGS.items()))
    delimiter = forms.ChoiceField(label="Between columns", choices=SIGNS)

    def __init__(self, data: Mapping[str, Any], *, importing: Import) -> None:
        known = {"encoding": importing.encoding, "delimiter": _named(importing.delimiter)}
        given = {name: data.get(name) or known[name] for name in known}
        super().__init__(given, auto_id="reading-%s", use_required_attribute=False)
        self.importing = importing

    def preview(self) -> imports.Preview:
        """The file's first rows, read in this way. Raises imports.Unreadable."""
        if not self.is_valid():
            return imports.preview(self.importing)
        delimiter = self.cleaned_data["delimiter"].replace("tab", "\t")
        return imports.preview(self.importing, encoding=self.cleaned_data["encoding"], delimiter=delimiter)


class MatchForm(PlacingForm):
    """Which column fills which field, and what happens to rows that don't fit."""

    use_required_attribute = False
    all_or_nothing = forms.ChoiceField(choices=[("yes", ""), ("no", "")])
    name_pattern = PatternField()

    def __init__(self, *args: Any, user: User, importing: Import, preview: imports.Preview, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_groups(user)
        self.importing, self.preview = importing, preview
        self.initial = {"group": importing.group_id, "name_pattern": importing.name_pattern}
        self.initial["all_or_nothing"] = "yes" if importing.all_or_nothing else "no"
        for number, (title, field) in enumerate(zip(preview.header, self._guessed(), strict=True)):
            self.fields[f"column-{number}"] = _column(title, field)
            self.initial[f"column-{number}"] = field

    def _guessed(self) -> list[str]:
        """As it is kept, if the file is still read as it was; else as anybody would match it."""
        if self.importing.header == self.preview.header and len(self.importing.columns) == len(self.preview.header):
            return list(self.importing.columns)
        version = self.importing.version
        return imports.guess(self.preview.header, version.recipe.columns, format_of(version).can_generate)[0]

    @property
    def columns(self) -> list[tuple[str, forms.BoundField]]:
        """Each of the file's headings with the field that says what its column is."""
        return [(title, self[f"column-{number}"]) for number, title in enumerate(self.preview.header)]

    @property
    def format(self) -> formats.Format:
        """Of the serials that the recipe takes."""
        return format_of(self.importing.version)

    @property
    def wanted(self) -> dict[str, Any]:
        """What devices.imports.match asks for."""
        given = self.cleaned_data
        return {
            "columns": [given[field.name] for _, field in self.columns],
            "encoding": self.preview.encoding,
            "delimiter": self.preview.delimiter,
            "group": given["group"],
            "all_or_nothing": given["all_or_nothing"] == "yes",
            "name_pattern": given["name_pattern"],
        }


def _column(title: str, field: str) -> forms.ChoiceField:
    tags = dict.fromkeys([field] if field.startswith(imports.TAG) else [])
    if title:
        tags[f"{imports.TAG}{title}"] = None
    choices = [("", "Leave out"), *imports.FIELDS.items()]
    choices += [(tag, f"Tag “{tag.removeprefix(imports.TAG)}”") for tag in tags]
    widget = forms.Select(attrs={"class": "form-select"})
    return forms.ChoiceField(label=f"Column {title}", choices=choices, required=False, widget=widget)
