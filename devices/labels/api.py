"""Labels: of one device as a file, and of many as sheets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.response import Response

from devices import refusals
from devices.access import get_device
from devices.api.file_responses import FileView, describe_file
from devices.inventory import api_selection
from devices.labels import paper_form, printing, stocks
from devices.labels.documents import OUTPUTS
from devices.labels.forms import LabelForm, PrintJobForm
from devices.labels.print_views import attach_file
from devices.labels.symbol import LEAST_QUIET, Level
from devices.labels.views import SIDE
from devices.models import LabelPrintJob
from lib import origins
from lib.paging import NEWEST_FIRST
from lib.refusals import Refusal
from tenants.access import get_row, require_admin
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import Flag
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import BadQuery, convert_form_errors
from tenants.api.query import read_query
from tenants.api.schema import describe_list, describe_operation
from tenants.models import Organisation

if TYPE_CHECKING:
    from uuid import UUID

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from devices.models import Device
    from devices.models.print_job import LabelPrintJobQuerySet

TAG = "Labels"
ROLL = {"filter": {"group": 5}, "options": {"stock": "l7160", "with_model": True}}
EXAMPLE = [OpenApiExample("A group's labels", ROLL, request_only=True)]
NOBODY = "No device that you manage is among these. Choose others."


def _ask_length(most: float, least: float = 0, text: str = "In mm.") -> serializers.FloatField:
    return serializers.FloatField(required=False, min_value=least, max_value=most, help_text=text)


OWN = "In mm, of your own stock."
NOT_OWN = "Only a stock of your own takes it: `own-roll` width and height, `own-a4` and `own-letter` all of them."
NO_DPI = "Give the printer's dots: 203, 300 or 600. ZPL counts in them."
MARGIN = "In mm, of your own sheet; without it the labels are in its middle."


class Looks(Serializer):
    stock = serializers.ChoiceField(
        [*stocks.STOCKS, *stocks.OWN], required=False, help_text="What is printed on; of `own-…` give the measures."
    )
    width = _ask_length(paper_form.MOST, paper_form.LEAST, OWN)
    height = _ask_length(paper_form.MOST, paper_form.LEAST, OWN)
    columns = serializers.IntegerField(
        required=False, min_value=1, max_value=paper_form.MOST_COLUMNS, help_text="Of your own sheet."
    )
    rows = serializers.IntegerField(
        required=False, min_value=1, max_value=paper_form.MOST_ROWS, help_text="Of your own sheet."
    )
    gap_across = _ask_length(paper_form.MOST_GAP, 0, "In mm, between columns of your own sheet.")
    gap_down = _ask_length(paper_form.MOST_GAP, 0, "In mm, between rows of your own sheet.")
    margin_left = _ask_length(paper_form.MOST_MARGIN, 0, MARGIN)
    margin_top = _ask_length(paper_form.MOST_MARGIN, 0, MARGIN)
    inset_left = _ask_length(paper_form.MOST_INSET, 0, "In mm, that the printer leaves white at each label's edge.")
    inset_right = _ask_length(paper_form.MOST_INSET)
    inset_top = _ask_length(paper_form.MOST_INSET)
    inset_bottom = _ask_length(paper_form.MOST_INSET)
    dpi = serializers.ChoiceField(["203", "300", "600"], required=False, help_text="Of the printer.")
    content = serializers.ChoiceField(Organisation.LabelContent.choices, required=False)
    level = serializers.ChoiceField(Level.choices, required=False, help_text="Of error correction.")
    side = serializers.FloatField(required=False, min_value=4, max_value=100, help_text="Of the code, in mm.")
    quiet = serializers.IntegerField(
        required=False, min_value=LEAST_QUIET, max_value=10, help_text="White border, in modules."
    )
    start = serializers.IntegerField(required=False, min_value=1, max_value=1000, help_text="First free label.")
    with_name = Flag(required=False)
    with_model = Flag(required=False)
    with_logo = Flag(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what the stock takes no account of; pages keep it out of sight."""
        stock = attrs.get("stock")
        unheard = [] if stock in stocks.OWN and stock != "own-roll" else [*paper_form.OF_SHEETS]
        unheard += [] if stock in stocks.OWN else paper_form.OF_LABELS
        if said := {name: NOT_OWN for name in unheard if name in attrs}:
            raise serializers.ValidationError(said)
        return attrs


class ZplLooks(Looks):
    dpi = serializers.ChoiceField(["203", "300", "600"], help_text="Of the printer: ZPL counts in its dots.")


