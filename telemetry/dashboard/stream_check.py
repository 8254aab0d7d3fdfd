"""What open streams of devices ask every few seconds: may these users still look, and is there anything new?

A process holds thousands of streams, and Django takes ten times as long to write the question as the database to
answer it. So all streams that ask at one moment ask together, in three statements that are written down once: whose
sign-ins stand, what these people may do, and what there is of the devices. Who may see what is judged from that by
`devices.access.sees_at`. Where many look at one device, what its page shows is written once for all of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from devices.access import sees_at
from devices.commands import listing as commands
from devices.models import Device
from devices.models.attention import with_attention
from devices.models.refused_attempt import compute_mark, select_last_attempt
from devices.streams import Seen, encode_shown
from lib import columns
from telemetry.dashboard.readings import build_version, count_lost
from telemetry.dashboard.shared_part import render_part
from tenants.models import Membership, Role, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lib.zones import PersonClock
    from tenants.accounts.sessions import SignIn

    Row = tuple[Any, ...]

SHARED_FROM = 8  # streams of one device in a process
KEPT = 20_000  # devices of which a process knows what their version was made of

GATE = ("pk", "organisation_id", "group__path", "person_id")
PATH = GATE.index("group__path")
LATEST = (
    "assignment_id",
    "status",
    "shut_out",
    "connection__dropped",
    "lost",
    "attempted",
    "attention_mark",
    "commanded",
    "latest__assignment_id",
    "latest__data",
)
GIVEN = "given"


class Statement:
    """Keep a query in the database's words, asked for any number of values at once."""

    def __init__(self, build: Callable[[RawSQL], QuerySet[Any, Any]], kind: str) -> None:
        self._build, self._kind = build, kind
        self._known: dict[str, tuple[str, Row]] = {}  # by the kind of database

    def fetch_rows(self, given: str) -> list[Row]:
        """Return the rows for these values, as lib.columns encodes them."""
        vendor = connection.vendor
        if vendor not in self._known:
            select = (
                f"SELECT unnest(%s::{self._kind}[])" if vendor == "postgresql" else "SELECT value FROM json_each(%s)"
            )
            given_rows = RawSQL(select, (GIVEN,))  # noqa: S611 (only names of ours are put into the text)
            self._known[vendor] = self._build(given_rows).query.sql_with_params()
        text, values = self._known[vendor]
        with connection.cursor() as cursor:
            cursor.execute(text, [given if value is GIVEN else value for value in values])
            rows: list[Row] = cursor.fetchall()
            return rows


def _select_devices(given: RawSQL) -> QuerySet[Any, Any]:
    devices = with_attention(Device.objects.filter(pk__in=given).with_status())
    counted = devices.annotate(
        lost=count_lost(), attempted=select_last_attempt(), commanded=commands.select_last_change()
    )
    return counted.order_by().values_list(*GATE, *LATEST)


SESSIONS = Statement(
    lambda given: Session.objects.filter(session_key__in=given, expire_date__gt=Now()).values_list("session_key"),
    "text",
)
GRANTS = Statement(
    lambda given: (
        Membership.objects.in_force()
        .filter(user__in=given, user__is_active=True)
        .order_by()
        .values_list("user", "user__epoch", "user__organisation", "role", "group__path")
    ),
    "bigint",
)
DEVICES = Statement(_select_devices, "bigint")


@dataclass(frozen=True, slots=True)
class Watch:
    """Look, called from a thread, what there is to see; None once the user may not see the device any more."""

    sign_in: SignIn
    device: int
    clock: PersonClock

    def __call__(self) -> Seen | None:
        return look_all([self], [1])[0]


def look_all(watches: Sequence[Watch], crowds: Sequence[int]) -> list[Seen | None]:
    """Return what each of them sees: three statements, however many there are.

    `crowds`: of each, how many streams of the process are of its device.
    """
    users = _read_users({watch.sign_in for watch in watches})
    rows = {row[0]: row for row in DEVICES.fetch_rows(columns.encode_numbers({watch.device for watch in watches}))}
    seen: list[Seen | None] = []
    for watch in watches:
        user, row = users.get(watch.sign_in), rows.get(watch.device)
        may = user is not None and row is not None and sees_at(user, *row[1 : len(GATE)])
        seen.append(Seen(_name_version(watch.device, row[len(GATE) :])) if may and row else None)
    _share(watches, crowds, users, {pk: row[PATH] for pk, row in rows.items()}, seen)
    return seen


def _read_users(sign_ins: Iterable[SignIn]) -> dict[SignIn, User]:
    """Return, of the sign-ins that stand, the person with what they may do now."""
    sessions = {key for (key,) in SESSIONS.fetch_rows(columns.encode_texts({each.session for each in sign_ins}))}
    people: dict[tuple[int, int], User] = {}
    for person, epoch, organisation, role, path in GRANTS.fetch_rows(
        columns.encode_numbers({each.person for each in sign_ins})
    ):
        if (user := people.get((person, epoch))) is None:
            user = people[person, epoch] = User(pk=person, organisation_id=organisation, epoch=epoch)
            user.grants = []
        user.grants.append((Role(role), path))
    standing = [each for each in sign_ins if each.session in sessions]
    return {each: people[each.person, each.epoch] for each in standing if (each.person, each.epoch) in people}


_named: dict[int, tuple[Row, str]] = {}
"""By device, of what its version was made last, and its name."""


def _name_version(device: int, row: Row) -> str:
    known = _named.get(device)
    if known is not None and known[0] == row:
        return known[1]
    if len(_named) >= KEPT:
        _named.clear()
    assignment, status, shut_out, dropped, lost, attempted, attention, commanded, of, data = row
    values = json.loads(data) if data and of == assignment else {}
    counts = [
        dropped if shut_out else None,
        int(lost),
        compute_mark(attempted),
        int(attention),
        commands.compute_mark(commanded),
    ]
    version = build_version(assignment, status, values, counts)
    _named[device] = row, version
    return version


def _share(
    watches: Sequence[Watch],
    crowds: Sequence[int],
    users: dict[SignIn, User],
    paths: dict[int, str | None],
    seen: list[Seen | None],
) -> None:
    """Give to those who look at a device together with many others what its page shows, if it is the same for them."""
    alike: defaultdict[tuple[int, bool, PersonClock], list[int]] = defaultdict(list)
    for n, (watch, crowd) in enumerate(zip(watches, crowds, strict=True)):
        if seen[n] is not None and crowd >= SHARED_FROM:
            looks_after = users[watch.sign_in].may(Role.TECHNICIAN, paths[watch.device] or "")
            alike[watch.device, looks_after, watch.clock].append(n)
    for (device, looks_after, clock), places in alike.items():
        first = seen[places[0]]
        assert first is not None
        html = render_part(users[watches[places[0]].sign_in], looks_after, device, clock, first.version)
        if html is not None:
            shared = first._replace(event=encode_shown(first.version, html))
            for n in places:
                seen[n] = shared
