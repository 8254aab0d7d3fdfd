"""When a device was connected; and what was refused of it, for those who manage it, or may register it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.connections import stretches
from devices.connections.refused_attempts import may_see_attempts
from devices.models import ConnectedStretch, RefusedAttempt
from lib.db.clock import read_now
from tenants.api.base import ApiView, Serializer
from tenants.api.paging import page
from tenants.api.schema import describe_list, describe_operation

if TYPE_CHECKING:
    from rest_framework.request import Request


class RefusedAttemptShown(Serializer):
    reason = serializers.CharField(help_text="A code of the list of refusals.")
    detail = serializers.CharField(help_text="What happened, and what to do next.")
    door = serializers.CharField(help_text="Where it came to last: `mqtt`.")
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField(help_text="In the device's present group, or in none.")
    last_at = serializers.DateTimeField()


class RefusedAttempts(ApiView):
    @describe_operation(
        "Devices",
        "List a device's refused connection attempts",
        responses=inline_serializer(
            "RefusedAttemptShownPage",
            {"results": RefusedAttemptShown(many=True), "next": serializers.URLField(allow_null=True)},
        ),
    )
    def get(self, request: Request, serial: str) -> Response:
        """Return one for each reason, the last one first; those, too, after which it got in."""
        device = get_device(self.user, serial)
        if not may_see_attempts(self.user, device):
            raise Http404
        attempts = RefusedAttempt.objects.of(device)
        return Response({"results": [serialize_attempt(attempt) for attempt in attempts], "next": None})


def serialize_attempt(attempt: RefusedAttempt) -> dict[str, object]:
    plain = {name: getattr(attempt, name) for name in ("reason", "door", "count", "first_at", "last_at")}
    return plain | {"detail": f"{attempt.message} {attempt.next_step}"}


class ConnectedStretchShown(Serializer):
    started_at = serializers.DateTimeField(help_text="Since the device is in its group, or in one that you manage.")
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Null while it is connected.")
    reason = serializers.ChoiceField(
        ConnectedStretch.Reason.choices,
        allow_blank=True,
        help_text="Why it ended; of one that goes on and came and went, why it was away last. Empty where the device"
        " was handed over meanwhile.",
    )
    words = serializers.CharField(help_text="The same for people.")
    flaps = serializers.IntegerField(
        allow_null=True,
        help_text="How often it was away for less than a minute after less than a minute, which begins no stretch. Null"
        " where it began before you may know of it.",
    )
    away_seconds = serializers.FloatField(allow_null=True, help_text="For how long in all.")
    by_broker = serializers.BooleanField(
        help_text="Told by the broker; else seen by what the device sends: then it may have been connected for longer."
    )


class Connections(ApiView):
    @describe_list("Devices", "List when a device was connected", ConnectedStretchShown)
    def get(self, request: Request, serial: str) -> Response:
        """List the stretches of time in which it was connected, newest first: up to 300, of 90 days."""
        device = get_device(self.user, serial)
        now, periods = read_now(), stretches.find_periods(self.user, device)
        found = page(request, stretches.select_stretches(device, periods), stretches.NEWEST_FIRST)
        return found.answer(lambda row: serialize_stretch(stretches.tell(row, periods, now)))


def serialize_stretch(told: stretches.Told) -> dict[str, object]:
    plain = {name: getattr(told, name) for name in ("started_at", "ended_at", "reason", "words", "flaps", "by_broker")}
    return plain | {"away_seconds": None if told.away is None else told.away.total_seconds()}
