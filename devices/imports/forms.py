"""An import's file: how it is read, and which column fills which field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms

from devices import imports
from devices.imports.add_devices_forms import PatternField
from devices.imports.columns import UNSAID, ask_for_serials, ask_which_serial, find_spelling, list_plain_names, make_tag
from devices.imports.corrections import Corrections, mark_cell
from devices.imports.doubles import find_doubles, find_group_columns, suggest_anew
from devices.lifecycle.placement_form import PlacingForm
from devices.models import Import
from devices.recipes.organisation_format import format_of
from lib import parsing
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import QueryDict

    from devices.identity import formats
    from tenants.models import User


def _name_delimiter(delimiter: str) -> str:
    return "tab" if delimiter == "\t" else delimiter


def _shorten(cells: Sequence[str]) -> str:
    text = ", ".join(filter(None, cells))
    return text if len(text) <= 60 else f"{text[:59]}…"


SIGNS = [(_name_delimiter(sign), words) for sign, words in imports.DELIMITERS.items()]


def _offer_encodings(guesses: Sequence[Mapping[str, str]]) -> list[Any]:
    """Return the choices of a file whose encoding has to be asked for: what each likely one makes of it, then all."""
    likely = [
        (guess["encoding"], f"{imports.ENCODINGS[guess['encoding']]}: {_shorten([guess['reads']])}")
        for guess in guesses
    ]
    others = [choice for choice in imports.ENCODINGS.items() if choice[0] not in dict(likely)]
    return [("", "Which one reads right?"), ("It may be", likely), ("Or", others)]


def _find_header_row(importing: Import, sheet: str) -> str:
    try:
        return str(imports.find_header_row(importing, encoding="", delimiter="", sheet=sheet))
    except Refusal:
        return "1"


class ReadingForm(forms.Form):
    """Ask how the file is read. What is not understood is left as it was found out."""

    encoding = forms.ChoiceField(choices=list(imports.ENCODINGS.items()), required=False)
    delimiter = forms.ChoiceField(label="Between columns", choices=SIGNS)
    sheet = forms.ChoiceField()
    header_row = forms.IntegerField(
        label="Columns are named in", min_value=0, max_value=imports.LOOK_ROWS, widget=forms.Select
    )

    def __init__(self, data: Mapping[str, Any], *, importing: Import) -> None:
        guesses = importing.encoding_guesses or []
        known = {"encoding": "" if guesses else importing.encoding, "delimiter": _name_delimiter(importing.delimiter)}
        known |= {"sheet": importing.sheet, "header_row": str(importing.header_row)}
        if importing.sheet and data.get("sheet", importing.sheet) != importing.sheet:
            known["header_row"] = _find_header_row(importing, data["sheet"])
        filled = {name: data.get(name) or known[name] for name in known}
        super().__init__(filled, auto_id="reading-%s", use_required_attribute=False)
        self.importing = importing
        self._drop_needless()
        if guesses:
            self.fields["encoding"].choices = _offer_encodings(guesses)  # type: ignore[attr-defined]

    def _drop_needless(self) -> None:
        """Ask of a workbook for its sheet alone, of CSV for everything else."""
        for name in ("encoding", "delimiter") if self.importing.sheet else ("sheet",):
            del self.fields[name]
        if self.importing.sheet:
            self.fields["sheet"].choices = [(name, name) for name in self.importing.sheet_names]  # type: ignore[attr-defined]

    @property
    def chosen_encoding(self) -> str | None:
        """Return the encoding that was chosen; None where it is only guessed."""
        return self.cleaned_data.get("encoding") or None if self.is_valid() else None

    def preview(self) -> imports.Preview:
        """Return the file's first rows, read in this way. Raises Refusal."""
        if not self.is_valid():
            return imports.preview(self.importing)
        cleaned = self.cleaned_data
        reading = {"encoding": self.chosen_encoding, "delimiter": cleaned.get("delimiter", "").replace("tab", "\t")}
        reading |= {"sheet": cleaned.get("sheet"), "header_row": cleaned["header_row"]}
        return imports.preview(self.importing, **reading)

    def offer_rows(self, first: Sequence[tuple[int, list[str]]]) -> None:
        """Let the header be one of the file's first rows, or none."""
        rows = {number: f"Row {number}: {_shorten(cells)}" for number, cells in first}
        if chosen := parsing.parse_whole_number(self.data["header_row"]):
            rows.setdefault(chosen, f"Row {chosen}")
        self.fields["header_row"].widget.choices = [*rows.items(), (0, "No row: the first one is a device")]

    def try_preview(self) -> tuple[imports.Preview | None, str]:
        """Return the first rows, or none and why they can't be read in this way."""
        try:
            return self.preview(), ""
        except Refusal as refusal:
            return None, str(refusal)


