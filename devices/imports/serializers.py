"""What the API's imports take and show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from devices import imports
from devices.api import serializers as device_serializers
from devices.imports import corrections
from devices.imports import status as import_status
from devices.imports.change_finder import describe_changes
from devices.imports.doubles import describe_doubles, describe_empty_names, describe_unnamed
from devices.imports.outlook import describe_left_out
from devices.imports.sheet_choice import list_unread
from devices.jobs import leases
from devices.models import BulkAction, Change, Import, Problem
from devices.recipes.operations import find_available_recipes
from lib import parsing
from tenants.api.base import Serializer
from tenants.api.fields import Flag, OneLine
from tenants.api.scoped import Choice
from tenants.models import Group

if TYPE_CHECKING:
    from tenants.models import User

HEADER_ROW = (
    "The row that names the columns, as a spreadsheet counts (blank rows count, a `sep=` line does not); rows above it "
    "are not read. 0: none does, the first row is data."
)
RESULTS = ("none", "ready", "taken", "expired", "theirs")


MATCHED = {"columns": ["serial", "name", "tag:hall"], "group": 5}
EXAMPLE = [OpenApiExample("Three columns", MATCHED, request_only=True)]


class TextChoice(Choice):
    """Take an id as a form's field has it: as text."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(parsing.parse_whole_number(data) if isinstance(data, str) and data else data)


class ImportFile(Serializer):
    recipe = TextChoice(find_available_recipes)
    file = serializers.FileField(allow_empty_file=True, help_text="CSV, or an Excel workbook (.xlsx).")
    sheet = serializers.CharField(
        required=False, max_length=100, help_text="Of a workbook. Not sent: one that names serials and has rows."
    )
    header_row = serializers.IntegerField(
        required=False, min_value=0, max_value=imports.LOOK_ROWS, help_text=f"{HEADER_ROW} Not sent: as it seems."
    )


class ImportCount(Serializer):
    recipe = Choice(find_available_recipes)
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
        help_text=f"For each column of the file {', '.join(f'`{field}`' for field in imports.FIELDS)}, `tag:<name>`, "
        "or nothing to leave it out. Not sent: as guessed; has to be sent where `columns` has a `?`.",
    )
    encoding = serializers.ChoiceField(
        list(imports.ENCODINGS), required=False, help_text="Has to be sent where `encoding_guesses` has some."
    )
    delimiter = serializers.ChoiceField(list(imports.DELIMITERS), required=False)
    sheet = serializers.CharField(
        required=False, max_length=100, help_text="One of `sheets`, of a workbook. Not sent: as shown."
    )
    header_row = serializers.IntegerField(
        required=False, min_value=0, max_value=imports.LOOK_ROWS, help_text=f"{HEADER_ROW} Not sent: as shown."
    )
    group = Choice(lambda user: Group.objects.registrable_by(user), required=False, allow_null=True)
    all_or_nothing = Flag(required=False, help_text="Not sent: true, one bad row stops all.")
    name_pattern = OneLine(required=False, max_length=120, allow_blank=True)
    act = serializers.ChoiceField(
        Import.Act.choices,
        required=False,
        help_text="Not sent: as shown. `change`: rows change the devices that have these serials, once "
        "`Carry out an import's changes` is asked for. An empty cell changes nothing; `tags` sets all tags. "
        "Of a device that gets another group, what the file has no column for stays behind: its name, too.",
    )
    make_serials = Flag(
        required=False,
        help_text="Make a serial for each row that has none. Not sent: false, a file needs a column of serials, and an "
        "empty cell in it is that row's problem.",
    )


class CellCorrected(Serializer):
    row = serializers.IntegerField(min_value=1, max_value=2**31 - 1, help_text="As in the list of problems.")
    column = serializers.CharField(max_length=120, help_text="As in the list of problems.")
    text = serializers.CharField(max_length=corrections.LONGEST, allow_blank=True)


class TextCorrected(Serializer):
    column = serializers.CharField(max_length=120)
    text = serializers.CharField(max_length=corrections.LONGEST, help_text="Wherever it is a cell of this column.")
    instead = serializers.CharField(max_length=corrections.LONGEST, allow_blank=True)


class ImportCorrections(Serializer):
    cells = CellCorrected(many=True, required=False)
    texts = TextCorrected(many=True, required=False)
    leave_out = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1), required=False, max_length=corrections.MOST
    )
    clear = Flag(required=False, help_text="Drop all corrections instead.")


