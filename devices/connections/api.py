"""What was refused of a device: for those who manage it, or may register it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.connections.refused_attempts import may_see_attempts
from devices.models import RefusedAttempt
from tenants.api.base import ApiView, Serializer
from tenants.api.schema import describe_operation

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
