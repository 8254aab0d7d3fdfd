"""Which devices an admin means: those ticked, or all that match the list's filters, less some."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict

from devices.identity import serials
from devices.inventory.filters import DeviceFilter
from devices.models import Device
from lib import parsing
from tenants.models import Group

if TYPE_CHECKING:
    from devices.models import DeviceQuerySet
    from tenants.models import User

MOST = 5_000  # that can be named one by one
ADDRESSED = 100  # that an address can name


class Selection(forms.Form):
    """Read which devices are meant.

    `query` is that of the list; `chosen` and `left_out` hold serials between spaces, `serial` is a tick each.
    """

    scope = forms.ChoiceField(choices=[("ticked", ""), ("all", "")], widget=forms.HiddenInput)
    query = forms.CharField(required=False, max_length=2_000, widget=forms.HiddenInput)
    chosen = forms.CharField(required=False, max_length=40 * MOST, widget=forms.HiddenInput)
    left_out = forms.CharField(required=False, max_length=40 * MOST, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, *, user: User) -> None:
        ticked = " ".join([data.get("chosen", ""), *data.getlist("serial")])
        super().__init__({**data.dict(), "chosen": ticked, "scope": data.get("scope", "ticked")}, auto_id=False)
        self.user = user
        self._written: dict[str, str] = {}  # folded serials, as they came

    def clean_chosen(self) -> str:
        return self._fold_serials("chosen")

    def clean_left_out(self) -> str:
        return self._fold_serials("left_out")

    def _fold_serials(self, name: str) -> str:
        folded = {key: text for text in self.cleaned_data[name].split() if (key := serials.fold(text))}
        self._written |= folded
        if len(folded) > MOST:
            raise forms.ValidationError(
                f"More than {MOST:,} devices are ticked. Narrow the list with its filters, and select all that match."
            )
        return " ".join(folded)

    def clean(self) -> None:
        if not self.errors and not self.whole and not self.cleaned_data["chosen"]:
            raise forms.ValidationError("No device is selected. Tick some in the list, or select all that match.")
        if not self.errors and self.whole and not self._filter.is_valid():
            raise forms.ValidationError("These filters can't be understood any more. Go back to the list and set them.")

    @property
    def whole(self) -> bool:
        return bool(self.cleaned_data["scope"] == "all")

    @cached_property
    def _query(self) -> QueryDict:
        return QueryDict(self.cleaned_data["query"].lstrip("?"))

    @cached_property
    def _filter(self) -> DeviceFilter:
        return DeviceFilter({name: str(self._query[name]) for name in self._query}, user=self.user)

    def devices(self) -> DeviceQuerySet:
        """Return whichever of those the user manages now."""
        return self._narrow(Device.objects.manageable_by(self.user))

    def count_outside(self) -> int:
        """Count what was meant besides: not managed by the user, or not there."""
        if not self.whole:
            return len(self.cleaned_data["chosen"].split()) - self.devices().order_by().count()
        seen = self._narrow(Device.objects.visible_to(self.user)).order_by().count()
        return max(0, seen - self.devices().order_by().count())

    def _narrow(self, devices: DeviceQuerySet) -> DeviceQuerySet:
        if not self.whole:
            return devices.filter(serial_key__in=self.cleaned_data["chosen"].split())
        matching = self._filter.apply(self._narrow_to_group(devices))
        left_out = self.cleaned_data["left_out"].split()
        return matching.exclude(serial_key__in=left_out) if left_out else matching

    def _narrow_to_group(self, devices: DeviceQuerySet) -> DeviceQuerySet:
        pk = self._query.get("group", "")
        if not pk:
            return devices
        group = Group.objects.visible_to(self.user).filter(pk=parsing.parse_whole_number(pk)).first()
        return devices.filter(group__path__startswith=group.path) if group else devices.none()

    def describe(self) -> dict[str, object]:
        """Return what was asked for, for the log."""
        left_out = len(self.cleaned_data["left_out"].split())
        return {"query": self._query.urlencode(), "left_out": left_out} if self.whole else {"ticked": True}

    def list_values(self) -> list[tuple[str, str]]:
        """Return names and values with which the next page is told the same."""
        return [(name, str(self.cleaned_data[name])) for name in self.fields]

    def build_address(self) -> str:
        """Return the address of a page which narrows as the list does or takes `serials`; empty where none can say
        it."""
        chosen = self.cleaned_data["chosen"].split()
        if self.whole:
            return "" if self.cleaned_data["left_out"] else self._query.urlencode() or "all=1"
        if len(chosen) > ADDRESSED:
            return ""
        return urlencode({"serials": "\n".join(self._written[key] for key in chosen)})
