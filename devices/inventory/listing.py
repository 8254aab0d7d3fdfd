"""The device list: which devices, how many, and a page of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from devices.models import Device
from lib import paging, parsing
from lib.paging import Order
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devices.inventory.filters import DeviceFilter
    from devices.models import DeviceQuerySet
    from tenants.models import User

SIZE = 50
COUNTED = 1000


BY_NAME = Order((("name", str), ("pk", int)))


class Page(NamedTuple):
    """`previous` and `next` are keys for the query, empty where there is no such page."""

    devices: list[Device]
    previous: str
    next: str


def page(found: DeviceQuerySet, given: Mapping[str, str]) -> Page:
    """Return the page after or before a key, as the query names it; else the first one."""
    devices = found.with_status().select_related("group", "model", "assignment")
    after, before = (_parse(given.get(name, "")) for name in ("after", "before"))
    shown = paging.page(devices, BY_NAME, SIZE, after=after, before=before)
    return Page(shown.rows, _written(shown.previous), _written(shown.next))


def _parse(text: str) -> tuple[str, int] | None:
    """Return the key of `<id>:<name>`; None for whatever is none."""
    number, colon, name = text.partition(":")
    return (name, parsing.whole(number)) if colon and parsing.is_whole(number) else None


def _written(key: Sequence[Any] | None) -> str:
    return f"{key[1]}:{key[0]}" if key else ""


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