def _read_shown(data: QueryDict, importing: Import) -> dict[tuple[int, int], str]:
    """Return the marks of the cells that the page showed; of those it does not tell of, as they are shown now."""
    now = importing.first_problems or ()
    shown = {(row, at): mark_cell(text) for row, cells in now for at, text in enumerate(cells)}
    for place, mark in (each.split(":", 1) for each in str(data.get("shown", "")).split() if ":" in each):
        row, _, at = place.partition("-")
        shown[parsing.parse_whole_number(row), parsing.parse_whole_number(at)] = mark
    return shown


def read_corrections(data: QueryDict, importing: Import) -> Corrections:
    """Return what a page corrects: of the cells that it showed those that somebody changed there, and of its rows those
    to be left out.

    What a page that was opened before showed, `shown` tells: what others corrected since, it leaves alone.
    """
    shown = _read_shown(data, importing)
    rows = {row for row, _ in importing.first_problems or ()}
    odd = {row for shape in (importing.odd_serials or {}).get("shapes", ()) for row in shape["first_rows"]}
    cells: dict[tuple[int, int], str] = {}
    for name in data:
        if (match := re.fullmatch(r"cell-(\d{1,9})-(\d{1,4})", name)) and int(match[1]) in rows:
            place, text = (int(match[1]), int(match[2])), str(data[name])
            if mark_cell(text) != shown.get(place, mark_cell("")) and place[1] < len(importing.header):
                cells[place] = text
    dropped = (rows | odd) & {parsing.parse_whole_number(row) for row in data.getlist("drop")}
    texts: dict[tuple[int, str], str] = {}
    if "meant" in data:
        texts |= _find_meant(importing, parsing.parse_whole_number(str(data["meant"])), str(data.get("sample", "")))
    at, instead = parsing.parse_whole_number(str(data.get("at", ""))), str(data.get("instead", ""))
    if instead and at < len(importing.header):
        texts[at, str(data.get("old", ""))] = instead
    return Corrections(cells, texts, frozenset(dropped))


def _find_meant(importing: Import, at: int, sample: str) -> dict[tuple[int, str], str]:
    """Return what the cells of a column may mean that have one cause, `sample` being the first of them."""
    groups = [group for group in importing.problem_groups or () if group["sample"] == sample and group.get("meant")]
    column = importing.header[at] if at < len(importing.header) else None
    found = next((group["meant"] for group in groups if group["column"] == column), ())
    return {(at, each["text"]): each["instead"] for each in found}


