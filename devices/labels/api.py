"""Labels: of one device as a file, and of many as sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.api.file_responses import FileView, holding
from devices.inventory import api_selection
from devices.labels import printing, stocks
from devices.labels.forms import MOST, LabelForm, SheetForm
from devices.labels.layout import TooSmall
from devices.labels.print_views import attached
from devices.labels.symbol import LEAST_QUIET, Level
from devices.labels.views import SIDE
from devices.models import Sheet
from lib import origins
from lib.paging import NEWEST_FIRST
from tenants.access import found, require_admin
from tenants.api.base import ApiView, Serializer
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import BadQuery, Conflict, Problem, refused
from tenants.api.schema import described, listing
from tenants.models import Organisation

if TYPE_CHECKING:
    from uuid import UUID

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from devices.models import Device
    from devices.models.print_job import SheetQuerySet

TAG = "Labels"
ROLL = {"filter": {"group": 5}, "options": {"stock": "l7160", "with_model": True}}
EXAMPLE = [OpenApiExample("A group's labels", ROLL, request_only=True)]
NOBODY = "No device that you manage is among these. Choose others."


class Looks(Serializer):
    stock = serializers.ChoiceField(list(stocks.STOCKS), required=False, help_text="What is printed on.")
    dpi = serializers.ChoiceField(["203", "300", "600"], required=False, help_text="Of the printer.")
    content = serializers.ChoiceField(Organisation.LabelContent.choices, required=False)
    level = serializers.ChoiceField(Level.choices, required=False, help_text="Of error correction.")
    side = serializers.FloatField(required=False, min_value=4, max_value=100, help_text="Of the code, in mm.")
    quiet = serializers.IntegerField(
        required=False, min_value=LEAST_QUIET, max_value=10, help_text="White border, in modules."
    )
    start = serializers.IntegerField(required=False, min_value=1, max_value=1000, help_text="First free label.")
    with_name = serializers.BooleanField(required=False)
    with_model = serializers.BooleanField(required=False)
    with_logo = serializers.BooleanField(required=False)


class SheetLooks(Looks):
    right = serializers.FloatField(required=False, min_value=-10, max_value=10, help_text="Shift, in mm.")
    down = serializers.FloatField(required=False, min_value=-10, max_value=10, help_text="Shift, in mm.")
    marks = serializers.ChoiceField(["outline", "ticks"], required=False)


class SheetNew(api_selection.Chosen):
    options = SheetLooks(required=False, help_text="How they look; what is not sent is as on the page.")


class SheetShown(Serializer):
    key = serializers.UUIDField()
    state = serializers.ChoiceField(Sheet.State.choices)
    of = serializers.CharField(help_text="Which devices, in words.")
    total = serializers.IntegerField(help_text="Labels.")
    done = serializers.IntegerField()
    cause = serializers.CharField(help_text="Why it failed.")
    file = serializers.CharField(allow_null=True, help_text="Its address, once it is there, for a day.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class SheetView(ApiView):
    def mine(self) -> SheetQuerySet:
        """Those that the person asked for; a token for less than the organisation meets those asked for with it."""
        scope = Sheet.objects.of(require_admin(self.user)).select_related("file")
        token = api_selection.narrow(self.request, self.user)
        return scope.filter(given__token=token.pk) if token else scope

    def answer(self, key: UUID, status: int = 200) -> Response:
        told = _shown(found(self.mine(), key=key))
        location = {"Location": reverse("devices:api-sheet", kwargs={"key": key})} if status == 201 else {}
        return Response(told, status=status, headers=location)


class Sheets(SheetView):
    @listing(TAG, "List sheets of labels", SheetShown)
    def get(self, request: Request) -> Response:
        """Those that you asked for, newest first."""
        return page(request, self.mine(), NEWEST_FIRST).answer(_shown)

    @described(TAG, "Print labels", request=SheetNew, examples=EXAMPLE, responses={201: SheetShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Up to 500 labels are there with the answer: `file` says where. More of them are made by a worker."""
        user, site = require_admin(self.user), origins.named(request._request)
        form = self._form(self.read(SheetNew))
        total = _total(form, site)
        token = api_selection.narrow(request, user)
        sheet = printing.ask(form=form, by=user, origin=site, total=total, token=token)
        if total <= printing.STRAIGHT:
            printing.make(sheet.pk)
        return self.answer(sheet.key, 201)

    def _form(self, given: dict[str, Any]) -> SheetForm:
        assert self.user.organisation is not None
        options = {name: str(value) for name, value in given.get("options", {}).items()}
        which = api_selection.words(given["filter"]) if "filter" in given else {"serials": "\n".join(given["serials"])}
        if not which.get("serials", "all").strip():
            raise serializers.ValidationError({"serials": [NOBODY]})
        form = SheetForm({**options, **which}, user=self.user, organisation=self.user.organisation)
        if not form.is_valid():
            raise _misfit(form)
        return form


