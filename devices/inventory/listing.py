"""The device list: which devices, how many, and a page of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from devices.inventory.filters import ATTENTION, ID, NAME
from devices.models import Device
from devices.models.attention import split_by_need, with_attention
from lib import paging
from lib.db.counts import CountRows
from lib.paging import BY_ID, Order
from lib.prepared import Limit, prepared
from tenants.models import Group, User

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from devices.inventory.filters import DeviceFilter
    from devices.models import DeviceQuerySet
    from lib.paging import Page

SIZE = 50
COUNTED = 1000
SHOWN = (  # of each device
    *("serial", "name", "organisation", "version", "group__path", "group__name", "person__name", "person__email"),
    *("model__name", "assignment__opened_at", "connection__last_seen_at"),
)


BY_NAME = Order((("name", str), ("pk", int)))


def choose_order(name: str, user: User) -> Order:
    """Return the order that has the name (`filters.ORDERS`), of devices that the user reaches. Raises KeyError."""
    split = partial(split_by_need, organisation=user.organisation_id)
    return {ID: BY_ID, NAME: BY_NAME, ATTENTION: BY_NAME._replace(split=split)}[name]


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
    path = group.path if group else None
    narrowed = form.apply(_select_visible(user, path))
    count = count_devices(narrowed)
    along = _goes_along_names(count, user, group)
    return count, form.apply(_select_along_names(user, path)) if along else narrowed


def find_page(form: DeviceFilter, user: User, group: Group | None) -> tuple[Count, Page]:
    """Return how many devices there are, and the page of them that the form asks for, in its order. Raises Refusal
    where there is no such page."""
    name = form.find_order()
    order = choose_order(name, user)
    after, before = paging.parse_asked(order, form.data)
    if not form.is_plain or name != NAME:
        count, rows = find_devices(form, user, group)
        return count, paging.find_page(_load_shown(rows), order, SIZE, after=after, before=before)
    path, waits = group.path if group else None, bool(form.data.get("waiting"))
    count = Count(*_count_all(user, path, waits, Limit(COUNTED + 1)))
    along = _goes_along_names(count, user, group)
    found = _select_page(user, path, waits, along, _hold(after), _hold(before), Limit(SIZE))
    return count, paging.cut_page(found, order, SIZE, after, before)


def _hold(key: list[Any] | None) -> tuple[str, int] | None:
    return None if key is None else (key[0], key[1])


def _goes_along_names(count: Count, user: User, group: Group | None) -> bool:
    """Return whether a page of so many is found best along their names."""
    return count.broad and not (user.owns_organisation and not group)


def _select_visible(user: User, path: str | None) -> DeviceQuerySet:
    visible = Device.objects.visible_to(user)
    return visible if path is None else visible.filter(group__path__startswith=path)


def _select_along_names(user: User, path: str | None) -> DeviceQuerySet:
    groups = Group.objects.visible_to(user)
    return Device.objects.within_groups(user, groups if path is None else groups.filter(path__startswith=path))


def _narrow_plainly(rows: DeviceQuerySet, waits: bool) -> DeviceQuerySet:
    """Return what a form that narrows nothing does: all, or those that wait for a group."""
    return (rows.filter(group=None) if waits else rows).filter(retired_at=None)


def _load_shown(rows: DeviceQuerySet) -> DeviceQuerySet:
    return with_attention(rows.with_status()).select_related("group", "person", "model", "assignment").only(*SHOWN)


@prepared
def _count_all(user: User, path: str | None, waits: bool, most: Limit) -> QuerySet[User, int]:
    rows = _narrow_plainly(_select_visible(user, path), waits).order_by().values("pk")[:most]
    return User.objects.filter(pk=user.pk).values_list(CountRows(rows), flat=True)


@prepared
def _select_page(
    user: User,
    path: str | None,
    waits: bool,
    along: bool,
    after: tuple[str, int] | None,
    before: tuple[str, int] | None,
    size: Limit,
) -> QuerySet[Device]:
    rows = _select_along_names(user, path) if along else _select_visible(user, path)
    return paging.narrow_to_page(_load_shown(_narrow_plainly(rows, waits)), BY_NAME, size, after, before)