class ImportShown(Serializer):
    key = serializers.UUIDField()
    state = serializers.ChoiceField(Import.State.choices)
    recipe = device_serializers.Named()
    version = serializers.IntegerField(help_text="Of the recipe.")
    group = device_serializers.Named(allow_null=True)
    file = serializers.CharField(allow_null=True, help_text="Null without a file, and once it is no longer kept.")
    by = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(help_text="Rows; of a file before its check about as many as it has lines.")
    made = serializers.IntegerField(help_text="Devices added.")
    removed = serializers.IntegerField(help_text="Of those, removed since.")
    refused = serializers.IntegerField(help_text="Rows with a problem.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class ProgressShown(Serializer):
    rows = serializers.IntegerField(help_text="Gone through.")
    total = serializers.IntegerField()
    rate = serializers.FloatField(help_text="Rows a second.")
    seconds_left = serializers.FloatField(allow_null=True)
    percent = serializers.IntegerField(help_text="100 only once it ended.")


class EncodingGuess(Serializer):
    encoding = serializers.CharField()
    reads = serializers.CharField(help_text="What it makes of the file's letters.")


class TextMeant(Serializer):
    text = serializers.CharField()
    instead = serializers.CharField()


class ProblemGroup(Serializer):
    column = serializers.CharField()
    cause = serializers.CharField()
    rows = serializers.IntegerField()
    first_rows = serializers.ListField(child=serializers.IntegerField())
    alike = serializers.CharField(help_text="What the cells have in common, if anything.")
    sample = serializers.CharField(help_text="The first of the cells.")
    cell = serializers.CharField(help_text="The text that all of them have, if it is one.")
    meant = TextMeant(many=True, help_text="What the cells may mean, where that is known; `texts` corrects them.")


class OddShape(Serializer):
    shape = serializers.CharField()
    rows = serializers.IntegerField()
    first_rows = serializers.ListField(child=serializers.IntegerField())
    sample = serializers.CharField(help_text="The first of the serials.")


class OddSerials(Serializer):
    usual = serializers.CharField(help_text="What most look like.")
    serials = serializers.IntegerField(help_text="Of rows that fit.")
    rows = serializers.IntegerField(help_text="Whose serials look otherwise.")
    shapes = OddShape(many=True, help_text="What those look like; the shapes with the most rows.")


class LostZeros(Serializer):
    rows = serializers.IntegerField()
    first_rows = serializers.ListField(child=serializers.IntegerField())
    sample = serializers.CharField(help_text="The first of the serials.")
    there = serializers.CharField(help_text="The one that is there.")


class DeviceForeseen(Serializer):
    row = serializers.IntegerField()
    serial = serializers.CharField(help_text="Empty where one is made.")
    name = serializers.CharField(help_text="Empty where the serial is made, and becomes the name.")
    group = serializers.CharField(help_text="The names of the group and of those above it.")
    tags = serializers.CharField(help_text="As a file would have them.")


class LeftOutColumn(Serializer):
    column = serializers.CharField()
    names_groups = serializers.BooleanField(help_text="Whether most of its values are names of groups.")


class DoubleColumn(Serializer):
    column = serializers.CharField(help_text="Its heading names the field, but it is left out.")
    field = serializers.CharField()
    filled_by = serializers.CharField(help_text="The column that fills it.")
    rows = serializers.IntegerField(allow_null=True, help_text="Once checked: rows that have another value in the two.")


class UnnamedColumn(Serializer):
    column = serializers.CharField()
    rows = serializers.IntegerField(allow_null=True, help_text="Once checked: rows that have a value there.")


class EmptyNames(Serializer):
    rows = serializers.IntegerField(help_text="Whose name says nothing, such as `N/A`.")
    first_rows = serializers.ListField(child=serializers.IntegerField())
    sample = serializers.CharField()


class UnreadSheet(Serializer):
    sheet = serializers.CharField()
    rows = serializers.IntegerField(help_text="Below its header, about.")


class ImportWhole(ImportShown):
    progress = ProgressShown()
    encoding = serializers.CharField(help_text="Empty for a workbook, as is `delimiter`.")
    encoding_guesses = EncodingGuess(
        many=True, help_text="What the file may be encoded in, where that is not sure; the match has to say it."
    )
    delimiter = serializers.CharField(trim_whitespace=False)
    sheet = serializers.CharField(help_text="Of a workbook, else empty.")
    sheets = serializers.ListField(child=serializers.CharField(), help_text="Those of a workbook.")
    unread_sheets = UnreadSheet(many=True, help_text="Others that have anything in them: an import reads one.")
    header_row = serializers.IntegerField(help_text="Before the match a guess. 0: none.")
    header = serializers.ListField(child=serializers.CharField())
    columns = serializers.ListField(
        child=serializers.CharField(),
        help_text="What each column fills. `?`: the match has to say which is the serial.",
    )
    double_columns = DoubleColumn(many=True, help_text="Left out, though they look like what another column fills.")
    unnamed_columns = UnnamedColumn(many=True, help_text="Left out, without a heading, though rows have values there.")
    empty_names = EmptyNames(allow_null=True, help_text="As the check found: a warning, no refusal.")
    all_or_nothing = serializers.BooleanField()
    name_pattern = serializers.CharField()
    make_serials = serializers.BooleanField()
    serials_to_make = serializers.IntegerField(help_text="Once checked: devices that get a serial made here.")
    act = serializers.ChoiceField(Import.Act.choices, help_text="Whether rows are new devices, or change some.")
    changing = serializers.IntegerField(help_text="Once checked: devices that would change.")
    changed_fields = serializers.DictField(child=serializers.IntegerField(), help_text="How many devices, by field.")
    effects = serializers.ListField(
        child=serializers.CharField(),
        help_text="In words, what it does besides: credentials and ties that end; what the devices made lack.",
    )
    action = serializers.UUIDField(allow_null=True, help_text="That carries out its changes.")
    problems = serializers.IntegerField(help_text="How many there are; a row can have several.")
    problem_groups = ProblemGroup(many=True, help_text="Why rows don't fit, by cause, as the check found.")
    odd_serials = OddSerials(
        allow_null=True, help_text="Serials that fit but look unlike most, as the check found: a warning, no refusal."
    )
    first_devices = DeviceForeseen(many=True, help_text="Once checked: what the first new devices will be.")
    left_out_columns = LeftOutColumn(many=True, help_text="Once checked: those that hold values.")
    lost_zeros = LostZeros(
        allow_null=True,
        help_text="New serials whose digits a device has with zeros before them, as the check found: a warning.",
    )
    cause = serializers.CharField(help_text="Why it failed.")
    result = serializers.ChoiceField(RESULTS, help_text="The secrets: `theirs` is whoever ran it.")


class ValueChanged(Serializer):
    field = serializers.CharField()
    before = serializers.CharField(help_text="As a file would have it.")
    after = serializers.CharField()


class ValueStaying(Serializer):
    field = serializers.CharField()
    value = serializers.CharField()


class RowChangeShown(Serializer):
    row = serializers.IntegerField()
    serial = serializers.CharField()
    changes = ValueChanged(many=True)
    stays = ValueStaying(many=True, help_text="What a device that gets another group takes along as it is.")
    ends = serializers.ListField(
        child=serializers.CharField(), help_text="In words, what would end for good. Empty once it was begun."
    )


class ProblemShown(Serializer):
    row = serializers.IntegerField(help_text="As a spreadsheet counts: the header is row 1.")
    column = serializers.CharField()
    cause = serializers.CharField()


def serialize_changes(importing: Import, found: list[Change]) -> dict[int, dict[str, object]]:
    return {
        change.pk: {
            "row": change.row,
            "serial": change.device.serial,
            "changes": [dict(zip(("field", "before", "after"), line, strict=True)) for line in lines],
            "stays": [{"field": field, "value": value} for field, value in stays],
            "ends": ends,
        }
        for change, lines, stays, ends in describe_changes(found, importing)
    }


def serialize_problem(row: Problem) -> dict[str, object]:
    return {"row": row.row, "column": row.column, "cause": row.cause}


def serialize_import(row: Import) -> dict[str, object]:
    plain = ("key", "state", "total", "made", "removed", "refused", "created_at", "finished_at")
    return {name: getattr(row, name) for name in plain} | {
        "recipe": device_serializers.serialize_reference(row.version.recipe),
        "version": row.version.number,
        "group": device_serializers.serialize_reference(row.group),
        "file": row.file.name if row.file else None,
        "by": str(row.by) if row.by else None,
    }


def serialize_whole(row: Import, user: User) -> dict[str, object]:
    plain = ["encoding", "delimiter", "sheet", "header_row", "header", "columns", "all_or_nothing", "name_pattern"]
    plain += ["make_serials", "serials_to_make", "cause", "act", "changing", "odd_serials"]
    progress = leases.progress(row)._asdict()
    del progress["state"]
    more = {"progress": progress, "problems": row.problems.count(), "result": import_status.tell_result(row, user)}
    more["encoding_guesses"] = row.encoding_guesses or []
    more["problem_groups"] = [{"meant": []} | group for group in row.problem_groups or []]
    outlook = row.outlook or {}
    more |= {"lost_zeros": outlook.get("lost_zeros"), "first_devices": outlook.get("first", [])}
    more["left_out_columns"] = describe_left_out(row)
    more |= {"sheets": row.sheet_names, "unread_sheets": list_unread(row)}
    more |= {"double_columns": describe_doubles(row), "unnamed_columns": describe_unnamed(row)}
    more["empty_names"] = describe_empty_names(row)
    more["changed_fields"] = row.changed_fields or {}
    more["effects"] = import_status.list_effects(row)
    more["action"] = BulkAction.objects.manageable_by(user).filter(importing=row).values_list("key", flat=True).first()
    return serialize_import(row) | {name: getattr(row, name) for name in plain} | more
