"""A row of a file, read as a device to be; or why it can't be one."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices import tags
from devices.credentials import presence_secrets
from devices.identity import label_text, serials
from devices.identity.formats import SIZED, Kind
from devices.identity.label_text import STARTS
from devices.imports import placeholders, spreadsheets
from devices.imports.cell_formats import Shown
from devices.imports.cells import quote_cell, read_gateways
from devices.imports.certificates import Cause, parse_certificate
from devices.imports.columns import FIELDS, TAG, list_plain_names
from devices.imports.csv_reader import Bad
from devices.imports.encodings import undo_mojibake
from devices.imports.groups import GroupNames
from devices.imports.header import NO_SERIAL, NOTHING, explain_more, explain_no_device, is_suspect
from devices.imports.people import People
from devices.models import DeviceModel, Import, RecipeVersion
from devices.recipes.organisation_format import format_of
from lib import names
from lib.csv_export import read_neutral

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from devices.identity.certificates import Certificate

NAMES = 180  # characters of names in a cause
EXTRA = {"model", "group", "tags", "certificate", "claim_code", "gateways", "person"}  # fields that few files have
TELL_THEMSELVES = {"serial", "gateways", "claim_code", "certificate"}  # what a spreadsheet did to them
SPOILT_CODE = (
    "A spreadsheet made a number, a date or an error of this code. Format the column as text, enter or paste the codes "
    "anew, and save it again."
)


class ParsedRow(NamedTuple):
    """Describe a device to be made. Without a serial it gets one here."""

    row: int
    serial: str
    key: str  # the serial, folded
    name: str
    description: str
    model: int | None
    tags: str  # JSON
    group: int | None
    certificate: Certificate | None
    claim_digest: bytes | None = None  # of its claim code
    gateways: tuple[str, ...] = ()  # their serials, as written
    person: int | None = None  # whose it is within the group


class RowError(NamedTuple):
    """Hold what a Problem says."""

    row: int
    column: str
    cause: str


class Rules:
    """Hold what the rows of one import have to be; made once, asked for each row.

    `trusted`: the rows were checked before, so that what only a person could change in the file is not checked again.
    """

    def __init__(self, importing: Import, *, trusted: bool = False) -> None:
        version = importing.version
        self.header = list(importing.header)
        self.format = format_of(version)
        self.trusted = trusted
        self._takes_any = self.format.kind == Kind.OPAQUE  # dates and numbers in short, too
        self._takes_any_length = self.format.kind in SIZED and not self.format.length
        self._origins = settings.SITE_URLS
        self._pattern = importing.name_pattern or "{serial}"
        self._plain = self._pattern == "{serial}"
        self._is_workbook = bool(importing.sheet)
        self._west = importing.dialect == Import.Dialect.WEST
        self._header = list_plain_names(self.header) if importing.header_row else []  # of columns without names: none
        self.makes_serials = importing.make_serials or not importing.header  # without a file all are made
        self._needs_certificate = version.credential_kind == RecipeVersion.CredentialKind.CERTIFICATE
        self.at = {field: column for column, field in enumerate(importing.columns) if field}
        wanted = presence_secrets.find_wanted_secret(version) if "claim_code" in self.at else ""
        self._needs_claim_code = wanted == FIELDS["claim_code"]
        self.tags_at = [(field[len(TAG) :], at) for field, at in self.at.items() if field.startswith(TAG)]
        self._default = (version.model_id, json.dumps(version.default_tags), importing.group_id)
        self._default_tags = dict(version.default_tags)
        self._extra = bool(self.at.keys() & EXTRA or self.tags_at)
        self._extra = self._extra or self._needs_certificate
        self._serial_at, self._name_at = self.at.get("serial"), self.at.get("name")
        self._of_serials = {self._serial_at, self.at.get("gateways")}
        self._description_at = self.at.get("description")
        organisation = version.recipe.organisation
        self._models = find_models(organisation.pk) if "model" in self.at else {}
        self._root = organisation.root.path
        self._groups = GroupNames(self._root) if "group" in self.at else None
        self._tags = lru_cache(4096)(read_tags)
        self.empty_names = placeholders.EmptyNames()
        self._people = People(importing) if "person" in self.at else None

    def read(
        self, row: int, count: int, cells: Sequence[str] | Bad, *, is_plain: bool = False
    ) -> ParsedRow | list[RowError]:
        """Return the row as a device to be, or why it can't be one. `count` is its place among the devices: the name
        pattern's {n}. `is_plain`: its batch is."""
        cells, wrong = self.prepare(row, cells, is_plain=is_plain)
        if wrong:
            return wrong
        serial, key = self._read_serial(row, cells, wrong)
        if not is_plain:
            self._check_formulas(row, cells, wrong)
        name = self._read_name(row, count, serial, cells, wrong)
        description = "" if self._description_at is None else cells[self._description_at].strip()
        description = read_neutral(description)
        if description in placeholders.DITTO:
            wrong.append(self.make_error(row, "description", f"{quote_cell(description)}{placeholders.DITTO_TOLD}"))
        if description and not names.is_clean(description):
            description = self._clean_cell(names.clean_several_lines, row, "description", description, wrong)
        if not self._extra:
            model, tags, group = self._default
            return wrong or ParsedRow(row, serial, key, name, description, model, tags, group, None)
        return self._with_extras(
            row, cells, wrong, ParsedRow(row, serial, key, name, description, *self._default, None)
        )

    def read_serial_alone(self, row: int, cells: Sequence[str] | Bad) -> ParsedRow | None:
        """Return nothing but the serial of a row that is wrong in something else; None where that is no serial."""
        cells, wrong = self.prepare(row, cells)
        serial, key = ("", "") if wrong else self._read_serial(row, cells, wrong)
        return ParsedRow(row, serial, key, "", "", None, "", None, None) if key and not wrong else None

    def prepare(
        self, row: int, cells: Sequence[str] | Bad, *, is_plain: bool = False
    ) -> tuple[Sequence[str], list[RowError]]:
        """Return the row's cells as they are read, one for each column; or why it can't be one of a device."""
        if isinstance(cells, Bad):
            return (), [RowError(row, "" if cells.column is None else self.find_title(cells.column), cells.cause)]
        width = len(self.header)
        if len(cells) != width:
            if len(cells) > width and "".join(cells[width:]).strip():
                words = _explain_note(cells[width:]) if self._is_workbook else _explain_width(len(cells), width)
                return (), [RowError(row, "", words)]
            cells = [*cells[:width], *[""] * (width - len(cells))]
        if self._is_workbook and not self.trusted and (lost := self._find_lost_cells(row, cells)):
            return (), lost
        if not is_plain:
            text = "".join(cells)
            if '="' in text:
                cells = [_read_formula(cell.strip()) for cell in cells]
            if not self.trusted and (wrong := self._find_spoilt(row, cells, text)):
                return (), wrong
        if self.trusted:
            return cells, []
        if is_suspect(cells, self._header, self._serial_at) and (cause := self._explain_no_device(cells)):
            words = f"{cause} Leave it out, or skip the rows that don't fit."
            if cause in (NO_SERIAL, NOTHING):
                return (), [self.make_error(row, "serial", f"{quote_cell(self.read_cell(cells, 'serial'))}{words}")]
            return (), [RowError(row, "", words)]
        return cells, []

    def _find_spoilt(self, row: int, cells: Sequence[str], text: str) -> list[RowError]:
        """Return the problems of cells of which something was lost before the file came here. `text`: all of them."""
        if "\0" in text:
            at = next(at for at, cell in enumerate(cells) if "\0" in cell)
            return [RowError(row, self.find_title(at), "There is a NUL character in this cell. Remove it.")]
        damaged = self._find_damaged_cells(row, cells) if spreadsheets.may_be_damaged(text) else []
        return damaged or ([] if text.isascii() else self._find_spoilt_letters(row, cells))

    def _explain_no_device(self, cells: Sequence[str]) -> str:
        serial = "" if self._serial_at is None else cells[self._serial_at].strip()
        is_made = not serial and self.makes_serials and any(cells[at].strip() for at in self.at.values())
        is_serial = is_made or (not self._takes_any_length and not self.format.problem(serial))
        return explain_no_device(cells, self._header, self._serial_at, is_serial=is_serial)

    def find_title(self, at: int) -> str:
        return self.header[at] if 0 <= at < len(self.header) else ""

    def find_column(self, field: str) -> str:
        """Return the header of the column that fills it; "" where none does."""
        return self.find_title(self.at[field]) if field in self.at else ""

    def describe_group(self, group: int | None) -> str:
        """Return the names of a row's group, and of those above it; "" for none."""
        if self._groups is None:
            self._groups = GroupNames(self._root)
        return self._groups.describe(group)

    def make_name(self, count: int, serial: str) -> str:
        """Return the name by the pattern, for the device that is the `count`-th and has this serial."""
        return serial if self._plain else self._pattern.replace("{serial}", serial).replace("{n}", str(count))

    def find_group(self, cells: Sequence[str] | Bad) -> int | None:
        """Return the id of the group that a row names, if it is one; of a row that names none the import's own."""
        at = self.at.get("group")
        if at is None or isinstance(cells, Bad) or at >= len(cells) or not cells[at].strip():
            return self._default[2]
        found = self._groups.find(read_neutral(cells[at].strip())) if self._groups else None
        return found if isinstance(found, int) else None

    def _read_serial(self, row: int, cells: Sequence[str], wrong: list[RowError]) -> tuple[str, str]:
        text = "" if self._serial_at is None else cells[self._serial_at].strip()
        if not text and self.makes_serials:
            return "", ""
        is_bare = text.isascii() and text.isalnum() and text[:2] not in STARTS  # as most are, a million in a file
        if not is_bare:
            if text[:1] in spreadsheets.MARKS:
                text = spreadsheets.read_serial(text)
            try:
                text = label_text.read_serial(text, self.format, origins=self._origins)
            except ValueError as error:
                words = spreadsheets.explain_damage(text) or str(error)
                wrong.append(self.make_error(row, "serial", f"{quote_cell(text)}{words}"))
                return "", ""
        if not (text and self.trusted):
            problem = self.format.problem(text)
            is_doubtful = problem or (self._takes_any and not text.isalnum())
            if is_doubtful and (cause := self._explain_serial(text, problem)):
                wrong.append(self.make_error(row, "serial", f"{quote_cell(text)}{cause}"))
        serial = text.upper() if is_bare else serials.canonical(text)
        return serial, serials.join_look_alikes(serial)

    def _explain_serial(self, text: str, problem: str | None) -> str | None:
        if damage := spreadsheets.explain_damage(text):
            return damage
        if not problem:
            return explain_more(text) or None
        if zeros := spreadsheets.explain_lost_zeros(text, self.format):
            return f"{problem} {zeros}"
        return problem

    def _find_lost_cells(self, row: int, cells: Sequence[str]) -> list[RowError]:
        """Return the problems of cells of which a sheet shows something else than was meant."""
        return [
            RowError(row, self.find_title(at), f"{quote_cell(cell)}{cell.cause}")
            for at in self.at.values()
            if isinstance(cell := cells[at], Shown) and (at in self._of_serials or not cell.only_as_serial)
        ]

    def _find_damaged_cells(self, row: int, cells: Sequence[str]) -> list[RowError]:
        """Return the problems of cells of which a spreadsheet lost what was meant."""
        return [
            RowError(row, self.find_title(at), f"{quote_cell(cells[at])}{cause}")
            for field, at in self.at.items()
            if field not in TELL_THEMSELVES
            and (cause := spreadsheets.explain_damage_anywhere(cells[at].strip(), may_escape=field == "tags"))
        ]

    def _find_spoilt_letters(self, row: int, cells: Sequence[str]) -> list[RowError]:
        """Return the problems of cells whose letters were lost before the file came here."""
        found = []
        for at in self.at.values():
            if cells[at].isascii():
                continue
            before = undo_mojibake(cells[at])
            if "\ufffd" in cells[at] + before:
                cause = "A letter was lost (�) when the file was saved: write it anew, and save it as UTF-8."
            elif before:
                cause = (
                    f"It was “{before[:40]}” before it was read in a wrong encoding: write it so, or choose another."
                )
            else:
                continue
            found.append(RowError(row, self.find_title(at), f"{quote_cell(cells[at])}{cause}"))
        return found

    def _read_name(self, row: int, count: int, serial: str, cells: Sequence[str], wrong: list[RowError]) -> str:
        name = "" if self._name_at is None else cells[self._name_at].strip()
        if "'" in name:
            name = read_neutral(name)
        if not name:
            return self.make_name(count, serial)[: names.LENGTH] if serial else ""
        if name in placeholders.ALL:
            self._judge_placeholder(row, name, wrong)
        if names.is_clean(name):
            return name
        return self._clean_cell(names.clean_name, row, "name", name, wrong)

    def _judge_placeholder(self, row: int, name: str, wrong: list[RowError]) -> None:
        if name in placeholders.DITTO:
            wrong.append(self.make_error(row, "name", f"{quote_cell(name)}{placeholders.DITTO_TOLD}"))
        else:
            self.empty_names.add(row, name)

    def _check_formulas(self, row: int, cells: Sequence[str], wrong: list[RowError]) -> None:
        for field in ("name", "description"):
            text = self.read_cell(cells, field)
            if text and (cause := self._explain_formula(text)):
                wrong.append(self.make_error(row, field, f"{quote_cell(text)}{cause}"))

    def _refuse_formula(self, text: str) -> None:
        if cause := self._explain_formula(text):
            raise Cause(f"{quote_cell(text)}{cause}")

    def _explain_formula(self, text: str) -> str:
        """Say that a formula stands there; "" in a workbook, which says itself what is one."""
        return "" if self.trusted or self._is_workbook else spreadsheets.explain_formula(text)

    def _clean_cell(self, clean: Callable[[str], str], row: int, field: str, text: str, wrong: list[RowError]) -> str:
        try:
            return clean(text)
        except ValidationError as error:
            wrong.append(self.make_error(row, field, f"{quote_cell(text)}{error.messages[0]}"))
        return text

    def _with_extras(
        self, row: int, cells: Sequence[str], wrong: list[RowError], wanted: ParsedRow
    ) -> ParsedRow | list[RowError]:
        taken: dict[str, object] = {}

        def take(field: str, found: Callable[[str], object]) -> None:
            if field in self.at and (text := cells[self.at[field]].strip()):
                try:
                    if text[0] == "=" and field not in TELL_THEMSELVES:
                        self._refuse_formula(text)
                    taken[field] = found(read_neutral(text))
                except Cause as told:
                    wrong.append(self.make_error(row, field, str(told)))

        take("model", self._read_model)
        take("group", self._read_group)
        take("tags", self._tags)
        take("certificate", lambda text: self._read_certificate(text, wanted.serial))
        take("claim_code", self._read_claim_code)
        take("gateways", lambda text: tuple(read_gateways(text).values()))
        if self._people and not wrong:
            group: Any = taken.get("group", wanted.group)
            people = self._people
            take("person", lambda text: people.read(text, group))
        if "claim_code" in taken:
            taken["claim_digest"] = taken.pop("claim_code")
        if self._needs_certificate and not self.read_cell(cells, "certificate"):
            wrong.append(
                self.make_error(row, "certificate", "The certificate is missing: this recipe asks for one each.")
            )
        is_placed = taken.get("group", wanted.group) is not None
        if self._needs_claim_code and not is_placed and not self.read_cell(cells, "claim_code"):
            wrong.append(
                self.make_error(row, "claim_code", "The claim code is missing: this recipe asks technicians for it.")
            )
        if tags := self._merge_tags(row, cells, taken.pop("tags", None), wrong):
            taken["tags"] = tags
        return wrong or wanted._replace(**taken)  # type: ignore[arg-type]

    def read_cell(self, cells: Sequence[str], field: str) -> str:
        return cells[self.at[field]].strip() if field in self.at else ""

    def _read_claim_code(self, text: str) -> bytes:
        """Return the digest to keep. The code itself is a secret: no cause repeats it."""
        if not self.trusted:
            spoilt = SPOILT_CODE if spreadsheets.explain_damage(text) else ""
            if cause := spoilt or presence_secrets.explain_code(text):
                raise Cause(cause)
        return presence_secrets.list_code_digests(text)[0]

    def _merge_tags(self, row: int, cells: Sequence[str], cell_tags: object, wrong: list[RowError]) -> str:
        own: dict[str, object] = dict(cell_tags) if isinstance(cell_tags, dict) else {}
        for name, at in self.tags_at:
            if text := cells[at].strip():
                try:
                    self._refuse_formula(text)
                    own[name] = tags.clean_value(read_neutral(text))
                except Cause as told:
                    wrong.append(RowError(row, self.find_title(at), str(told)))
                except ValidationError as error:
                    wrong.append(RowError(row, self.find_title(at), f"{quote_cell(text)}{error.message}"))
        if not own:
            return ""
        try:
            return json.dumps(tags.add_to_defaults(self._default_tags, own))
        except ValidationError as error:
            wrong.append(self.make_error(row, "tags", error.messages[0]))
            return ""

    def _read_model(self, text: str) -> int:
        if (found := self._models.get(text.casefold())) is None:
            raise Cause(f"{quote_cell(text)}No such model. Supported are: {self._offered_models}.")
        return found[0]

    @cached_property
    def _offered_models(self) -> str:
        return list_models(name for _, name in self._models.values())

    def _read_group(self, text: str) -> int:
        assert self._groups is not None
        found = self._groups.find(text)
        if isinstance(found, int):
            return found
        raise Cause(f"{quote_cell(text)}{found}")

    def _read_certificate(self, text: str, serial: str) -> Certificate:
        certificate = parse_certificate(text)
        if certificate.expires_at <= timezone.now():
            raise Cause(f"The certificate expired on {certificate.expires_at:%Y-%m-%d}.")
        if self._west and serials.fold(certificate.common_name) != serials.fold(serial):
            raise Cause(f"{quote_cell(certificate.common_name)}The certificate's common name has to be the identity.")
        return certificate

    def make_error(self, row: int, field: str, cause: str) -> RowError:
        return RowError(row, self.find_column(field), cause)


