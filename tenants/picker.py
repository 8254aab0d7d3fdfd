"""Choosing a group: a list while there are few, a search where there are many."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.db.models.functions import Lower
from django.template.loader import render_to_string
from django.urls import reverse

from lib import parsing
from tenants.models import Group, Role, under
from tenants.tree import ancestry, trails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tenants.models import GroupQuerySet, User

LISTED = 200  # groups in a list to choose from
FOUND = 20  # at a time by a search
SCOPES: dict[str, Callable[[User], GroupQuerySet]] = {
    "place": lambda user: Group.objects.registrable_by(user),
    "put": lambda user: Group.objects.manageable_by(user).registrable_by(user),
    "see": lambda user: Group.objects.visible_to(user),
    "manage": lambda user: Group.objects.manageable_by(user),
}
LEAVES = {"place", "put"}
SPACE = "\u2003"
NONE = "No group that you can choose is called that. Try a part of its name, or of the name of one above it."
SEVERAL = "Several groups fit. Choose one of them, or write more of its name."


class Choice(NamedTuple):
    pk: int
    name: str
    above: str


class Sought(str):
    """Hold words that somebody wrote and has not made a choice by."""


def name_groups(user: User, groups: Iterable[Group], role: Role = Role.VIEWER) -> list[Choice]:
    """Return the groups with the names above them, as far as the user has the role there."""
    rows = list(groups)
    above = trails(user, rows, role)
    return [Choice(row.pk, row.name, above[row.path]) for row in rows]


def search_scope(user: User, scope: GroupQuerySet, text: str) -> list[Group]:
    """Return up to FOUND groups that are called so, then such as lie below one that is."""
    matches = list(scope.filter(name__icontains=text).order_by(Lower("name"), "pk")[:FOUND])
    if len(matches) == FOUND:
        return matches
    above = Group.objects.visible_to(user).filter(name__icontains=text, numchild__gt=0)[:FOUND]
    below = scope.filter(under(row.path for row in above)).exclude(pk__in=[row.pk for row in matches])
    return matches + list(below.order_by("path")[: FOUND - len(matches)])


class Picker(forms.Widget):
    """Show a field to search in. Without JavaScript, sending the form with words in it brings what they find."""

    legend = "Used recently"

    def __init__(self, user: User, among: str, recent: list[Choice], kept: Group | None = None) -> None:
        super().__init__()
        self.user, self.among, self.offered, self.kept = user, among, recent, kept

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        written = data.get(f"{name}-sought")
        text = parsing.clean_search_text(written or "")
        if text and text != data.get(f"{name}-for", "").strip():
            return Sought(text)
        return data.get(f"{name}-offered") or data.get(name)

    def use_required_attribute(self, initial: Any) -> bool:
        return False  # what is offered beside it may be chosen instead

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not {name, f"{name}-sought", f"{name}-offered"} & set(data)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        text, pk = (value, "") if isinstance(value, Sought) else self._find_chosen(value)
        attributes = self.build_attrs(self.attrs, attrs)
        context = {
            "name": name,
            "id": attributes.pop("id", f"id_{name}"),
            "attrs": forms.utils.flatatt(attributes),
            "text": text,
            "pk": pk,
            "legend": self.legend,
            "offered": self.offered,
            "url": f"{reverse('tenants:group-choices')}?among={self.among}",
        }
        return render_to_string("_group_field.html", context)

    def _find_chosen(self, value: Any) -> tuple[str, str]:
        pk = parsing.parse_whole_number(str(getattr(value, "pk", value) or ""))
        if pk and self.kept and self.kept.pk == pk:
            return describe_kept(self.kept), str(pk)
        group = SCOPES[self.among](self.user).filter(pk=pk).first() if pk else None
        return (group.name, str(group.pk)) if group else ("", "")


class GroupField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Choose one of the groups in one of `SCOPES`, once `offer` has said whose; however it was chosen."""

    user: User
    among: str
    understood = 0
    kept: Group | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Group.objects.none(), **kwargs)

    def offer(self, user: User, among: str, *, recent: Iterable[Group] = (), stored: Group | None = None) -> list[int]:
        """Offer the user's groups in a scope; return the ids of those listed, none if they are too many for a list.

        The `stored` one stays a choice, and says what it is, where the scope has it no more.
        """
        self.user, self.among, self.queryset = user, among, SCOPES[among](user)
        rows, recently_used = list(self.queryset[: LISTED + 1]), list(recent)
        self.kept = kept = None if stored is None or self.queryset.filter(pk=stored.pk).exists() else stored
        few = len(rows) <= LISTED
        shown = name_groups(user, [*recently_used, *(rows if few else [])])
        if few:
            first = [*self._build_empty_option(), *([(kept.pk, describe_kept(kept))] if kept else [])]
            self.choices = [*first, *self._build_options(rows, shown[len(recently_used) :])]
            return [row.pk for row in rows]
        self.widget = Picker(user, among, shown, kept)
        self.widget.is_required = self.required
        return []

    def clean(self, value: Any) -> Any:
        return super().clean(self._find_only_match(value) if isinstance(value, Sought) else value)

    def to_python(self, value: Any) -> Any:
        return self.kept if self.kept and str(value) == str(self.kept.pk) else super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        """Return what words were understood as, once they were."""
        return self.understood if isinstance(value, Sought) and self.understood else super().prepare_value(value)

    def _find_only_match(self, text: Sought) -> int:
        matches = search_scope(self.user, SCOPES[self.among](self.user), text)
        exact = [row for row in matches if row.name.casefold() == text.casefold()]
        for rows in (matches, exact):
            if len(rows) == 1:
                self.understood = int(rows[0].pk)
                return self.understood
        if not matches:
            raise forms.ValidationError(NONE, code="invalid_choice")
        self.widget.legend, self.widget.offered = "Found", name_groups(self.user, matches)
        raise forms.ValidationError(SEVERAL, code="several")

    def _build_options(self, rows: list[Group], shown: list[Choice]) -> list[Any]:
        """Build the options: leaves under the names above them; whole trees in their own order, set in."""
        if self.among in LEAVES:
            return build_option_groups(shown)
        paths = {row.path for row in rows}
        inside = {row.path: len(paths.intersection(ancestry(row.parent_path))) for row in rows}
        return [(row.pk, f"{SPACE * inside[row.path]}{row.name}") for row in rows]

    def _build_empty_option(self) -> list[tuple[str, str]]:
        return [("", str(self.empty_label))] if self.empty_label is not None else []


def describe_kept(group: Group) -> str:
    """Name a group that is chosen, and can't be chosen any more."""
    return f"{group} ({'archived' if group.archived_at else 'has groups below it'})"


def build_option_groups(choices: list[Choice]) -> list[tuple[str, list[tuple[int, str]]]]:
    """Build option groups: the groups under the names above them."""
    ordered = sorted(choices, key=lambda choice: (choice.above, choice.name.casefold()))
    return [
        (above or "Groups", [(choice.pk, choice.name) for choice in rows])
        for above, rows in groupby(ordered, key=lambda choice: choice.above)
    ]
