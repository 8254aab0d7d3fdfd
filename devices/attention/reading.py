"""What needs attention, in words: of devices of a page, and of all that somebody sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from devices.models import Attention, Attribute, Device
from devices.models.attention import narrow_needing
from lib import columns
from lib.db.counts import CountRows
from lib.prepared import Limit, Whole, prepared
from tenants.audit import actors
from tenants.models import Role, User

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from django.db.models import QuerySet

    from devices.models import DeviceQuerySet
    from tenants.access import Viewer

NAMED = 3  # devices of home's first line
MOST = 1_000
Cause = Attention.Cause


class Shown(NamedTuple):
    """Show one thing; `attribute` is None where the device is silent, or its recipe has it no more."""

    row: Attention
    attribute: Attribute | None

    @property
    def words(self) -> str:
        """Return it in short: Engine speed 2,100 rpm (0 to 1,950 rpm expected); Fault: overcrank; Silent."""
        cause, value = Cause(self.row.cause), format_value(self.row.value, self.attribute)
        label = self.attribute.label if self.attribute else self.row.attribute
        if cause == Cause.SILENT:
            return str(cause.label)
        if cause == Cause.FAULT:
            return f"{label}: {value}"
        span = f" ({_add_unit(self.attribute.span, self.attribute)} expected)" if self.attribute else ""
        return f"{label} {_add_unit(value, self.attribute)}{span}"

    @property
    def comes_and_goes(self) -> bool:
        return self.row.times > 1


class Summary(NamedTuple):
    """Tell how many devices need attention, and of a few of them what for. `in_use` are those of which anything could
    be said: MOST are counted, and where none needs attention, none."""

    in_use: int
    needing: int
    named: list[tuple[Device, list[Shown]]]

    @property
    def broad(self) -> bool:
        return self.in_use > MOST

    @property
    def fine(self) -> int:
        return self.in_use - self.needing

    @property
    def others(self) -> int:
        return self.needing - len(self.named)


def format_value(value: object, attribute: Attribute | None) -> str:
    """Return the value as it stands in a sentence."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        decimals = attribute.decimals if attribute else None
        text = f"{value:,.{decimals}f}" if decimals is not None and abs(value) < 1e15 else f"{value:,.6g}"
        return text.replace("-", "\u2212")
    return str(value)[:80]


def _add_unit(text: str, attribute: Attribute | None) -> str:
    return f"{text} {attribute.unit}" if attribute and attribute.unit else text


def fetch(devices: Iterable[Device]) -> dict[int, list[Shown]]:
    """Return what of these devices needs attention now, by their primary keys: two queries, none for none."""
    known = {device.pk: device for device in devices}
    if not known:
        return {}
    rows = _select_current(Whole(columns.encode_numbers(known)))
    shown: dict[int, list[Shown]] = {}
    for each in show(rows, known):
        shown.setdefault(each.row.device_id, []).append(each)
    return shown


@prepared
def _select_current(devices: Whole) -> QuerySet[Attention]:
    return Attention.objects.current().filter(device__one_of=devices).order_by("since", "pk")


def show(rows: Sequence[Attention], devices: dict[int, Device]) -> list[Shown]:
    """Return the rows with their attributes: one query, none for silence alone."""
    names = {row.attribute for row in rows if row.attribute}
    versions = {devices[row.device_id].version_id for row in rows}
    attributes = Attribute.objects.filter(version__in=versions, name__in=names) if names else ()
    known = {(attribute.version_id, attribute.name): attribute for attribute in attributes}
    return [Shown(row, known.get((devices[row.device_id].version_id, row.attribute))) for row in rows]


def list_attention(user: Viewer, device: Device, declared: Iterable[Attribute]) -> dict[str, object]:
    """Return the context of `_of_device.html`: what of the device needs attention, who of those who look after it the
    user knows, and whether they may be one. A query or two, none where nothing does."""
    if not device.attention_mark or not isinstance(user, User):
        return {}
    attributes = {attribute.name: attribute for attribute in declared}
    rows = list(Attention.objects.of(device).current())
    path = device.group.path if device.group else ""
    return {
        "attention": [Shown(row, attributes.get(row.attribute)) for row in rows],
        "known": actors.find_known(user, (row.by_id for row in rows)),
        "may_acknowledge": user.may(Role.TECHNICIAN, path),
    }


def summarise(user: User, path: str | None, listed: Iterable[Device] = ()) -> tuple[Summary, dict[int, list[Shown]]]:
    """Return what needs attention of the devices that the user sees, in the groups below this path; and what `fetch`
    does of those listed, with those named. Four queries at most, one where nothing does."""
    few = _select_needing(user, path, Limit(NAMED + 1))
    shown = fetch([*few[:NAMED], *listed])
    if not few:
        return Summary(0, 0, []), shown
    named = [(device, shown[device.pk]) for device in few[:NAMED] if device.pk in shown]
    ((in_use, needing),) = _count_sides(user, path, Limit(MOST + 1))
    return Summary(in_use, needing, named), shown


@prepared
def _count_sides(user: User, path: str | None, most: Limit) -> QuerySet[User, tuple[int, int]]:
    visible = _select_visible(user, path)
    in_use = visible.filter(group__isnull=False, connection__isnull=False, locked_at=None, retired_at=None)
    needing = _narrow_needing(user, path)
    sides = [CountRows(rows.values("pk")) for rows in (in_use.order_by()[:most], needing.order_by())]
    return User.objects.filter(pk=user.pk).values_list(*sides)


def _select_visible(user: User, path: str | None) -> DeviceQuerySet:
    visible = Device.objects.visible_to(user)
    return visible if path is None else visible.filter(group__path__startswith=path)


def _narrow_needing(user: User, path: str | None) -> DeviceQuerySet:
    return narrow_needing(_select_visible(user, path), user.organisation_id).filter(retired_at=None)


@prepared
def _select_needing(user: User, path: str | None, most: Limit) -> QuerySet[Device]:
    return _narrow_needing(user, path).order_by("name", "pk")[:most]


def pick(devices: Collection[Device]) -> list[Device]:
    """Return those that need attention, of devices read with their mark."""
    return [device for device in devices if device.attention_mark]
