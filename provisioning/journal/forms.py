"""What the journal can be narrowed by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from devices.identity import serials
from lib import parsing
from lib.refusals import Refusal
from provisioning.journal import kinds, today
from provisioning.journal.sources import Filters
from tenants.picker import GroupField

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from tenants.models import User


class SearchField(forms.CharField):
    """Take words that are searched for, as far as a database takes them."""

    def clean(self, value: Any) -> str:
        return parsing.clean_search_text(value or "")


class DayField(forms.DateField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"), **kwargs)

    def to_python(self, value: Any) -> date | None:
        try:
            return today.parse_day(str(value)) if value else None
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal)) from None


class JournalFilter(forms.Form):
    """Narrow the journal; every field is optional, and what is not understood finds nothing and says so."""

    kind = forms.ChoiceField(label="What", required=False)
    q = SearchField(label="Words", required=False, widget=forms.TextInput({"type": "search", "autocomplete": "off"}))
    who = SearchField(label="Who", required=False, widget=forms.TextInput({"type": "search", "autocomplete": "off"}))
    device = SearchField(label="Serial", required=False, widget=forms.TextInput({"autocomplete": "off"}))
    group = GroupField(label="Group", required=False, empty_label="Any group")
    since = DayField(label="From")
    until = DayField(label="To")

    narrowing: ClassVar[tuple[str, ...]] = ("kind", "q", "who", "device", "group", "since", "until")

    def __init__(self, data: Mapping[str, Any], *, user: User) -> None:
        super().__init__(data, auto_id="journal-%s", use_required_attribute=False)
        self.fields["kind"].choices = [("", "Everything but connections"), *kinds.list_options()]  # type: ignore[attr-defined]
        self.fields["group"].offer(user, "manage")  # type: ignore[attr-defined]
        for name in ("q", "who"):
            self.fields[name].widget.attrs["maxlength"] = str(parsing.LONGEST_SEARCH)
        self.fields["device"].widget.attrs["maxlength"] = str(serials.MAX_LENGTH)

    @property
    def is_narrowed(self) -> bool:
        return any(self.data.get(name) for name in (*self.narrowing, "group-sought", "group-offered"))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", "This day is before the first one. Choose a later one.")
        return cleaned

    def read(self) -> Filters | None:
        """Return the filters; None where something was not understood."""
        if not self.is_valid():
            return None
        given = self.cleaned_data
        since, until = given["since"], given["until"]
        return Filters(
            kind=given["kind"],
            words=given["q"],
            person=given["who"],
            group=given["group"],
            device=given["device"],
            since=today.get_bounds(since)[0] if since else None,
            until=today.get_bounds(until)[1] if until else None,
        )
