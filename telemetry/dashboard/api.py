"""What devices report, for programs: the latest values, series thinned out as the charts are, all of it as files."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.api.file_responses import CSV, FileView, describe_file
from lib.streaming import make_csv_response, make_file_response
from telemetry.dashboard import readings
from telemetry.dashboard.dropped import list_dropped
from telemetry.history import export, kept, parquet_export, series, states, time_range
from telemetry.ingest.times import count_milliseconds
from telemetry.models import Drop
from tenants.api.base import ApiView, Serializer
from tenants.api.schema import OpenApiParameter, describe_operation

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from devices.models import Device
    from tenants.models import User

TIME = "Milliseconds since the epoch, or ISO 8601."
PARAMETERS = [
    OpenApiParameter("attribute", str, many=True, description="Numeric attributes; all of them for none."),
    OpenApiParameter("range", str, enum=time_range.NAMES, description="Up to now; 1h for none."),
    OpenApiParameter("from", str, description=f"{TIME} Instead of `range`."),
    OpenApiParameter("to", str, description=f"{TIME} Now for none."),
]

STATE_PARAMETERS = [
    OpenApiParameter("attribute", str, many=True, description="Texts, on or off; the first 20 for none."),
    *PARAMETERS[1:],
]

FILE_PARAMETERS = [
    OpenApiParameter(
        "range", str, enum=time_range.NAMES, description="Up to now; 1h for none. `all`: since it is in its group."
    ),
    *PARAMETERS[2:],
]


class Reading(Serializer):
    attribute = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.CharField()
    value = serializers.JSONField(help_text="A number, a text, yes or no, or a position.")
    at = serializers.DateTimeField(help_text="As the device gave it; else when it arrived.")
    ahead_seconds = serializers.IntegerField(
        help_text="By which that was ahead of this site's clock when it arrived, if at least a minute; else 0."
    )


class Readings(Serializer):
    results = Reading(many=True)


class Columns(serializers.DictField):
    child = serializers.ListField(child=serializers.FloatField(allow_null=True))


class Gaps(serializers.DictField):
    child = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    )


class KeptShown(Serializer):
    start = serializers.IntegerField(help_text="Milliseconds since the epoch, inclusive.")
    end = serializers.IntegerField(help_text="Exclusive.")
    kept_from = serializers.IntegerField(
        allow_null=True, help_text="From when on reports are kept, in milliseconds since the epoch; null: for ever."
    )
    kept = serializers.CharField(help_text="In words, where the span begins before that; else empty.")


class SeriesShown(KeptShown):
    bucket = serializers.IntegerField(help_text="Seconds that a point stands for; 0: as reported.")
    times = serializers.ListField(child=serializers.IntegerField(), help_text="Of the points, or starts of buckets.")
    values = Columns(help_text="By attribute, aligned with `times`; of a bucket the mean.")
    low = Columns(help_text="The least of each bucket.")
    high = Columns(help_text="The greatest of each bucket.")
    gaps = Gaps(
        help_text="By attribute, from when to when nothing was reported: pauses longer than twice those around "
        "them, and than 20 seconds. Milliseconds since the epoch, of the reports before and after, in buckets too."
    )
    longest_pause = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="By attribute, the milliseconds after its last report from which on its silence is a gap.",
    )


class StretchShown(Serializer):
    start = serializers.IntegerField(help_text="Milliseconds since the epoch.")
    end = serializers.IntegerField(help_text="The next report; before a gap the last one.")
    states = serializers.ListField(
        child=serializers.CharField(), help_text="One; several that changed more often than is told."
    )


class TimelineShown(Serializer):
    stretches = StretchShown(many=True)
    too_many = serializers.BooleanField(help_text="Too many different texts to be states; then there is no stretch.")


class TimelinesShown(KeptShown):
    timelines = serializers.DictField(child=TimelineShown(), help_text="By attribute.")


class DroppedShown(Serializer):
    cause = serializers.ChoiceField(Drop.Cause.choices)
    what = serializers.CharField(help_text="The cause in words.")
    next_step = serializers.CharField(help_text="What to do about it.")
    count = serializers.IntegerField()
    counted = serializers.ChoiceField(["value", "message"], help_text="What the count counts.")
    first_at = serializers.DateTimeField(help_text="When it arrived first, since the device is in its group.")
    last_at = serializers.DateTimeField()
    sample = serializers.CharField(help_text="The first of the samples; empty for none.")
    samples = serializers.ListField(
        child=serializers.CharField(),
        help_text="Up to five attributes' names, or a time, as they were sent; newest first.",
    )
    more = serializers.BooleanField(help_text="There were others than these samples.")


class DroppedList(Serializer):
    results = DroppedShown(many=True)


class DroppedMessages(ApiView):
    @describe_operation("Telemetry", "What was not kept", responses=DroppedList)
    def get(self, request: Request, serial: str) -> Response:
        """Return why messages of the device, or values in them, were dropped since it is in its group."""
        rows, _ = list_dropped(get_device(self.user, serial))
        return Response({"results": [asdict(row) for row in rows]})


class LatestValues(ApiView):
    @describe_operation("Telemetry", "Latest values", responses=Readings)
    def get(self, request: Request, serial: str) -> Response:
        """Return the latest value of each attribute, reported since the device is in its group."""
        device = get_device(self.user, serial)
        values = readings.list_readings(device, readings.list_attributes(device))
        return Response({"results": [_serialize_reading(reading) for reading in values]})


class Telemetry(ApiView):
    @describe_operation("Telemetry", "A series", parameters=PARAMETERS, responses=SeriesShown)
    def get(self, request: Request, serial: str) -> Response:
        """Return numbers reported in a span of time: as they are if they are few, else in at most 600 buckets."""
        device = get_device(self.user, serial)
        span = time_range.parse_span(request.query_params, device)
        names = readings.choose_numeric(device, request.query_params.getlist("attribute"))
        columns = asdict(series.read_series(device, names, span))
        return Response({**_describe_span(device, span, self.user), **columns})


class Timelines(ApiView):
    @describe_operation("Telemetry", "States over time", parameters=STATE_PARAMETERS, responses=TimelinesShown)
    def get(self, request: Request, serial: str) -> Response:
        """Return which texts, and what of on and off, were reported from when to when. Where nothing was reported
        there is no stretch."""
        device = get_device(self.user, serial)
        span = time_range.parse_span(request.query_params, device)
        attributes = readings.choose_states(device, request.query_params.getlist("attribute"))
        timelines = states.read_timelines(device, attributes, span)
        shown = {name: asdict(timeline) for name, timeline in timelines.items()}
        return Response({**_describe_span(device, span, self.user), "timelines": shown})


def _describe_span(device: Device, span: series.Span, user: User) -> dict[str, object]:
    start, end = count_milliseconds(span.start), count_milliseconds(span.end)
    return {"start": start, "end": end, **kept.tell(device, span.start, user)}


class ReportsCsv(FileView):
    @describe_operation(
        "Telemetry",
        "Reports as CSV",
        parameters=FILE_PARAMETERS,
        responses=describe_file(CSV, "A row for each report, in the order of time, with a column for each attribute."),
    )
    def get(self, request: Request, serial: str) -> HttpResponseBase:
        """Return every report of a span of time as the page's file has it. It ends early, with what was sent until
        then, once you no longer see the device."""
        device = get_device(self.user, serial)
        span = time_range.parse_file_span(request.query_params, device)
        lines = export.stream_lines(device, self.user, readings.list_attributes(device), span)
        return make_csv_response(lines, f"{device.serial}.csv", for_programs=True)


class ReportsParquet(FileView):
    @describe_operation(
        "Telemetry",
        "Reports as Parquet",
        parameters=FILE_PARAMETERS,
        responses=describe_file(parquet_export.MEDIA_TYPE, "A typed column for each attribute, in the order of time."),
    )
    def get(self, request: Request, serial: str) -> HttpResponseBase:
        """Return every report of a span of time. A file that is cut off, as once you no longer see the device, has no
        end and can't be opened."""
        device = get_device(self.user, serial)
        span = time_range.parse_file_span(request.query_params, device)
        parts = parquet_export.stream_parquet(device, self.user, readings.list_attributes(device), span)
        return make_file_response(parts, f"{device.serial}.parquet", parquet_export.MEDIA_TYPE)


def _serialize_reading(reading: readings.Reading) -> dict[str, object]:
    attribute = reading.attribute
    return {
        "attribute": attribute.name,
        "label": attribute.label,
        "unit": attribute.unit,
        "value": reading.value,
        "at": reading.at,
        "ahead_seconds": round(reading.lead.total_seconds()) if reading.lead else 0,
    }