class MatchForm(PlacingForm):
    """Ask which column fills which field, and what happens to rows that don't fit."""

    use_required_attribute = False
    act = forms.ChoiceField(choices=Import.Act.choices, required=False)
    all_or_nothing = forms.ChoiceField(choices=[("yes", ""), ("no", "")])
    name_pattern = PatternField()
    make_serials = forms.BooleanField(required=False)

    def __init__(
        self, *args: Any, user: User, importing: Import, preview: imports.Preview, encoding: str | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.offer_groups(user)
        self.encoding = encoding
        self.importing, self.preview = importing, preview
        kept = ("name_pattern", "make_serials", "act")
        self.initial = {"group": importing.group_id} | {name: getattr(importing, name) for name in kept}
        self.initial["all_or_nothing"] = "yes" if importing.all_or_nothing else "no"
        if not self.format.can_generate:
            del self.fields["make_serials"]
        for number, (title, field) in enumerate(zip(preview.header, self._guess_fields(), strict=True)):
            self.fields[f"column-{number}"] = _make_column_field(title, field)
            self.initial[f"column-{number}"] = field
        for double in find_doubles(preview.header, self._list_initial_fields()):
            named = imports.FIELDS[double.field].lower()
            self.fields[
                f"column-{double.at}"
            ].help_text = f"Looks like the {named}, too: left out unless you choose it."
        for at in self._find_guessed_groups():
            self.fields[f"column-{at}"].help_text = "Its values are names of groups: Group is a guess."

    def _guess_fields(self) -> list[str]:
        """Return the fields as they are kept, if the file is still read as it was; else as anybody would match it."""
        if self.importing.header == self.preview.header and len(self.importing.columns) == len(self.preview.header):
            return list(self.importing.columns)
        return suggest_anew(self.importing, self.preview)

    def _find_guessed_groups(self) -> list[int]:
        """Return the place of the groups' column, if only its values say that it is."""
        header, fields = list_plain_names(self.preview.header), self._list_initial_fields()
        known = self.importing.version.recipe.columns
        taken = [at for at, field in enumerate(fields) if field == "group" and find_spelling(header[at]) != "group"]
        guessed = [at for at in taken if known.get(self.preview.header[at]) != "group"]
        return find_group_columns(self.preview.rows, guessed, self.importing.version)

    def keep_answers(self, answered: Mapping[str, Any]) -> None:
        """Begin with what was answered before the file was read in another way; a column's by its heading."""
        if answered.get("act") not in Import.Act.values:
            return
        kept = ("act", "group", "all_or_nothing", "name_pattern")
        self.initial.update({name: answered[name] for name in kept if name in answered})
        self.initial["make_serials"] = "make_serials" in answered
        for number, (title, field) in enumerate(self.columns):
            if answered.get(f"heading-{number}") == title:
                self.initial[field.name] = answered.get(field.name, "")

    @property
    def columns(self) -> list[tuple[str, forms.BoundField]]:
        """Return each of the file's headings with the field that says what its column is."""
        return [(title, self[f"column-{number}"]) for number, title in enumerate(self.preview.header)]

    def _list_initial_fields(self) -> list[str]:
        return [str(self.initial[f"column-{number}"]) for number in range(len(self.preview.header))]

    @property
    def question(self) -> str:
        """Return what a person has to say of the columns, "" if nothing."""
        columns = self._list_initial_fields()
        if self.is_bound or "serial" in columns or self.initial["make_serials"]:
            return ""
        return ask_which_serial(self.preview.header, columns) if UNSAID in columns else ask_for_serials(self.format)

    @property
    def format(self) -> formats.Format:
        """Return the format of the serials that the recipe takes."""
        return format_of(self.importing.version.recipe.current)

    @property
    def match_arguments(self) -> dict[str, Any]:
        """Return the arguments of devices.imports.match, without `importing` and `by`."""
        cleaned = self.cleaned_data
        return {
            "act": cleaned["act"] or Import.Act.ADD,
            "columns": [cleaned[field.name] for _, field in self.columns],
            "encoding": self.encoding,
            "delimiter": self.preview.delimiter,
            "sheet": self.preview.sheet or None,
            "header_row": self.preview.header_row,
            "group": cleaned["group"],
            "all_or_nothing": cleaned["all_or_nothing"] == "yes",
            "name_pattern": cleaned["name_pattern"],
            "make_serials": cleaned.get("make_serials", False),
        }


def _make_column_field(title: str, field: str) -> forms.ChoiceField:
    tags = dict.fromkeys([field] if field.startswith(imports.TAG) else [])
    if title:
        tags[make_tag(title)] = None
    asked = [(UNSAID, "Serial or not?")] if field == UNSAID else []
    choices = [*asked, ("", "Leave out"), *imports.FIELDS.items()]
    choices += [(tag, f"Tag “{tag.removeprefix(imports.TAG)}”") for tag in tags]
    widget = forms.Select(attrs={"class": "form-select"})
    return forms.ChoiceField(label=f"Column {title}", choices=choices, required=False, widget=widget)
