"""Time zones by their names in the IANA database, and clocks of 12 or 24 hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.db import models

if TYPE_CHECKING:
    from datetime import datetime

LEFT_OUT = ("posix/", "right/", "Etc/GMT", "SystemV/")  # other names of the same, or such as nobody means
NO_PLACES = {"localtime", "posixrules", "Factory"}


class Clock(models.TextChoices):
    HOURS_24 = "24", "24 hours: 18:30"
    HOURS_12 = "12", "12 hours: 6:30 PM"


@lru_cache(maxsize=1)
def list_zones() -> tuple[str, ...]:
    """Return the names that can be chosen, UTC first."""
    known = {name for name in available_timezones() if not name.startswith(LEFT_OUT) and "/" in name} - NO_PLACES
    return ("UTC", *sorted(name for name in known if not name.startswith("Etc/")))


def list_choices() -> list[tuple[str, str]]:
    """Return what a field offers: each zone, and its name in words."""
    return [(name, name.replace("_", " ")) for name in list_zones()]


def validate_zone(name: str) -> None:
    """Raise ValidationError for what is no zone's name."""
    if name not in list_zones():
        raise ValidationError(f"“{name[:64]}” is no time zone: choose one such as UTC or America/Los_Angeles.")


@lru_cache(maxsize=1024)
def get_zone(name: str) -> ZoneInfo:
    """Return the zone of this name; UTC for one that this machine no longer knows."""
    return ZoneInfo(name) if name in list_zones() else ZoneInfo("UTC")


@dataclass(frozen=True)
class PersonClock:
    """Hold what a person's pages and files go by: the name of a time zone, and `Clock`."""

    zone: str = "UTC"
    hours: str = Clock.HOURS_24

    @property
    def has_zone(self) -> bool:
        """Return whether it is another zone than UTC."""
        return self.zone != "UTC"

    @property
    def zone_info(self) -> ZoneInfo:
        return get_zone(self.zone)

    def describe(self, at: datetime) -> str:
        """Return the moment to the second, with its zone: 2026-11-26 19:59:37 PST."""
        local = self._localise(at)
        name = local.tzname() or ""
        zone = f"UTC{name}" if name[:1] in "+-" else name
        if self.hours == Clock.HOURS_12:
            return f"{local:%Y-%m-%d} {local.hour % 12 or 12}:{local:%M:%S} {'PM' if local.hour > 11 else 'AM'} {zone}"
        return f"{local:%Y-%m-%d %H:%M:%S} {zone}"

    def write_cell(self, at: datetime, timespec: str = "seconds") -> str:
        """Return the local time as spreadsheets read it: 2026-11-26 19:59:37."""
        return self._localise(at).replace(tzinfo=None).isoformat(" ", timespec)

    def _localise(self, at: datetime) -> datetime:
        """Return the local time; UTC's for the last hours that there are, as of certificates without an end."""
        try:
            return at.astimezone(self.zone_info)
        except OverflowError:
            return at.astimezone(UTC)