class OneSheet(SheetView):
    @described(TAG, "Read a sheet of labels", responses=SheetShown)
    def get(self, request: Request, key: UUID) -> Response:
        return self.answer(key)


class SheetCancel(SheetView):
    @described(TAG, "Cancel a sheet of labels", request=None, responses=SheetShown)
    def post(self, request: Request, key: UUID) -> Response:
        if not printing.cancel(sheet=found(self.mine(), key=key), by=self.user):
            raise Conflict("It has ended already.")
        return self.answer(key)


class SheetFile(FileView, SheetView):
    @described(
        TAG,
        "A sheet of labels as a file",
        responses=holding("application/pdf", "PDF.") | holding("application/zip", "Several PDFs, of very many labels."),
    )
    def get(self, request: Request, key: UUID) -> HttpResponseBase:
        """As often as it is wanted, for a day, while you manage its devices."""
        sheet = found(self.mine(), key=key)
        if sheet.state != Sheet.State.DONE:
            raise Conflict("There is no file (yet): see its `state`.")
        try:
            return attached(printing.taken(sheet=sheet, by=self.user))
        except printing.Refused as refusal:
            raise Problem("gone", str(refusal)) from None


class LabelView(FileView):
    def drawn(self, serial: str) -> tuple[Device, LabelForm]:
        device = get_device(self.user, serial)
        form = LabelForm(self.request.query_params.dict(), organisation=device.organisation)
        if not form.is_valid():
            raise BadQuery(refused(form).detail)
        return device, form


class LabelSvg(LabelView):
    @described(TAG, "A device's QR code", parameters=[Looks], responses=holding("image/svg+xml", "The symbol as SVG."))
    def get(self, request: Request, serial: str) -> HttpResponse:
        """Without `side` it takes the size of what holds it."""
        device, form = self.drawn(serial)
        symbol = form.options(origin=origins.named(request._request)).symbol(device.serial)
        wanted = form.cleaned_data["side"]
        drawn = symbol.svg(side=wanted * symbol.side / symbol.inner if wanted else None)
        return HttpResponse(drawn, content_type="image/svg+xml")


class LabelPng(LabelView):
    @described(TAG, "A device's QR code in dots", parameters=[Looks], responses=holding("image/png", "The symbol."))
    def get(self, request: Request, serial: str) -> HttpResponse:
        """In whole dots of the printer, `side` wide (20 mm if not said) as near as those allow."""
        device, form = self.drawn(serial)
        symbol = form.options(origin=origins.named(request._request)).symbol(device.serial)
        side = (form.cleaned_data["side"] or SIDE) * symbol.side / symbol.inner
        return HttpResponse(symbol.png(side=side, dpi=form.cleaned_data["dpi"]), content_type="image/png")


class LabelPdf(LabelView):
    @described(TAG, "A device's label", parameters=[Looks], responses=holding("application/pdf", "On its sheet."))
    def get(self, request: Request, serial: str) -> HttpResponse:
        device, form = self.drawn(serial)
        try:
            drawn = printing.single(form=form, device=device, origin=origins.named(request._request))
        except TooSmall as error:
            raise BadQuery({"stock": [str(error)]}) from None
        return HttpResponse(drawn, content_type="application/pdf")


def _total(form: SheetForm, site: str) -> int:
    total = form.count()
    if not total:
        raise serializers.ValidationError(NOBODY)
    if total > MOST:
        raise serializers.ValidationError(f"These are {total:,} labels; at most {MOST:,} are printed at once.")
    try:
        printing.first(form=form, origin=site)
    except TooSmall as error:
        raise serializers.ValidationError({"options": {"stock": [str(error)]}}) from None
    return total


def _misfit(form: SheetForm) -> serializers.ValidationError:
    """Each error at its place in the body."""
    said: Any = refused(form).detail
    placed: dict[str, Any] = {}
    for name, texts in said.items():
        if name in SheetLooks().fields:
            placed.setdefault("options", {})[name] = texts
        elif name in api_selection.Filter().fields:
            placed.setdefault("filter", {})[name] = texts
        else:
            placed[name] = texts
    if not form.filter.is_valid():
        placed = {name: texts for name, texts in placed.items() if name != "non_field_errors"}
        narrowed: Any = refused(form.filter).detail
        placed["filter"] = placed.get("filter", {}) | narrowed
    return serializers.ValidationError(placed)


def _shown(sheet: Sheet) -> dict[str, object]:
    plain = ("key", "state", "total", "done", "cause", "created_at", "finished_at")
    address = reverse("devices:api-sheet-file", kwargs={"key": sheet.key}) if sheet.file else None
    return {name: getattr(sheet, name) for name in plain} | {"of": sheet.words, "file": address}
