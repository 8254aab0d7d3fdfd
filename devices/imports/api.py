"""Many devices added at once, from a file or by number, with steps that a program takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from devices import imports, refusals
from devices.access import get_import
from devices.api.file_responses import CSV, FileView, describe_file
from devices.credentials import deliveries
from devices.imports import doubles
from devices.imports import serializers as shown
from devices.imports import status as import_status
from devices.imports.refusals import IMPORT_NOT_MATCHABLE, IMPORT_NOT_STARTABLE
from devices.imports.views import download
from devices.models import Delivery, Import
from lib.paging import NEWEST_FIRST
from lib.refusals import Refusal
from tenants.access import get_row, require_owner
from tenants.api.base import ApiView
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.schema import describe_list, describe_operation

if TYPE_CHECKING:
    from uuid import UUID

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from tenants.models import User

TAG = "Imports"


class Imports(ApiView):
    parser_classes = [MultiPartParser]

    @describe_list(TAG, "List imports", shown.ImportShown)
    def get(self, request: Request) -> Response:
        """Return the newest first, for admins of the whole organisation; `Read an import` says how far one is."""
        rows = Import.objects.manageable_by(require_owner(self.user))
        return page(request, rows.select_related("version__recipe", "group", "file", "by"), NEWEST_FIRST).answer(
            shown.serialize_import
        )

    @describe_operation(
        TAG, "Upload a file", request={"multipart/form-data": shown.ImportFile}, responses={201: shown.ImportWhole}
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Keep the file and guess its columns: `header` and `columns` say how. Nothing is added yet."""
        user = require_owner(self.user)
        sent = self.read(shown.ImportFile)
        file = sent["file"]
        told = {"name": file.name, "chunks": file.chunks()}
        told |= {name: sent.get(name) for name in ("header_row", "sheet")}
        importing = imports.upload(by=user, version=sent["recipe"].current, **told)
        return _answer_created(user, importing)


class ImportsCount(ApiView):
    @describe_operation(TAG, "Make a number of devices", request=shown.ImportCount, responses={201: shown.ImportWhole})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Make an import without a file: serials and credentials are made here. It starts at once."""
        user = require_owner(self.user)
        sent = self.read(shown.ImportCount)
        options = {"group": sent.get("group"), "name_pattern": sent.get("name_pattern", "")}
        importing = imports.count(by=user, version=sent["recipe"].current, total=sent["total"], **options)
        return _answer_created(user, importing)


class OneImport(ApiView):
    @describe_operation(TAG, "Read an import", responses=shown.ImportWhole)
    def get(self, request: Request, key: UUID) -> Response:
        """Return how far it is; ask again every second or so while it is `checking`, `waiting` or `running`."""
        return _answer(self.user, key)


class ImportMatching(ApiView):
    @describe_operation(
        TAG, "Match an import's columns", request=shown.ImportMatch, examples=shown.EXAMPLE, responses=shown.ImportWhole
    )
    def post(self, request: Request, key: UUID) -> Response:
        """Have every row checked. It can be sent again as long as the import has not been started."""
        importing = get_import(require_owner(self.user), key)
        sent = self.read(shown.ImportMatch)
        if not imports.match(importing=importing, by=self.user, **_complete_match(importing, sent)):
            raise Refusal(IMPORT_NOT_MATCHABLE)
        return _answer(self.user, key)


class ImportCorrect(ApiView):
    @describe_operation(TAG, "Correct an import's rows", request=shown.ImportCorrections, responses=shown.ImportWhole)
    def post(self, request: Request, key: UUID) -> Response:
        """Lay corrections over a checked file, besides those of before, and have it checked again."""
        importing = get_import(require_owner(self.user), key)
        sent = self.read(shown.ImportCorrections)
        if sent.get("clear"):
            imports.drop_corrections(importing=importing, by=self.user)
        else:
            imports.correct(importing=importing, by=self.user, corrections=_read_corrections(importing, sent))
        return _answer(self.user, key)


class ImportStart(ApiView):
    @describe_operation(TAG, "Start an import", request=None, responses=shown.ImportWhole)
    def post(self, request: Request, key: UUID) -> Response:
        """Make the devices of a checked import."""
        if not imports.start(importing=get_import(require_owner(self.user), key), by=self.user):
            raise Refusal(IMPORT_NOT_STARTABLE)
        return _answer(self.user, key)


class ImportCancel(ApiView):
    @describe_operation(TAG, "Cancel an import", request=None, responses=shown.ImportWhole)
    def post(self, request: Request, key: UUID) -> Response:
        """End it where it is; devices made until then stay."""
        if not imports.cancel(importing=get_import(require_owner(self.user), key), by=self.user):
            raise Refusal(refusals.JOB_ENDED)
        return _answer(self.user, key)


class ImportProblems(ApiView):
    @describe_list(TAG, "List an import's problems", shown.ProblemShown)
    def get(self, request: Request, key: UUID) -> Response:
        """Return why rows can't be imported, in the order of the file."""
        importing = get_import(require_owner(self.user), key)
        return page(request, importing.problems.all(), import_status.BY_ROW).answer(shown.serialize_problem)