class PrintJobLooks(Looks):
    right = serializers.FloatField(required=False, min_value=-10, max_value=10, help_text="Shift, in mm.")
    down = serializers.FloatField(required=False, min_value=-10, max_value=10, help_text="Shift, in mm.")
    marks = serializers.ChoiceField(["outline", "ticks"], required=False)
    output = serializers.ChoiceField(
        ["pdf", "zpl"], required=False, help_text="`zpl` is ZPL II for label printers: of rolls, in dots of `dpi`."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("output") == "zpl" and "dpi" not in attrs:
            raise serializers.ValidationError({"dpi": NO_DPI})
        return super().validate(attrs)


class NewPrintJob(api_selection.Chosen):
    options = PrintJobLooks(required=False, help_text="How they look; what is not sent is as on a new page.")


class NoteShown(Serializer):
    text = serializers.CharField()
    next_step = serializers.CharField(help_text="What can be done about letters.")
    count = serializers.IntegerField(help_text="Labels.")
    serials = serializers.ListField(child=serializers.CharField(), help_text="The first of them.")
    letters = serializers.CharField(help_text="The first that are not printed as they are.")


class PrintJobShown(Serializer):
    key = serializers.UUIDField()
    state = serializers.ChoiceField(LabelPrintJob.State.choices)
    of = serializers.CharField(help_text="Which devices, in words.")
    total = serializers.IntegerField(help_text="Labels.")
    done = serializers.IntegerField()
    cause = serializers.CharField(help_text="Why it failed.")
    file = serializers.CharField(allow_null=True, help_text="Its address, once it is there, for a day.")
    notes = NoteShown(many=True, help_text="What is to be known of them, such as letters that no font has.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class PrintJobView(ApiView):
    def find_print_jobs(self) -> LabelPrintJobQuerySet:
        """Return those that the person asked for; a token for less than the organisation meets those asked for with
        it."""
        scope = LabelPrintJob.objects.of(require_admin(self.user)).select_related("file")
        token = api_selection.get_narrow_token(self.request, self.user)
        return scope.filter(given__token=token.pk) if token else scope

    def answer(self, key: UUID, status: int = 200) -> Response:
        told = _serialize_print_job(get_row(self.find_print_jobs(), key=key))
        location = {"Location": reverse("devices:api-sheet", kwargs={"key": key})} if status == 201 else {}
        return Response(told, status=status, headers=location)


class PrintJobs(PrintJobView):
    @describe_list(TAG, "List sheets of labels", PrintJobShown)
    def get(self, request: Request) -> Response:
        """List those that you asked for, newest first."""
        return page(request, self.find_print_jobs(), NEWEST_FIRST).answer(_serialize_print_job)

    @describe_operation(TAG, "Print labels", request=NewPrintJob, examples=EXAMPLE, responses={201: PrintJobShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Make up to 500 labels with the answer: `file` says where. More of them are made by a worker."""
        user, site = require_admin(self.user), origins.get_site_origin(request._request)
        form = self._build_form(self.read(NewPrintJob))
        total = _count_labels(form, site)
        token = api_selection.get_narrow_token(request, user)
        sheet = printing.queue_print_job(form=form, by=user, origin=site, total=total, token=token)
        if total <= printing.STRAIGHT:
            printing.run_print_job(sheet.pk)
        return self.answer(sheet.key, 201)

    def _build_form(self, body: dict[str, Any]) -> PrintJobForm:
        assert self.user.organisation is not None
        options = {name: str(value) for name, value in body.get("options", {}).items()}
        which = (
            api_selection.build_query(body["filter"]) if "filter" in body else {"serials": "\n".join(body["serials"])}
        )
        if not which.get("serials", "all").strip():
            raise Refusal(refusals.NO_DEVICES, field="serials")
        form = PrintJobForm({**options, **which}, user=self.user, organisation=self.user.organisation)
        if not form.is_valid():
            raise _place_errors(form)
        return form


class OnePrintJob(PrintJobView):
    @describe_operation(TAG, "Read a sheet of labels", responses=PrintJobShown)
    def get(self, request: Request, key: UUID) -> Response:
        return self.answer(key)


class CancelPrintJob(PrintJobView):
    @describe_operation(TAG, "Cancel a sheet of labels", request=None, responses=PrintJobShown)
    def post(self, request: Request, key: UUID) -> Response:
        if not printing.cancel(sheet=get_row(self.find_print_jobs(), key=key), by=self.user):
            raise Refusal(refusals.JOB_ENDED)
        return self.answer(key)


class PrintJobFile(FileView, PrintJobView):
    @describe_operation(
        TAG,
        "A sheet of labels as a file",
        responses=describe_file("application/pdf", "PDF.")
        | describe_file("application/zpl", "ZPL II.")
        | describe_file("application/zip", "Several of them, of very many labels."),
    )
    def get(self, request: Request, key: UUID) -> HttpResponseBase:
        """Fetch the file as often as it is wanted, for a day, while you manage its devices."""
        sheet = get_row(self.find_print_jobs(), key=key)
        if sheet.state != LabelPrintJob.State.DONE:
            raise Refusal(refusals.FILE_NOT_READY)
        return attach_file(printing.take_file(sheet=sheet, by=self.user))


class LabelView(FileView):
    def read_form(self, serial: str, of: type[Looks] = Looks) -> tuple[Device, LabelForm]:
        device = get_device(self.user, serial)
        looks = {name: str(value) for name, value in read_query(self.request, of).items()}
        form = LabelForm(looks, organisation=device.organisation)
        if not form.is_valid():
            raise BadQuery(convert_form_errors(form).detail)
        return device, form

    def draw_label(self, serial: str, output: str) -> HttpResponse:
        device, form = self.read_form(serial, ZplLooks if output == "zpl" else Looks)
        origin = origins.get_site_origin(self.request._request)
        drawn = printing.print_label(form=form, device=device, origin=origin, output=output)
        notes = json.dumps(printing.note_label(form=form, device=device, origin=origin))
        return HttpResponse(drawn, content_type=OUTPUTS[output].content_type, headers={"Label-Notes": notes})


class LabelSvg(LabelView):
    @describe_operation(
        TAG, "A device's QR code", parameters=[Looks], responses=describe_file("image/svg+xml", "The symbol as SVG.")
    )
    def get(self, request: Request, serial: str) -> HttpResponse:
        """Draw the symbol; without `side` it takes the size of what holds it."""
        device, form = self.read_form(serial)
        symbol = form.options(origin=origins.get_site_origin(request._request)).symbol(device.serial)
        wanted = form.cleaned_data["side"]
        drawn = symbol.svg(side=wanted * symbol.side / symbol.inner if wanted else None)
        return HttpResponse(drawn, content_type="image/svg+xml")


class LabelPng(LabelView):
    @describe_operation(
        TAG, "A device's QR code in dots", parameters=[Looks], responses=describe_file("image/png", "The symbol.")
    )
    def get(self, request: Request, serial: str) -> HttpResponse:
        """Draw the symbol in whole dots of the printer, `side` wide (20 mm if not said) as near as those allow."""
        device, form = self.read_form(serial)
        symbol = form.options(origin=origins.get_site_origin(request._request)).symbol(device.serial)
        side = (form.cleaned_data["side"] or SIDE) * symbol.side / symbol.inner
        return HttpResponse(symbol.png(side=side, dpi=form.cleaned_data["dpi"]), content_type="image/png")


class LabelZpl(LabelView):
    @describe_operation(
        TAG,
        "A device's label for a label printer",
        parameters=[ZplLooks],
        responses=describe_file("application/zpl", "ZPL II."),
    )
    def get(self, request: Request, serial: str) -> HttpResponse:
        """Draw it in dots of `dpi`, on a roll; `Label-Notes` as with the PDF."""
        return self.draw_label(serial, "zpl")


class LabelPdf(LabelView):
    @describe_operation(
        TAG, "A device's label", parameters=[Looks], responses=describe_file("application/pdf", "On its sheet.")
    )
    def get(self, request: Request, serial: str) -> HttpResponse:
        """Draw it; what is to be known of it (`notes` of a sheet) is in the header `Label-Notes`, as JSON."""
        return self.draw_label(serial, "pdf")


def _count_labels(form: PrintJobForm, site: str) -> int:
    total = form.count()
    printing.refuse_count(total)
    printing.draw_first_label(form=form, origin=site)
    return total


def _place_errors(form: PrintJobForm) -> serializers.ValidationError:
    """Return each error at its place in the body."""
    said: Any = convert_form_errors(form).detail
    placed: dict[str, Any] = {}
    for name, texts in said.items():
        if name in PrintJobLooks().fields:
            placed.setdefault("options", {})[name] = texts
        elif name in api_selection.Filter().fields:
            placed.setdefault("filter", {})[name] = texts
        else:
            placed[name] = texts
    if not form.filter.is_valid():
        placed = {name: texts for name, texts in placed.items() if name != "non_field_errors"}
        narrowed: Any = convert_form_errors(form.filter).detail
        placed["filter"] = placed.get("filter", {}) | narrowed
    return serializers.ValidationError(placed)


def _serialize_print_job(sheet: LabelPrintJob) -> dict[str, object]:
    plain = ("key", "state", "total", "done", "cause", "created_at", "finished_at")
    address = reverse("devices:api-sheet-file", kwargs={"key": sheet.key}) if sheet.file else None
    return {name: getattr(sheet, name) for name in plain} | {
        "of": sheet.words,
        "file": address,
        "notes": sheet.notes or [],
    }
