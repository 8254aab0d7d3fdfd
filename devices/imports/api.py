"""Many devices registered at once, from a file or by number, with steps that a program takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from devices import imports
from devices.access import get_import
from devices.api import serializers as device_serializers
from devices.api.file_responses import CSV, FileView, holding
from devices.credentials import deliveries
from devices.imports import status as import_status
from devices.imports.views import download
from devices.jobs import leases
from devices.models import Delivery, Import, Problem, Recipe
from devices.recipes.organisation_format import format_of
from lib import key_wrapping, parsing
from lib.paging import NEWEST_FIRST
from tenants.access import found, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import Conflict
from tenants.api.problems import Problem as Refusal
from tenants.api.schema import described, listing
from tenants.api.scoped import Choice
from tenants.models import Group

if TYPE_CHECKING:
    from uuid import UUID

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from devices.models import RecipeQuerySet
    from tenants.models import User

TAG = "Imports"
RESULTS = ("none", "ready", "taken", "expired", "theirs")


def offered(user: User) -> RecipeQuerySet:
    return Recipe.objects.manageable_by(user).offered()


MATCHED = {"columns": ["serial", "name", "tag:hall"], "group": 5}
EXAMPLE = [OpenApiExample("Three columns", MATCHED, request_only=True)]


class TextChoice(Choice):
    """An id as a form's field has it."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(parsing.whole(data) if isinstance(data, str) and data else data)


class ImportFile(Serializer):
    recipe = TextChoice(offered)
    file = serializers.FileField(allow_empty_file=True, help_text="CSV, with a header.")


class ImportCount(Serializer):
    recipe = Choice(offered)
    total = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    group = Choice(lambda user: Group.objects.registrable_by(user), required=False, allow_null=True)
    name_pattern = OneLine(
        required=False, max_length=120, allow_blank=True, help_text="`{serial}` and `{n}` stand for themselves."
    )


class ImportMatch(Serializer):
    columns = serializers.ListField(
        child=serializers.CharField(max_length=200, allow_blank=True),
        required=False,
        max_length=1000,
        help_text=f"For each column of the file {', '.join(f'`{each}`' for each in imports.FIELDS)}, `tag:<name>`, "
        "or nothing to leave it out. Not sent: as guessed.",
    )
    encoding = serializers.ChoiceField(list(imports.ENCODINGS), required=False)
    delimiter = serializers.ChoiceField(list(imports.DELIMITERS), required=False)
    group = Choice(lambda user: Group.objects.registrable_by(user), required=False, allow_null=True)
    all_or_nothing = serializers.BooleanField(required=False, help_text="Not sent: true, one bad row stops all.")
    name_pattern = OneLine(required=False, max_length=120, allow_blank=True)


