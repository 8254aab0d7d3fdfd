"""How labels are to look, and which devices get one."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from devices.identity import serials
from devices.inventory.filters import DeviceFilter
from devices.labels import stocks
from devices.labels.layout import Label, Options
from devices.labels.paper_form import PaperForm
from devices.labels.symbol import LEAST_QUIET, QUIET, Level
from devices.models import Device
from tenants.models import Organisation
from tenants.picker import GroupField

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devices.models import DeviceQuerySet
    from tenants.models import User

MOST = 200_000  # labels at once
MOST_TYPED = 5_000  # serials
NAMED = 5  # serials in a message
CHUNK = 1_000
LOOKS = (
    *PaperForm.base_fields,
    "dpi",
    "level",
    "side",
    "quiet",
    "with_name",
    "with_model",
    "with_logo",
    "right",
    "down",
    "output",
)
"""What is the printer's and the label's, and not of the devices, the organisation or a part-used sheet."""


class LabelForm(PaperForm):
    """Ask what one label looks like. Bound to defaults that `data` changes, so that a bare address works."""

    dpi = forms.TypedChoiceField(
        label="Printer",
        choices=[
            (203, "203 dpi: label printer"),
            (300, "300 dpi: label printer"),
            (600, "600 dpi: laser or label"),
        ],
        coerce=int,
    )
    content = forms.ChoiceField(
        label="The code holds",
        choices=Organisation.LabelContent.choices,
        help_text=(
            "With the address, a phone's own camera opens the device. "
            "The serial alone makes a coarser code, which wears better."
        ),
    )
    level = forms.ChoiceField(label="Error correction", choices=Level.choices)
    side = forms.FloatField(
        label="Size of the code, in mm",
        required=False,
        min_value=4,
        max_value=100,
        help_text="Without its white border. Empty: as large as the label allows.",
    )
    quiet = forms.IntegerField(
        label="White border, in modules",
        min_value=LEAST_QUIET,
        max_value=10,
        help_text=f"{QUIET} by the standard; less where the label itself stands on white.",
    )
    start = forms.IntegerField(
        label="First free label of the sheet",
        min_value=1,
        help_text="Counted along the rows, for a sheet that is partly used.",
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value"), "Labels are counted from 1: give the number of the first free one."
        ),
    )
    with_name = forms.BooleanField(label="Device's name", required=False)
    with_model = forms.BooleanField(label="Model", required=False)
    with_logo = forms.BooleanField(label="Logo", required=False)

    defaults: ClassVar[dict[str, str]] = {
        "stock": "l7160",
        "dpi": "600",
        "level": str(Level.Q),
        "quiet": str(QUIET),
        "start": "1",
        "with_name": "on",
    }

    def __init__(
        self,
        data: Mapping[str, str],
        *,
        organisation: Organisation,
        plain: bool = True,
        looks: Mapping[str, str] | None = None,
    ) -> None:
        """Take the defaults, with the `looks` of last time, for what `data` does not name, if `plain`; else it was left
        empty on the page."""
        last = looks if looks and looks.get("stock") in {*stocks.STOCKS, *stocks.OWN} else {}
        start = {**self.defaults, "content": organisation.label_content, **last} if plain else {}
        super().__init__({**start, **data}, auto_id="label-%s", use_required_attribute=False)
        self.organisation = organisation
        if not organisation.logo_digest:
            del self.fields["with_logo"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.paper and cleaned.get("start", 1) > (most := self.paper.per_page):
            self.add_error("start", f"A sheet of these has {most} label{'s' if most > 1 else ''}.")
        return cleaned

    def list_looks(self) -> dict[str, str]:
        """Return what the next time begins with."""
        return {name: str(self.data.get(name, "")) for name in LOOKS if name in self.fields}

    def options(self, *, origin: str, logo_shape: float | None = None) -> Options:
        """Return the looks of a valid form; whether the symbol fits shows when it is drawn."""
        cleaned = self.cleaned_data
        names = ("dpi", "content", "level", "side", "quiet", "start", "with_name", "with_model")
        chosen: dict[str, Any] = {name: cleaned[name] for name in names}
        shape = logo_shape if cleaned.get("with_logo") else None
        assert self.paper is not None
        return Options(stock=self.paper, insets=self.insets, origin=origin, logo_shape=shape, **chosen)


class PrintJobForm(LabelForm):
    """Choose many devices: those of a group, of an import, that a filter finds, or of serials one by one.

    Its names are those of the device list's query, so that a list's address becomes a sheet's.
    """

    group = GroupField(label="Group", required=False, empty_label="All devices")
    serials = forms.CharField(
        label="Only these serials",
        required=False,
        max_length=400_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
        help_text="One a line; labels come in this order.",
    )
    output = forms.ChoiceField(
        label="File", required=False, choices=[("pdf", "PDF"), ("zpl", "ZPL II: label printers")]
    )
    right = forms.FloatField(label="Shift to the right, in mm", min_value=-10, max_value=10, required=False)
    down = forms.FloatField(label="Shift down, in mm", min_value=-10, max_value=10, required=False)
    marks = forms.ChoiceField(
        label="Marks",
        required=False,
        choices=[
            ("", "None"),
            ("outline", "Outlines, for a trial on plain paper"),
            ("ticks", "Ticks in the margin, for cutting"),
        ],
    )

    def __init__(
        self,
        data: Mapping[str, str],
        *,
        user: User,
        organisation: Organisation,
        plain: bool = True,
        looks: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data, organisation=organisation, plain=plain, looks=looks)
        self.user = user
        self.filter = DeviceFilter(dict(data), user=user)
        group = self.fields["group"]
        assert isinstance(group, GroupField)
        group.offer(user, "manage")
        self.fields["import"] = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean_serials(self) -> list[str]:
        """Return the serials as the database compares them, once each, in the order given; all must be the user's."""
        lines = self.cleaned_data["serials"].replace(",", "\n").replace(";", "\n").splitlines()
        typed = {serials.fold(line): line.strip() for line in lines if serials.canonical(line)}
        keys = list(typed)  # where it stood first
        if len(keys) > MOST_TYPED:
            raise ValidationError(
                f"These are {len(keys):,} serials; {MOST_TYPED:,} fit here. Print an import or a group instead."
            )
        others = serials.list_writings(keys)
        own = Device.objects.manageable_by(self.user).filter(retired_at=None)
        written = {*keys, *chain.from_iterable(others.values())}
        known = set(own.filter(serial_key__in=written).values_list("serial_key", flat=True))
        typed = {next((each for each in (key, *others.get(key, ())) if each in known), key): typed[key] for key in keys}
        keys = list(typed)
        if strange := [typed[key][: serials.MAX_LENGTH] for key in keys if key not in known]:
            more = f" and {len(strange) - NAMED:,} more" if len(strange) > NAMED else ""
            raise ValidationError(
                f"Not found among your devices: {', '.join(strange[:NAMED])}{more}. Correct or remove them."
            )
        return keys

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.filter.is_valid():
            self.add_error(None, "The filter of devices is not understood. Choose again which devices.")
        return cleaned

    @property
    def chosen_output(self) -> str:
        return self.cleaned_data["output"] or "pdf"

    def options(self, *, origin: str, logo_shape: float | None = None) -> Options:
        cleaned = self.cleaned_data
        shift = (cleaned["right"] or 0.0, cleaned["down"] or 0.0)
        looks = super().options(origin=origin, logo_shape=logo_shape)
        return replace(looks, shift=shift, marks=cleaned["marks"])

    def devices(self) -> DeviceQuerySet:
        cleaned = self.cleaned_data
        devices = self.filter.apply(Device.objects.manageable_by(self.user))
        if group := cleaned["group"]:
            devices = devices.filter(group__path__startswith=group.path)
        if key := cleaned["import"]:
            devices = devices.filter(source__key=key)
        return devices.filter(serial_key__in=cleaned["serials"]) if cleaned["serials"] else devices

    def count(self) -> int:
        return self.devices().order_by().count()

    def labels(self, drawn: list[int] | None = None) -> Iterator[Label]:
        """Yield labels in the order of the serials given, else in which the devices were added: that of an
        import's file.

        `drawn` gets the primary key of each.
        """
        drawn = [] if drawn is None else drawn
        rows = self.devices().order_by("pk").values_list("pk", "serial_key", "serial", "name", "model__name")
        if keys := self.cleaned_data["serials"]:
            by_serial = {row[1]: row for row in rows}
            drawn += [by_serial[key][0] for key in keys if key in by_serial]
            yield from (Label(*by_serial[key][2:4], by_serial[key][4] or "") for key in keys if key in by_serial)
            return
        last = 0
        while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
            drawn += [row[0] for row in chunk]
            yield from (Label(row[2], row[3], row[4] or "") for row in chunk)
            last = chunk[-1][0]

    def describe_choice(self) -> str:
        """Return the choice of devices in words, for the log."""
        cleaned, narrowed = self.cleaned_data, self.filter.cleaned_data
        parts = [
            f"group {cleaned['group']}" if cleaned["group"] else "",
            f"import {cleaned['import']}" if cleaned["import"] else "",
        ]
        parts += [f"{len(cleaned['serials'])} serials" if cleaned["serials"] else ""]
        parts += [f"{name} {narrowed[name]}" for name in self.filter.narrowing if narrowed[name]]
        parts += ["waiting for a group" if narrowed["waiting"] else ""]
        return ", ".join(part for part in parts if part)[:300] or "all devices"
