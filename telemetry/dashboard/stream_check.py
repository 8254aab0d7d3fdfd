"""What an open stream asks every few seconds: may this user still look, and is there anything new?

A process holds thousands of streams, and Django takes ten times as long to write the question as the database to
answer it. So the gate's own query is kept as text, until the user's memberships change.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from devices.commands import listing as commands
from devices.models import Device
from devices.models.attention import with_attention
from devices.models.refused_attempt import compute_mark, select_last_attempt
from devices.streams import Seen
from telemetry.dashboard.readings import build_version
from telemetry.models import Drop
from tenants.models import Membership, User

if TYPE_CHECKING:
    from django.db.models import QuerySet

    Row = tuple[Any, ...]

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


class Statement:
    """Keep a query in the database's words."""

    def __init__(self, query: QuerySet[Any, Any]) -> None:
        self._text, self._values = query.query.sql_with_params()

    def fetch_rows(self) -> list[Row]:
        with connection.cursor() as cursor:
            cursor.execute(self._text, self._values)
            rows: list[Row] = cursor.fetchall()
            return rows


def count_lost() -> Coalesce:
    """Return how much of a device's messages was not kept, as a column of devices."""
    drops = Drop.objects.filter(device=OuterRef("pk")).order_by().values("device")
    return Coalesce(Subquery(drops.annotate(lost=Sum("count")).values("lost")), 0)


class Watch:
    """Look, called from a thread, what there is to see; None once the user may not see the device any more."""

    def __init__(self, *, users: QuerySet[User], device_id: int) -> None:
        """Take as `users` the one who looks, while their sign-in stands."""
        self._device_id = device_id
        memberships = Membership.objects.in_force().filter(user__in=users).order_by("pk")
        self._memberships = Statement(memberships.values_list("role", "group__path", "user"))
        self._grants: list[Row] = []
        self._visible: Statement | None = None

    def __call__(self) -> Seen | None:
        grants = self._memberships.fetch_rows()
        if not grants:
            return None
        if self._visible is None or grants != self._grants:
            self._grants, self._visible = grants, self._build_gate(grants)
        for row in self._visible.fetch_rows():
            assignment, status, shut_out, dropped, lost, attempted, attention, commanded, of, data = row
            values = json.loads(data) if data and of == assignment else {}
            counts = [
                dropped if shut_out else None,
                int(lost),
                compute_mark(attempted),
                int(attention),
                commands.compute_mark(commanded),
            ]
            return Seen(build_version(assignment, status, values, counts))
        return None

    def _build_gate(self, grants: list[Row]) -> Statement:
        user = User(pk=grants[0][2], is_active=True)
        user.grants = [(role, path) for role, path, _ in grants]
        device = Device.objects.visible_to(user).with_status().filter(pk=self._device_id)
        counted = with_attention(device).annotate(
            lost=count_lost(), attempted=select_last_attempt(), commanded=commands.select_last_change()
        )
        return Statement(counted.values_list(*LATEST))