class ImportShown(Serializer):
    key = serializers.UUIDField()
    state = serializers.ChoiceField(Import.State.choices)
    recipe = device_serializers.Named()
    version = serializers.IntegerField(help_text="Of the recipe.")
    group = device_serializers.Named(allow_null=True)
    file = serializers.CharField(allow_null=True, help_text="Null without a file, and once it is no longer kept.")
    by = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(help_text="Rows.")
    made = serializers.IntegerField(help_text="Devices registered.")
    refused = serializers.IntegerField(help_text="Rows with a problem.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class ProgressShown(Serializer):
    rows = serializers.IntegerField(help_text="Gone through.")
    total = serializers.IntegerField()
    rate = serializers.FloatField(help_text="Rows a second.")
    seconds_left = serializers.FloatField(allow_null=True)
    percent = serializers.IntegerField(help_text="100 only once it ended.")


class ImportWhole(ImportShown):
    progress = ProgressShown()
    encoding = serializers.CharField()
    delimiter = serializers.CharField(trim_whitespace=False)
    header = serializers.ListField(child=serializers.CharField())
    columns = serializers.ListField(child=serializers.CharField(), help_text="What each column fills.")
    all_or_nothing = serializers.BooleanField()
    name_pattern = serializers.CharField()
    problems = serializers.IntegerField(help_text="How many there are; a row can have several.")
    cause = serializers.CharField(help_text="Why it failed.")
    result = serializers.ChoiceField(RESULTS, help_text="The secrets: `theirs` is whoever ran it.")


class ProblemShown(Serializer):
    row = serializers.IntegerField(help_text="As a spreadsheet counts: the header is row 1.")
    column = serializers.CharField()
    cause = serializers.CharField()


class Imports(ApiView):
    parser_classes = [MultiPartParser]

    @listing(TAG, "List imports", ImportShown)
    def get(self, request: Request) -> Response:
        """Newest first, for admins of the whole organisation; `Read an import` says how far one is."""
        rows = Import.objects.manageable_by(require_owner(self.user))
        return page(request, rows.select_related("version__recipe", "group", "file", "by"), NEWEST_FIRST).answer(_shown)

    @described(TAG, "Upload a file", request={"multipart/form-data": ImportFile}, responses={201: ImportWhole})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Keeps the file and guesses its columns: `header` and `columns` say how. Nothing is registered yet."""
        user = require_owner(self.user)
        given = self.read(ImportFile)
        file = given["file"]
        try:
            made = imports.upload(by=user, version=given["recipe"].current, name=file.name, chunks=file.chunks())
        except imports.Unreadable as error:
            raise serializers.ValidationError({"file": [error.cause]}) from None
        return _created(user, made)


class ImportsCount(ApiView):
    @described(TAG, "Make a number of devices", request=ImportCount, responses={201: ImportWhole})
    @idempotent()
    def post(self, request: Request) -> Response:
        """An import without a file: serials and credentials are made here. It starts at once."""
        user = require_owner(self.user)
        given = self.read(ImportCount)
        asked = {"group": given.get("group"), "name_pattern": given.get("name_pattern", "")}
        made = imports.count(by=user, version=given["recipe"].current, total=given["total"], **asked)
        return _created(user, made)


class OneImport(ApiView):
    @described(TAG, "Read an import", responses=ImportWhole)
    def get(self, request: Request, key: UUID) -> Response:
        """How far it is; ask again every second or so while it is `checking`, `waiting` or `running`."""
        return _answer(self.user, key)


class ImportMatching(ApiView):
    @described(TAG, "Match an import's columns", request=ImportMatch, examples=EXAMPLE, responses=ImportWhole)
    def post(self, request: Request, key: UUID) -> Response:
        """Has every row checked. It can be sent again as long as the import has not been started."""
        importing = get_import(require_owner(self.user), key)
        given = self.read(ImportMatch)
        try:
            won = imports.match(importing=importing, by=self.user, **_wanted(importing, given))
        except imports.Unreadable as error:
            raise Conflict(error.cause) from None
        if not won:
            raise Conflict("Its columns can't be matched any more: it is being checked, was started, or has ended.")
        return _answer(self.user, key)


class ImportStart(ApiView):
    @described(TAG, "Start an import", request=None, responses=ImportWhole)
    def post(self, request: Request, key: UUID) -> Response:
        """Makes the devices of a checked import."""
        if not imports.start(importing=get_import(require_owner(self.user), key), by=self.user):
            raise Conflict(
                "It can't be started: it is not checked (any more), or no row fits, or all of them had to "
                "(`all_or_nothing`)."
            )
        return _answer(self.user, key)


class ImportCancel(ApiView):
    @described(TAG, "Cancel an import", request=None, responses=ImportWhole)
    def post(self, request: Request, key: UUID) -> Response:
        """Devices made until then stay."""
        if not imports.cancel(importing=get_import(require_owner(self.user), key), by=self.user):
            raise Conflict("It has ended already, or is being cancelled.")
        return _answer(self.user, key)


class ImportProblems(ApiView):
    @listing(TAG, "List an import's problems", ProblemShown)
    def get(self, request: Request, key: UUID) -> Response:
        """Why rows can't be imported, in the order of the file."""
        importing = get_import(require_owner(self.user), key)
        return page(request, importing.problems.all(), import_status.BY_ROW).answer(_problem)


class ImportProblemsFile(FileView):
    @described(TAG, "An import's problems as a file", responses=holding(CSV, "Row, column and cause of each."))
    def get(self, request: Request, key: UUID) -> HttpResponseBase:
        importing = get_import(require_owner(self.user), key)
        return download(imports.problems_csv(importing), importing, "problems", self.user)


class ImportReport(FileView):
    @described(TAG, "An import's report", responses=holding(CSV, "The file, with device IDs and errors."))
    def get(self, request: Request, key: UUID) -> HttpResponseBase:
        """Without secrets, as often as it is wanted."""
        importing = get_import(require_owner(self.user), key)
        return download(imports.report_csv(importing), importing, "report", self.user)


class ImportResult(FileView):
    @described(TAG, "Take an import's result", request=None, responses=holding(CSV, "The report, with the secrets."))
    def post(self, request: Request, key: UUID) -> HttpResponseBase:
        """The secrets, once, and only for whoever ran it. After that, or when its time is over: `410`."""
        user = require_owner(self.user)
        importing = get_import(user, key)
        if importing.delivery is None:
            raise Conflict("There are no secrets to take (yet): see its `state` and `result`.")
        delivery = found(Delivery.objects.of(user), importing=importing)
        if importing.state not in import_status.ENDED:
            raise Conflict("The result is ready when the import has ended.")
        try:
            secret = deliveries.take(delivery=delivery, by=user, what=f"import {importing.key}")
        except (deliveries.Gone, key_wrapping.Unsealable):
            raise Refusal("gone") from None
        return download(imports.result_csv(importing, secret), importing, "result", user)


def _wanted(importing: Import, given: dict[str, Any]) -> dict[str, Any]:
    """What is not sent stays as it is, or as it is guessed if the file is read in another way now."""
    kept = {name: getattr(importing, name) for name in ("encoding", "delimiter", "group", "all_or_nothing")}
    wanted = kept | {"name_pattern": importing.name_pattern} | given
    if "columns" not in given:
        looked = imports.preview(importing, 0, encoding=wanted["encoding"], delimiter=wanted["delimiter"])
        version = importing.version
        guessed = imports.guess(looked.header, version.recipe.columns, format_of(version).can_generate)[0]
        wanted["columns"] = importing.columns if looked.header == importing.header else guessed
    return wanted


def _created(user: User, made: Import) -> Response:
    location = reverse("devices:api-import", kwargs={"key": made.key})
    return Response(_whole(get_import(user, made.key), user), status=201, headers={"Location": location})


def _answer(user: User, key: UUID) -> Response:
    return Response(_whole(get_import(require_owner(user), key), user))


def _problem(row: Problem) -> dict[str, object]:
    return {"row": row.row, "column": row.column, "cause": row.cause}


def _shown(row: Import) -> dict[str, object]:
    plain = ("key", "state", "total", "made", "refused", "created_at", "finished_at")
    return {name: getattr(row, name) for name in plain} | {
        "recipe": device_serializers.named(row.version.recipe),
        "version": row.version.number,
        "group": device_serializers.named(row.group),
        "file": row.file.name if row.file else None,
        "by": str(row.by) if row.by else None,
    }


def _whole(row: Import, user: User) -> dict[str, object]:
    plain = ("encoding", "delimiter", "header", "columns", "all_or_nothing", "name_pattern", "cause")
    progress = leases.progress(row)._asdict()
    del progress["state"]
    more = {"progress": progress, "problems": row.problems.count(), "result": import_status.result(row, user)}
    return _shown(row) | {name: getattr(row, name) for name in plain} | more
