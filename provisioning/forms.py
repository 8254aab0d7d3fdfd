"""What a technician fills in. Choices start from what they may use; the server asks everything again."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from django import forms

from devices import serials
from devices.models import Device, DeviceModel
from provisioning import labels
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tenants.models import User

Choice = tuple[int | str, str]


class ScanForm(forms.Form):
    """What a label says, scanned or typed; after validation `candidates` holds the serials it may stand for."""

    text = forms.CharField(
        max_length=labels.MAX_TEXT,
        error_messages={"required": "Scan the label, or type the serial that is printed on it."},
    )

    def __init__(self, *args: Any, origins: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.origins = origins
        self.candidates: list[str] = []

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        try:
            self.candidates = labels.read(text, origins=self.origins)
        except labels.NotALabel as error:
            raise forms.ValidationError(
                f"This is {error}, not a device label. Scan the QR code on the device, or type the serial below it."
            ) from None
        return text

    def refuse_busy(self, *, minutes: int) -> None:
        self.add_error(
            "text",
            f"Somebody else is registering this device, for another {max(minutes, 1)} min at most. "
            "Ask them to cancel, or scan it again then.",
        )

    def refuse_unknown(self) -> None:
        if all(map(serials.is_mistyped, self.candidates)):
            self.add_error("text", "This serial is mistyped: its check characters don't fit. Look again.")
        else:
            self.add_error(
                "text",
                "There is no device with this serial that you can register. "
                "Compare it with the label, or ask an administrator whether the device is in your organisation.",
            )


class PlaceForm(forms.Form):
    name = forms.CharField(
        max_length=120,
        help_text="What people at the site call it.",
        error_messages={"required": "Give the device a name."},
    )
    group = forms.ModelChoiceField(
        Group.objects.none(),
        empty_label="Choose a group…",
        error_messages={
            "required": "Choose where the device is installed.",
            "invalid_choice": "This group can't take the device (any more). Choose another one.",
        },
    )
    model = forms.ModelChoiceField(
        DeviceModel.objects.none(),
        empty_label="Choose a model…",
        error_messages={
            "required": "Choose the device's model.",
            "invalid_choice": "This model is not supported (any more). Choose another one.",
        },
    )

    def __init__(self, *args: Any, user: User, device: Device, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        leaves = Group.objects.registrable_by(user)
        groups: Any = self.fields["group"]
        groups.queryset = leaves
        groups.choices = [("", groups.empty_label), *_under_parents(leaves, user)]
        models: Any = self.fields["model"]
        models.queryset = DeviceModel.objects.visible_to(user)
        self._start_with(device, leaves)

    def _start_with(self, device: Device, leaves: Iterable[Group]) -> None:
        self.initial = {"name": device.name, "model": device.model_id}
        only, *others = [*leaves, None]
        if only is not None and others == [None]:
            self.initial["group"] = only.pk


def _under_parents(leaves: Iterable[Group], user: User) -> Iterator[tuple[str, list[Choice]]]:
    """Option groups: every leaf under the path of its parents, as far as the user may see them."""
    names = dict(Group.objects.visible_to(user).values_list("path", "name"))

    def heading(leaf: Group) -> str:
        steps = range(Group.steplen, len(leaf.path), Group.steplen)
        return " / ".join(names[leaf.path[:step]] for step in steps if leaf.path[:step] in names)

    titled = sorted(((heading(leaf), leaf.name, leaf.pk) for leaf in leaves), key=lambda row: (row[0], row[1]))
    for title, rows in groupby(titled, key=lambda row: row[0]):
        yield title or "Groups", [(pk, name) for _, name, pk in rows]