class ImportChanges(ApiView):
    @describe_list(TAG, "List an import's changes", shown.RowChangeShown)
    def get(self, request: Request, key: UUID) -> Response:
        """Return what a checked import with `act: change` would change, in the order of the file."""
        importing = get_import(require_owner(self.user), key)
        found = page(request, importing.changes.select_related("device"), import_status.BY_ROW)
        told = shown.serialize_changes(importing, found.rows)
        return found.answer(lambda change: told[change.pk])


class ImportProblemsFile(FileView):
    @describe_operation(
        TAG, "An import's problems as a file", responses=describe_file(CSV, "Row, column and cause of each.")
    )
    def get(self, request: Request, key: UUID) -> HttpResponseBase:
        importing = get_import(require_owner(self.user), key)
        return download(imports.write_problems_csv(importing), importing, "problems", self.user)


class ImportReport(FileView):
    @describe_operation(
        TAG, "An import's report", responses=describe_file(CSV, "The file, with row numbers, device IDs and errors.")
    )
    def get(self, request: Request, key: UUID) -> HttpResponseBase:
        """Return the report without secrets, as often as it is wanted."""
        importing = get_import(require_owner(self.user), key)
        return download(imports.write_report_csv(importing), importing, "report", self.user, for_programs=True)


class ImportResult(FileView):
    @describe_operation(
        TAG, "Take an import's result", request=None, responses=describe_file(CSV, "The report, with the secrets.")
    )
    def post(self, request: Request, key: UUID) -> HttpResponseBase:
        """Hand over the secrets, once, and only to whoever ran it. After that, or when its time is over: `410`."""
        user = require_owner(self.user)
        importing = get_import(user, key)
        if importing.delivery is None:
            raise Refusal(refusals.NO_SECRETS)
        delivery = get_row(Delivery.objects.of(user), importing=importing)
        if importing.state not in import_status.ENDED:
            raise Refusal(refusals.RESULT_NOT_READY)
        secret = deliveries.take_key(delivery=delivery, by=user, what=f"import {importing.key}")
        return download(imports.write_result_csv(importing, secret), importing, "result", user, for_programs=True)


def _complete_match(importing: Import, sent: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a match: what is not sent stays as it is, or is guessed anew if the file is read in
    another way now."""
    options = ["encoding", "delimiter", "sheet", "header_row"]
    options += ["act", "group", "all_or_nothing", "name_pattern", "make_serials"]
    wanted = {name: getattr(importing, name) for name in options} | sent
    reading = {name: wanted[name] for name in ("encoding", "delimiter", "sheet")}
    if "header_row" not in sent and any(reading[name] != getattr(importing, name) for name in reading):
        wanted["header_row"] = imports.find_header_row(importing, **reading)
    wanted["encoding"] = sent.get("encoding")
    if "columns" not in sent:
        preview = imports.preview(importing, 0, **reading, header_row=wanted["header_row"])
        is_as_before = preview.header == importing.header
        wanted["columns"] = importing.columns if is_as_before else doubles.suggest_anew(importing, preview)
    return wanted


def _answer_created(user: User, importing: Import) -> Response:
    location = reverse("devices:api-import", kwargs={"key": importing.key})
    return Response(
        shown.serialize_whole(get_import(user, importing.key), user), status=201, headers={"Location": location}
    )


def _answer(user: User, key: UUID) -> Response:
    return Response(shown.serialize_whole(get_import(require_owner(user), key), user))


def _read_corrections(importing: Import, sent: dict[str, Any]) -> imports.Corrections:
    """Return the corrections, by the places of their columns. Raises ValidationError."""
    named = {each["column"] for kind in ("cells", "texts") for each in sent.get(kind, ())}
    if unknown := sorted(named - set(importing.header)):
        raise serializers.ValidationError({"cells": [f"The file has no column “{unknown[0][:40]}”."]})
    at = importing.header.index
    return imports.Corrections(
        {(each["row"], at(each["column"])): each["text"] for each in sent.get("cells", ())},
        {(at(each["column"]), each["text"]): each["instead"] for each in sent.get("texts", ())},
        frozenset(sent.get("leave_out", ())),
    )
