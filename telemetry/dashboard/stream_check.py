"""What an open stream asks every few seconds: may this user still look, and is there anything new?

A process holds thousands of streams, and Django takes ten times as long to write the question as the database to
answer it. So the gate's own query is kept as text, until the user's memberships change.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import connection

from devices.models import Device
from devices.streams import Seen
from telemetry.dashboard.readings import version
from tenants.models import Membership, User

if TYPE_CHECKING:
    from django.db.models import QuerySet

    Row = tuple[Any, ...]

LATEST = ("assignment_id", "status", "shut_out", "connection__dropped", "latest__assignment_id", "latest__data")


class Statement:
    """A query in the database's words."""

    def __init__(self, query: QuerySet[Any, Any]) -> None:
        self._text, self._values = query.query.sql_with_params()

    def rows(self) -> list[Row]:
        with connection.cursor() as cursor:
            cursor.execute(self._text, self._values)
            found: list[Row] = cursor.fetchall()
            return found


class Watch:
    """Called from a thread; None once the user may not see the device any more."""

    def __init__(self, *, users: QuerySet[User], device_id: int) -> None:
        """`users` is the one who looks, while their sign-in stands."""
        self._device_id = device_id
        memberships = Membership.objects.in_force().filter(user__in=users).order_by("pk")
        self._memberships = Statement(memberships.values_list("role", "group__path"))
        self._grants: list[Row] = []
        self._visible: Statement | None = None

    def __call__(self) -> Seen | None:
        grants = self._memberships.rows()
        if not grants:
            return None
        if self._visible is None or grants != self._grants:
            self._grants, self._visible = grants, self._gate(grants)
        for assignment, status, shut_out, dropped, of, data in self._visible.rows():
            values = json.loads(data) if data and of == assignment else {}
            return Seen(version(assignment, status, values, dropped if shut_out else None))
        return None

    def _gate(self, grants: list[Row]) -> Statement:
        user = User(is_active=True)
        user.grants = list(grants)
        device = Device.objects.visible_to(user).with_status().filter(pk=self._device_id)
        return Statement(device.values_list(*LATEST))
