"""Pages by key: the next page starts after the last row, so the thousandth costs what the first does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q

from devices.models import Device
from lib import parsing
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.inventory.filters import DeviceFilter
    from devices.models import DeviceQuerySet
    from tenants.models import User

SIZE = 50
COUNTED = 1000


class Key(NamedTuple):
    """Where a row stands in the order of (name, id)."""

    id: int
    name: str

    @classmethod
    def of(cls, device: Device) -> Key:
        return cls(device.pk, device.name)

    @classmethod
    def parse(cls, text: str) -> Key | None:
        number, colon, name = text.partition(":")
        return cls(parsing.whole(number), name) if colon and parsing.is_whole(number) else None

    def __str__(self) -> str:
        return f"{self.id}:{self.name}"

    def following(self) -> Q:
        # The first half alone lets the database start at the right place of its index.
        return Q(name__gte=self.name) & (Q(name__gt=self.name) | Q(pk__gt=self.id))

    def preceding(self) -> Q:
        return Q(name__lte=self.name) & (Q(name__lt=self.name) | Q(pk__lt=self.id))


class Page(NamedTuple):
    """`previous` and `next` are keys for the query, empty where there is no such page."""

    devices: list[Device]
    previous: str
    next: str


def page(found: DeviceQuerySet, given: Mapping[str, str]) -> Page:
    """The page after or before a key, as the query names it; else the first one."""
    devices = found.with_status().select_related("group", "model", "assignment")
    if before := Key.parse(given.get("before", "")):
        rows = list(devices.filter(before.preceding()).order_by("-name", "-pk")[: SIZE + 1])
        shown = rows[:SIZE][::-1]
        return _linked(shown, earlier=len(rows) > SIZE, later=bool(shown))
    after = Key.parse(given.get("after", ""))
    rows = list((devices.filter(after.following()) if after else devices).order_by("name", "pk")[: SIZE + 1])
    return _linked(rows[:SIZE], earlier=bool(after and rows), later=len(rows) > SIZE)


def _linked(shown: list[Device], *, earlier: bool, later: bool) -> Page:
    return Page(shown, str(Key.of(shown[0])) if earlier else "", str(Key.of(shown[-1])) if later else "")


class Count(NamedTuple):
    """How many there are, as far as it is worth counting."""

    number: int

    @property
    def broad(self) -> bool:
        return self.number > COUNTED

    def __str__(self) -> str:
        return f"{COUNTED:,}+" if self.broad else str(self.number)


def counted(found: DeviceQuerySet) -> Count:
    return Count(found.order_by()[: COUNTED + 1].count())


def found(form: DeviceFilter, user: User, group: Group | None) -> tuple[Count, DeviceQuerySet]:
    """How many devices there are, and those devices in the way in which a page of so many is found best."""
    visible, groups = Device.objects.visible_to(user), Group.objects.visible_to(user)
    if group:
        visible, groups = visible.filter(group__path__startswith=group.path), groups.filter(path__startswith=group.path)
    narrowed = form.apply(visible)
    count = counted(narrowed)
    plain = not count.broad or (user.owns_organisation and not group)
    return count, narrowed if plain else form.apply(Device.objects.walked(user, groups))
