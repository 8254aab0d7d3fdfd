"""The device list: which devices, how many, and a page of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from devices.inventory.filters import ATTENTION, ID, NAME
from devices.models import Device
from devices.models.attention import split_by_need, with_attention
from lib import paging
from lib.paging import BY_ID, Order
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.inventory.filters import DeviceFilter
    from devices.models import DeviceQuerySet
    from lib.paging import Page
    from tenants.models import User

SIZE = 50
COUNTED = 1000


BY_NAME = Order((("name", str), ("pk", int)))


def choose_order(name: str, user: User) -> Order:
    """Return the order that has the name (`filters.ORDERS`), of devices that the user reaches. Raises KeyError."""
    split = partial(split_by_need, organisation=user.organisation_id)
    return {ID: BY_ID, NAME: BY_NAME, ATTENTION: BY_NAME._replace(split=split)}[name]


def page_devices(rows: DeviceQuerySet, order: Order, query: Mapping[str, str]) -> Page:
    """Return the page of devices that the query asks for. Raises Refusal where there is no such page."""
    devices = with_attention(rows.with_status()).select_related("group", "person", "model", "assignment")
    return paging.find_asked_page(devices, order, SIZE, query)


class Count(NamedTuple):
    """Say how many there are, as far as it is worth counting."""

    number: int

    @property
    def broad(self) -> bool:
        return self.number > COUNTED

    def __str__(self) -> str:
        return f"{COUNTED:,}+" if self.broad else str(self.number)


def count_devices(devices: DeviceQuerySet) -> Count:
    return Count(devices.order_by()[: COUNTED + 1].count())


def find_devices(form: DeviceFilter, user: User, group: Group | None) -> tuple[Count, DeviceQuerySet]:
    """Return how many devices there are, and those devices in the way in which a page of so many is found best."""
    visible, groups = Device.objects.visible_to(user), Group.objects.visible_to(user)
    if group:
        visible, groups = visible.filter(group__path__startswith=group.path), groups.filter(path__startswith=group.path)
    narrowed = form.apply(visible)
    count = count_devices(narrowed)
    plain = not count.broad or (user.owns_organisation and not group)
    return count, narrowed if plain else form.apply(Device.objects.within_groups(user, groups))