def _read_formula(text: str) -> str:
    """Return what `="…"` says; with an apostrophe before it, it is a text that an export made so."""
    return text if text[:1] == "'" else spreadsheets.read_formula(text)


def read_tags(text: str) -> dict[str, object]:
    """Return the tags of a cell. Raises Cause."""
    try:
        return tags.check(tags.parse(text, ";"))
    except ValidationError as error:
        raise Cause(error.messages[0]) from None


def clean_pattern(text: str) -> str:
    """Return the pattern of names with {serial} and {n}. Raises ValidationError."""
    pattern = names.clean_name(text, "") if text.strip() else ""
    if set("{}") & set(pattern.replace("{serial}", "").replace("{n}", "")):
        raise ValidationError("Only {serial} and {n} can stand in braces.")
    return pattern


def list_models(offered: Iterable[str]) -> str:
    """Return the names of models in a few words, for whoever named one that is not among them."""
    ordered = sorted(offered)
    shown = [name for at, name in enumerate(ordered) if sum(map(len, ordered[: at + 1])) < NAMES]
    rest = f" and {len(ordered) - len(shown):,} more" if len(ordered) > len(shown) else ""
    return ", ".join(shown) + rest if ordered else "none yet"


def find_models(organisation: int) -> dict[str, tuple[int, str]]:
    offered = DeviceModel.objects.filter(organisation=organisation, retired_at=None).values_list("name", "pk")
    return {name.casefold(): (pk, name) for name, pk in offered}


def _explain_note(beyond: Sequence[str]) -> str:
    note = quote_cell(next(filter(str.strip, beyond))).removesuffix(": ")
    return f"{note} stands right of the columns that the header names. Remove it, or give its column a name."


def _explain_width(cells: int, width: int) -> str:
    return f"{cells} cells, but the header names {width} columns. Is there a delimiter in a cell without quotes?"
