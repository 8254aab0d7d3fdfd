"""What an admin says of a door, whatever its kind."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone

from devices.models import Recipe
from devices.recipes.operations import find_available_recipes
from lib.fields import OneLineField, RowField
from lib.stored_form import StoredForm
from provisioning.models import Door
from tenants.picker import GroupField

if TYPE_CHECKING:
    from tenants.models import User

MOST_NETWORKS = 50
MOST = 10_000_000


class DoorForm(StoredForm):
    name = OneLineField(max_length=120, error_messages={"required": "Give the door a name."})
    recipe = RowField(
        Recipe.objects.none(),
        empty_label=None,
        help_text="From which its devices are made.",
        error_messages={
            "required": "Choose a recipe.",
            "invalid_choice": "This recipe is not offered (any more). Choose another one.",
        },
    )
    admits = forms.ChoiceField(
        label="Lets in",
        choices=Door.Admits.choices,
        initial=Door.Admits.NEW,
        error_messages={"required": "Choose whom it lets in.", "invalid_choice": "Choose whom it lets in."},
    )
    group = GroupField(
        required=False,
        empty_label="None: a technician places them",
        help_text="Into which the devices come at once.",
        error_messages={"invalid_choice": "This group can't take devices (any more). Choose another one."},
    )
    cap = forms.IntegerField(
        label="How many devices",
        required=False,
        min_value=1,
        max_value=MOST,
        help_text="At most, over its whole time. Empty: any number.",
        error_messages={
            "invalid": "Write a whole number, or leave it empty.",
            "min_value": "Write 1 or more, or leave it empty.",
            "max_value": f"Write {MOST:,} or less, or leave it empty.",
        },
    )
    last_day = forms.DateField(
        label="Open until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day, in UTC. Without one it is open until it is ended.",
        error_messages={"invalid": "Write a day as 2026-12-31."},
    )
    pattern = OneLineField(
        label="Pattern of identities",
        required=False,
        max_length=120,
        help_text="Such as KG2-*: * stands for any characters, ? for one. Empty: any that fits the recipe's serials.",
    )
    networks = OneLineField(
        required=False,
        max_length=2000,
        help_text="From which it is open, such as 192.0.2.0/24, with commas between them. Empty: from everywhere.",
    )

    def __init__(self, *args: Any, user: User, door: Door | None = None, **kwargs: Any) -> None:
        super().__init__(*args, stored=_read_stored(door) if door else None, **kwargs)
        self.door = door
        recipes: Any = self.fields["recipe"]
        recipes.queryset = find_available_recipes(user)
        group: Any = self.fields["group"]
        group.offer(user, "place", stored=door.group if door else None)
        if door:
            del self.fields["recipe"]

    def clean_last_day(self) -> datetime | None:
        """Return the end of that day."""
        day = self.cleaned_data["last_day"]
        if not day:
            return None
        if self.door and day == get_last_day(self.door):
            return self.door.expires_at
        if day < timezone.now().date():
            raise forms.ValidationError("This day is over. Choose a later one, or none.")
        if day.year > 9000:
            raise forms.ValidationError("Choose an earlier day, or none.")
        return datetime.combine(day + timedelta(days=1), time(), UTC)

    def clean_networks(self) -> list[str]:
        return read_networks(self.cleaned_data["networks"].replace(",", " ").split())

    @property
    def policy(self) -> dict[str, Any]:
        """Return what `operations.create_door` takes, but for the kind's own settings; of a door that there is, what
        was touched."""
        return {"expires_at" if name == "last_day" else name: value for name, value in self.changes.items()}


def read_networks(texts: list[str]) -> list[str]:
    """Return the networks as they are kept, each once. Raises ValidationError."""
    if len(texts) > MOST_NETWORKS:
        raise forms.ValidationError(f"At most {MOST_NETWORKS} networks. Write larger ones.")
    return list(dict.fromkeys(_read_network(text.strip()) for text in texts))


def _read_network(text: str) -> str:
    """Return the network as addresses are compared with it: one of IPv4 written as IPv6 as what it is."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in text:
        such = "Write networks such as 192.0.2.0/24 or 2001:db8::/32."
        raise forms.ValidationError(f"“{text[:60]}” is no network. {such}")
    if str(ipaddress.ip_interface(text).ip) != str(network.network_address):
        such = f"Write {network} for all of it, or {text.partition('/')[0]} for that address alone."
        raise forms.ValidationError(f"“{text[:60]}” is an address within a network. {such}")
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return f"{mapped}/{network.prefixlen - 96}" if mapped is not None and network.prefixlen >= 96 else str(network)


def get_last_day(door: Door) -> Any:
    return (door.expires_at - timedelta(microseconds=1)).astimezone(UTC).date() if door.expires_at else None


def _read_stored(door: Door) -> dict[str, Any]:
    kept = {name: getattr(door, name) for name in ("name", "admits", "cap", "pattern", "group")}
    return kept | {"networks": ", ".join(door.networks), "last_day": get_last_day(door)}
