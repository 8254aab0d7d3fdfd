"""The journal for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from provisioning.journal import kinds, today
from provisioning.journal.entries import Entry, build_entries
from provisioning.journal.sources import Filters, list_sources
from tenants.access import get_group, require_admin
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import Day, Moment
from tenants.api.paging import Results, merged_page
from tenants.api.query import read_query
from tenants.api.schema import describe_list, describe_operation
from tenants.models import Role

if TYPE_CHECKING:
    from rest_framework.request import Request

TAG = "Journal"


class EntryShown(Serializer):
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField([(kind, words) for kind, words in kinds.LABELS.items()])
    what = serializers.CharField(help_text="In words.")
    details = serializers.CharField(help_text="In words: what was changed, or what became of a window. May be empty.")
    by = serializers.CharField(
        allow_null=True,
        help_text="Name or address; null if nobody did it, or somebody outside the groups that you reach.",
    )
    serial = serializers.CharField(allow_null=True, help_text="Of the device that it is about.")
    group = serializers.IntegerField(allow_null=True, help_text="In which it happened.")
    group_name = serializers.CharField()


class JournalQuery(Serializer):
    kind = serializers.ChoiceField(
        kinds.CODES, required=False, help_text="A kind, or several by one name: `windows`, `placements`, `people` …"
    )
    q = serializers.CharField(required=False, max_length=120, help_text="Part of what happened.")
    who = serializers.CharField(required=False, max_length=120, help_text="Part of the name or address of who did it.")
    device = serializers.CharField(required=False, max_length=120, help_text="A serial.")
    group = serializers.IntegerField(
        required=False, min_value=1, help_text="A group that you manage: what happened in it, and below it."
    )
    since = Moment(required=False, help_text="The first moment.")
    until = Moment(required=False, help_text="The first moment after the last.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "since" in attrs and "until" in attrs and attrs["until"] < attrs["since"]:
            raise serializers.ValidationError({"until": "This moment is before the first one. Choose a later one."})
        return attrs


class DayQuery(Serializer):
    day = Day(required=False, help_text="Today for none.")


class TechnicianShown(Serializer):
    name = serializers.CharField()
    done = serializers.IntegerField()
    minutes = serializers.FloatField(help_text="The median.")


class FailureShown(Serializer):
    code = serializers.CharField()
    words = serializers.CharField()
    number = serializers.IntegerField()


class DayShown(Serializer):
    day = serializers.DateField()
    done = serializers.IntegerField(help_text="Devices registered in windows that were opened on that day.")
    minutes = serializers.FloatField(allow_null=True, help_text="From scan to finish: the median.")
    technicians = TechnicianShown(many=True)
    failures = FailureShown(many=True, help_text="Windows that led to nothing, by cause. The whole organisation's.")
    open = serializers.IntegerField()


class Journal(ApiView):
    @describe_list(TAG, "Read the journal", EntryShown, parameters=[JournalQuery])
    def get(self, request: Request) -> Response:
        """List what happened in the groups that you manage, newest first. That devices connected is left out, unless
        `kind` or `device` asks for it."""
        reader = require_admin(self.user)
        found = merged_page(request, list_sources(reader, self._read_filters(request)))
        return Results(build_entries(reader, found.rows), found.next).answer(_show)

    def _read_filters(self, request: Request) -> Filters:
        given = read_query(request, JournalQuery)
        group = get_group(self.user, given["group"], role=Role.ADMIN) if "group" in given else None
        names = {"kind": "kind", "q": "words", "who": "person", "device": "device", "since": "since", "until": "until"}
        return Filters(group=group, **{names[name]: value for name, value in given.items() if name in names})


class JournalDay(ApiView):
    @describe_operation(TAG, "Sum up a day", parameters=[DayQuery], responses=DayShown)
    def get(self, request: Request) -> Response:
        """Count the devices registered on a day of your time zone, by technician, and what failed, by cause."""
        with timezone.override(self.user.find_clock().zone_info):
            day = today.parse_day(str(read_query(request, DayQuery).get("day", "")))
            found = today.sum_up(require_admin(self.user), day)
        many = {name: [row._asdict() for row in getattr(found, name)] for name in ("technicians", "failures")}
        return Response(found._asdict() | many)


def _show(entry: Entry) -> dict[str, object]:
    return {
        "at": entry.at,
        "kind": entry.kind,
        "what": entry.words,
        "details": entry.details,
        "by": None if entry.outsider else entry.who,
        "serial": entry.device or None,
        "group": entry.group_id,
        "group_name": entry.group,
    }
