"""What devices report, for programs: the latest values, and series thinned out as the charts are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from telemetry.dashboard import readings as state
from telemetry.history import series, time_range
from telemetry.ingest.writer import milliseconds
from telemetry.models import Report
from tenants.api.base import ApiView, Serializer
from tenants.api.problems import BadQuery
from tenants.api.schema import OpenApiParameter, described

if TYPE_CHECKING:
    from rest_framework.request import Request

TIME = "Milliseconds since the epoch, or ISO 8601."
PARAMETERS = [
    OpenApiParameter("attribute", str, many=True, description="Numeric attributes; all of them for none."),
    OpenApiParameter("range", str, enum=list(time_range.RANGES), description="Up to now; 1h for none."),
    OpenApiParameter("from", str, description=f"{TIME} Instead of `range`."),
    OpenApiParameter("to", str, description=f"{TIME} Now for none."),
]


class Reading(Serializer):
    attribute = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.CharField()
    value = serializers.JSONField(help_text="A number, a text, yes or no, or a position.")
    at = serializers.DateTimeField()


class Readings(Serializer):
    results = Reading(many=True)


class Columns(serializers.DictField):
    child = serializers.ListField(child=serializers.FloatField(allow_null=True))


class SeriesShown(Serializer):
    start = serializers.IntegerField(help_text="Milliseconds since the epoch, inclusive.")
    end = serializers.IntegerField(help_text="Exclusive.")
    bucket = serializers.IntegerField(help_text="Seconds that a point stands for; 0: as reported.")
    times = serializers.ListField(child=serializers.IntegerField(), help_text="Of the points, or starts of buckets.")
    values = Columns(help_text="By attribute, aligned with `times`; of a bucket the mean.")
    low = Columns(help_text="The least of each bucket.")
    high = Columns(help_text="The greatest of each bucket.")


class LatestValues(ApiView):
    @described("Telemetry", "Latest values", responses=Readings)
    def get(self, request: Request, serial: str) -> Response:
        """The latest value of each attribute, reported since the device is in its group."""
        device = get_device(self.user, serial)
        readings = state.readings(device, state.attributes(device))
        return Response({"results": [_shown(reading) for reading in readings]})


class Telemetry(ApiView):
    @described("Telemetry", "A series", parameters=PARAMETERS, responses=SeriesShown)
    def get(self, request: Request, serial: str) -> Response:
        """Numbers reported in a span of time: as they are if they are few, else in at most 600 buckets."""
        device = get_device(self.user, serial)
        try:
            span = time_range.parse(request.query_params)
            names = state.numeric(device, request.query_params.getlist("attribute"))
        except time_range.BadInput as problem:
            raise BadQuery({problem.parameter: [str(problem)]}) from None
        found = asdict(series.read(Report.objects.of(device), names, span))
        return Response({"start": milliseconds(span.start), "end": milliseconds(span.end), **found})


def _shown(reading: state.Reading) -> dict[str, object]:
    attribute = reading.attribute
    return {
        "attribute": attribute.name,
        "label": attribute.label,
        "unit": attribute.unit,
        "value": reading.value,
        "at": reading.at,
    }
