"""A recipe, whole: its details, its tags and attributes as rows, and the format of its serials."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.validators import RegexValidator
from django.forms.formsets import BaseFormSet, formset_factory

from devices import tags
from devices.identity import formats
from devices.models import Attribute, DeviceModel, Recipe, RecipeVersion
from devices.models.recipe import ATTRIBUTE_NAME, ATTRIBUTE_NAME_CAUSE
from devices.recipes.format_form import IdentityForm
from devices.recipes.operations import MAX_ATTRIBUTES, Contents, Line
from lib import parsing
from lib.fields import OneLineField

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.core.exceptions import ValidationError
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
    model = forms.ModelChoiceField(
        DeviceModel.objects.none(),
        label="Model",
        required=False,
        empty_label="Chosen when the device is placed",
        help_text="Of every device made from this recipe, until somebody chooses another one.",
        error_messages={"invalid_choice": "This model is not offered (any more). Choose another one."},
    )
    credential_kind = forms.ChoiceField(label="Credentials", choices=Kind.choices)
    expires = forms.ChoiceField(
        label="Devices that never connect",
        required=False,
        choices=[
            ("", "As usual for these credentials"),
            ("yes", "Expire after the activation window"),
            ("no", "Stay registered"),
        ],
        help_text="Usual is that devices which activate by themselves expire, and others stay.",
    )

    def __init__(self, *args: Any, user: User, last: RecipeVersion | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models: Any = self.fields["model"]
        models.queryset = DeviceModel.objects.manageable_by(user).offered(keep=last.model_id if last else None)

    @property
    def expiring(self) -> bool:
        given = self.cleaned_data
        return given["expires"] == "yes" or (not given["expires"] and given["credential_kind"] in USUALLY_EXPIRE)


class Row(forms.Form):
    """One of many; a row in which nothing stands is no row."""

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
    telling = ("name", "label", "unit", "minimum", "maximum")
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("minimum", "maximum"):
            self.fields[name].widget.attrs["inputmode"] = "text"  # a phone's digits may lack the minus

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        low, high = given.get("minimum"), given.get("maximum")
        if given.get("type") != Attribute.Type.NUMBER and (low is not None or high is not None):
            self.add_error("minimum" if low is not None else "maximum", "Only numbers have a range. Leave it empty.")
        elif low is not None and high is not None and low > high:
            self.add_error("maximum", "This is below the minimum.")
        return given


class Rows(BaseFormSet):  # type: ignore[type-arg]
    """Removed ones and blank ones do not count; `kept` are the others, in their order."""

    most = 0
    twice = ""

    def kept(self) -> Iterator[Row]:
        filled = [row for row in self.forms if row.has_changed() and not self._should_delete_form(row)]  # type: ignore[attr-defined]
        placed = enumerate(filled, start=1)
        return iter([row for _, row in sorted(placed, key=lambda each: (_order(each[1], each[0]), each[0]))])

    def clean(self) -> None:
        seen = set()
        kept = list(self.kept())
        if len(kept) > self.most:
            raise forms.ValidationError(f"These are {len(kept)}; {self.most} are the most. Remove some.")
        for row in kept:
            key = row.cleaned_data.get(row.telling[0])
            if key in seen:
                row.add_error(row.telling[0], self.twice)
            seen.add(key)
            seen.discard(None)


class TagRows(Rows):
    """`stored` are those that the recipe has."""

    most = tags.MOST
    twice = "This tag stands here twice. Remove one of them."
    stored: Mapping[str, object] = MappingProxyType({})

    def clean(self) -> None:
        super().clean()
        rows = {row.cleaned_data["key"]: row for row in self.kept() if row.cleaned_data.get("key")}
        given = {name: row.cleaned_data.get("value", "") for name, row in rows.items()}
        for name, cause in tags.judge(given, self.stored)[1].items():
            rows[name].add_error("key", cause)


class AttributeRows(Rows):
    most = MAX_ATTRIBUTES
    twice = "This name stands here twice. Remove one of them."


def _order(row: Row, place: int) -> int:
    given = row.cleaned_data.get("ORDER") if row.is_valid() else None
    return given if isinstance(given, int) else place


def _rows(row: type[Row], rows: type[Rows]) -> type[Rows]:
    most = rows.most + SPARE
    made: Any = formset_factory(
        row, rows, extra=BLANK, can_delete=True, can_order=True, max_num=most, absolute_max=most
    )
    return made  # type: ignore[no-any-return]


TagFormSet = _rows(TagRow, TagRows)
AttributeFormSet = _rows(AttributeRow, AttributeRows)
STALE = (
    "Somebody else saved this recipe meanwhile. What you entered is below, and not saved yet: compare it with the "
    "recipe's page, then save again to put yours in its place."
)
MESSAGES = {
    "too_many_forms": "These are too many rows. Remove some.",
    "missing_management_form": "The rows did not arrive whole. Send the form once more.",
}


class RecipeForms:
    """The forms of the page together. `base` is the number of the version that the change started from."""

    def __init__(self, *, user: User, data: QueryDict | None = None, recipe: Recipe | None = None) -> None:
        last = recipe.current if recipe else None
        contents = Contents.of(last) if last else Contents()
        initial = _details(recipe, last) if recipe and last else {}
        self.base = last.number if last and data is None else _number(data)
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
        self.identity = identity_form(user, data, contents.identity)

    def is_valid(self) -> bool:
        parts = (self.details, self.tags, self.attributes, self.identity)
        return min(part.is_valid() for part in parts)  # each is asked, so that all errors are told at once

    @property
    def name(self) -> str:
        return str(self.details.cleaned_data["name"])

    @property
    def contents(self) -> Contents:
        given = self.details.cleaned_data
        return Contents(
            model=given["model"],
            credential_kind=given["credential_kind"],
            expires=self.details.expiring,
            default_tags={row.cleaned_data["key"]: row.cleaned_data["value"] for row in self.tags.kept()},
            identity=self.identity.stored,
            attributes=tuple(line(row.cleaned_data) for row in self.attributes.kept()),
        )

    def refuse(self, error: ValidationError) -> None:
        self.details.add_error(None, error)

    def rebase(self, recipe: Recipe) -> None:
        """Says that somebody else was quicker; sent again, it replaces what they saved."""
        self.details.add_error(None, STALE)
        self.base = recipe.current.number


def _number(data: QueryDict | None) -> int:
    return parsing.whole(str(data.get("based_on", ""))) if data else 0


def identity_form(user: User, data: QueryDict | None, stored: object = None) -> IdentityForm:
    """For a recipe: its own format, or else the organisation's."""
    assert user.organisation is not None
    try:
        usual = formats.Format.from_json(user.organisation.identity or {})
    except ValueError:
        usual = formats.OWN
    return IdentityForm(data, stored=stored, usual=usual, whose="The organisation's format")


def _details(recipe: Recipe, last: RecipeVersion) -> dict[str, Any]:
    usual = last.expires == (last.credential_kind in USUALLY_EXPIRE)
    return {
        "name": recipe.name,
        "model": last.model_id,
        "credential_kind": last.credential_kind,
        "expires": "" if usual else "yes" if last.expires else "no",
    }


def line(given: dict[str, Any]) -> Line:
    names = ("name", "type", "unit", "minimum", "maximum")
    return Line(label=given["label"] or given["name"], **{name: given[name] for name in names})
