"""A recipe, whole: its details, its tags and attributes as rows, and the format of its serials."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.forms.formsets import BaseFormSet, formset_factory

from devices import tags
from devices.identity import formats
from devices.models import Attribute, DeviceModel, Recipe, RecipeVersion
from devices.models.recipe import ATTRIBUTE_NAME, ATTRIBUTE_NAME_CAUSE
from devices.recipes import command_lines
from devices.recipes import operations as recipes
from devices.recipes.format_form import IdentityForm
from devices.recipes.operations import MAX_ATTRIBUTES, MOST_DECIMALS, Contents, Line
from lib import parsing
from lib.fields import OneLineField, RowField
from tenants.models import Presence, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.http import QueryDict

    from tenants.models import User

BLANK = 3  # rows, for those without scripts
SPARE = 20  # rows beyond the most that may be kept: removed and blank ones
Kind = RecipeVersion.CredentialKind
USUALLY_EXPIRE = {Kind.ACTIVATION}


class DetailsForm(forms.Form):
    name = OneLineField(
        label="Name",
        max_length=120,
        help_text="What it makes: “Generator gateway”.",
        error_messages={"required": "Give the recipe a name."},
    )
    model = RowField(
        DeviceModel.objects.none(),
        label="Model",
        required=False,
        empty_label="Chosen when the device is placed",
        help_text="Of every device made from this recipe, until somebody chooses another one.",
        error_messages={"invalid_choice": "This model is not offered (any more). Choose another one."},
    )
    credential_kind = forms.ChoiceField(
        label="Credentials", choices=Kind.choices, error_messages={"invalid_choice": recipes.NOT_ACCEPTED}
    )
    expires = forms.ChoiceField(
        label="Devices that never connect",
        required=False,
        choices=[
            ("", "As usual for these credentials"),
            ("yes", "Expire after the activation window"),
            ("no", "Stay"),
        ],
        help_text="Usual is that devices which activate by themselves expire, and others stay.",
    )

    presence = forms.ChoiceField(
        label="Proof of presence",
        required=False,
        choices=[("", "As the organisation says"), *Presence.choices],
        help_text="What shows that a technician stands at the device.",
    )

    def __init__(self, *args: Any, user: User, last: RecipeVersion | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models: Any = self.fields["model"]
        models.queryset = DeviceModel.objects.manageable_by(user).available(keep=last.model_id if last else None)
        kinds: Any = self.fields["credential_kind"]
        offered = recipes.ACCEPTED | ({last.credential_kind} if last else set())
        kinds.choices = [(kind, label) for kind, label in Kind.choices if kind in offered]

    @property
    def is_expiring(self) -> bool:
        cleaned = self.cleaned_data
        return cleaned["expires"] == "yes" or (not cleaned["expires"] and cleaned["credential_kind"] in USUALLY_EXPIRE)


class Row(forms.Form):
    """Take one of many; a row in which nothing stands is no row."""

    telling: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"empty_permitted": True, "use_required_attribute": False})

    def has_changed(self) -> bool:
        return any(name in self.telling for name in self.changed_data)


class TagRow(Row):
    telling = ("key", "value")
    key = forms.CharField(label="Name", error_messages={"required": "Give the tag a name."})
    value = forms.CharField(label="Value", required=False)


class AttributeRow(Row):
    telling = ("name", "label", "unit", "minimum", "maximum", "decimals", "faults")
    name = forms.CharField(
        label="Name",
        max_length=64,
        validators=[RegexValidator(ATTRIBUTE_NAME, ATTRIBUTE_NAME_CAUSE)],
        error_messages={"required": "Give the attribute the name under which devices report it."},
    )
    label = OneLineField(label="Label", max_length=120, required=False)
    type = forms.ChoiceField(label="Type", choices=Attribute.Type.choices, initial=Attribute.Type.NUMBER)
    unit = OneLineField(label="Unit", max_length=16, required=False)
    minimum = forms.FloatField(label="Minimum", required=False, widget=forms.TextInput)
    maximum = forms.FloatField(label="Maximum", required=False, widget=forms.TextInput)
    decimals = forms.IntegerField(
        label="Decimals", required=False, min_value=0, max_value=MOST_DECIMALS, widget=forms.TextInput
    )
    reads_text = forms.BooleanField(label="Read numbers written as text", required=False)
    faults = OneLineField(label="Values that are a fault", max_length=recipes.FAULTS_LENGTH, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("minimum", "maximum"):
            self.fields[name].widget.attrs["inputmode"] = "text"  # a phone's digits may lack the minus
        self.fields["decimals"].widget.attrs["inputmode"] = "numeric"

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        low, high = cleaned.get("minimum"), cleaned.get("maximum")
        if cleaned.get("type") != Attribute.Type.NUMBER and (low is not None or high is not None):
            self.add_error("minimum" if low is not None else "maximum", "Only numbers have a range. Leave it empty.")
        elif low is not None and high is not None and low > high:
            self.add_error("maximum", "This is below the minimum.")
        if cleaned.get("type") != Attribute.Type.NUMBER:
            if cleaned.get("decimals") is not None:
                self.add_error("decimals", "Only numbers have decimals. Leave it empty.")
            if cleaned.get("reads_text"):
                self.add_error("reads_text", "Only numbers are read from text. Leave it off.")
        if cause := recipes.find_cause_against_faults(cleaned.get("type", ""), cleaned.get("faults", "")):
            self.add_error("faults", cause)
        return cleaned


class CommandRow(Row):
    telling = ("name", "label", "schema")
    name = forms.CharField(
        label="Name",
        max_length=64,
        validators=[RegexValidator(ATTRIBUTE_NAME, ATTRIBUTE_NAME_CAUSE)],
        error_messages={"required": "Give the command the name by which devices know it."},
    )
    label = OneLineField(label="Label", max_length=120, required=False)
    role = forms.ChoiceField(
        label="Sent by",
        choices=[(each.name.lower(), f"{each.label}s".capitalize()) for each in Role],
        initial="technician",
        help_text="And whoever may more.",
    )
    answers = forms.ChoiceField(
        label="Its devices",
        choices=[("yes", "Answer it, and know it by its id"), ("no", "Answer nothing")],
        initial="yes",
    )
    seconds = forms.IntegerField(
        label="Waits, in seconds",
        required=False,
        min_value=command_lines.SHORTEST,
        max_value=command_lines.LONGEST,
        widget=forms.TextInput({"inputmode": "numeric"}),
    )
    schema = forms.JSONField(
        label="Payload",
        required=False,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
        help_text='JSON Schema, such as {"properties": {"load": {"type": "number", "maximum": 500}}}. Empty: none.',
        error_messages={"invalid": "This is no JSON."},
    )

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                self.line = command_lines.clean_lines([self._read()])[0]
            except ValidationError as error:
                self.add_error("schema", error.message_dict["commands"])
        return self.cleaned_data

    def _read(self) -> dict[str, Any]:
        return self.cleaned_data | {"answers": self.cleaned_data["answers"] == "yes"}


class Rows(BaseFormSet):  # type: ignore[type-arg]
    """Take rows, of which removed and blank ones do not count; `find_kept_rows` returns the others, in their order."""

    most = 0
    twice = ""

    def find_kept_rows(self) -> Iterator[Row]:
        filled = [row for row in self.forms if row.has_changed() and not self._should_delete_form(row)]  # type: ignore[attr-defined]
        placed = enumerate(filled, start=1)
        return iter([row for _, row in sorted(placed, key=lambda pair: (_find_place(pair[1], pair[0]), pair[0]))])

    def clean(self) -> None:
        seen = set()
        kept = list(self.find_kept_rows())
        if len(kept) > self.most:
            raise forms.ValidationError(f"These are {len(kept)}; {self.most} are the most. Remove some.")
        for row in kept:
            key = row.cleaned_data.get(row.telling[0])
            if key in seen:
                row.add_error(row.telling[0], self.twice)
            seen.add(key)
            seen.discard(None)


class TagRows(Rows):
    """Take tags. `stored` are those that the recipe has."""

    most = tags.MOST
    twice = "This tag stands here twice. Remove one of them."
    stored: Mapping[str, object] = MappingProxyType({})

    def clean(self) -> None:
        super().clean()
        rows = {row.cleaned_data["key"]: row for row in self.find_kept_rows() if row.cleaned_data.get("key")}
        cleaned = {name: row.cleaned_data.get("value", "") for name, row in rows.items()}
        for name, cause in tags.judge(cleaned, self.stored)[1].items():
            rows[name].add_error("key", cause)


class CommandRows(Rows):
    most = command_lines.MOST
    twice = "This name stands here twice. Remove one of them."


class AttributeRows(Rows):
    most = MAX_ATTRIBUTES
    twice = "This name stands here twice. Remove one of them."


def _find_place(row: Row, place: int) -> int:
    order = row.cleaned_data.get("ORDER") if row.is_valid() else None
    return order if isinstance(order, int) else place


def _make_formset(row: type[Row], rows: type[Rows]) -> type[Rows]:
    most = rows.most + SPARE
    made: Any = formset_factory(
        row, rows, extra=BLANK, can_delete=True, can_order=True, max_num=most, absolute_max=most
    )
    return made  # type: ignore[no-any-return]


TagFormSet = _make_formset(TagRow, TagRows)
CommandFormSet = _make_formset(CommandRow, CommandRows)
AttributeFormSet = _make_formset(AttributeRow, AttributeRows)
MESSAGES = {
    "too_many_forms": "These are too many rows. Remove some.",
    "missing_management_form": "The rows did not arrive whole. Send the form once more.",
}


class RecipeForms:
    """Hold the forms of the page. `base` is the number of the version that the change started from."""

    def __init__(self, *, user: User, data: QueryDict | None = None, recipe: Recipe | None = None) -> None:
        last = recipe.current if recipe else None
        contents = Contents.of(last) if last else Contents()
        initial = _build_details(recipe, last) if recipe and last else {}
        self.base = last.number if last and data is None else _read_number(data)
        self.details = DetailsForm(data, user=user, last=last, initial=initial)
        lines = [{"key": key, "value": tags.as_text(value)} for key, value in contents.default_tags.items()]
        self.tags = TagFormSet(data, prefix="tags", initial=lines if data is None else None, error_messages=MESSAGES)
        self.tags.stored = contents.default_tags  # type: ignore[attr-defined]
        self.attributes = AttributeFormSet(
            data,
            prefix="attributes",
            initial=[vars(line) for line in contents.attributes] if data is None else None,
            error_messages=MESSAGES,
        )
        self.commands = CommandFormSet(
            data,
            prefix="commands",
            initial=[_show_command(line) for line in contents.commands] if data is None else None,
            error_messages=MESSAGES,
        )
        self.identity = make_identity_form(user, data, contents.identity)

    def is_valid(self) -> bool:
        parts = (self.details, self.tags, self.attributes, self.commands, self.identity)
        return min(part.is_valid() for part in parts)  # each is asked, so that all errors are told at once

    @property
    def name(self) -> str:
        return str(self.details.cleaned_data["name"])

    @property
    def contents(self) -> Contents:
        cleaned = self.details.cleaned_data
        return Contents(
            model=cleaned["model"],
            credential_kind=cleaned["credential_kind"],
            expires=self.details.is_expiring,
            presence=cleaned["presence"],
            default_tags={row.cleaned_data["key"]: row.cleaned_data["value"] for row in self.tags.find_kept_rows()},
            commands=[row.line for row in self.commands.find_kept_rows() if isinstance(row, CommandRow)],
            identity=self.identity.stored_json,
            attributes=tuple(make_line(row.cleaned_data) for row in self.attributes.find_kept_rows()),
        )

    def rebase(self, recipe: Recipe) -> None:
        """Start from what is last now: sent again, it replaces what somebody else saved meanwhile."""
        self.base = recipe.current.number


def _show_command(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"answers": "yes" if line["answers"] else "no", "schema": line["schema"] or None}


def _read_number(data: QueryDict | None) -> int:
    return parsing.parse_whole_number(str(data.get("based_on", ""))) if data else 0


def make_identity_form(user: User, data: QueryDict | None, stored: object = None) -> IdentityForm:
    """Return the form of a recipe's format: its own, or else the organisation's."""
    assert user.organisation is not None
    try:
        usual = formats.Format.from_json(user.organisation.identity or {})
    except ValueError:
        usual = formats.OWN
    return IdentityForm(data, stored=stored, usual=usual, whose="The organisation's format")


def _build_details(recipe: Recipe, last: RecipeVersion) -> dict[str, Any]:
    usual = last.expires == (last.credential_kind in USUALLY_EXPIRE)
    return {
        "name": recipe.name,
        "model": last.model_id,
        "credential_kind": last.credential_kind,
        "expires": "" if usual else "yes" if last.expires else "no",
        "presence": last.presence,
    }


def make_line(cleaned: dict[str, Any]) -> Line:
    names = ("name", "type", "unit", "minimum", "maximum", "decimals", "reads_text", "faults")
    return Line(label=cleaned["label"] or cleaned["name"], **{name: cleaned[name] for name in names})
