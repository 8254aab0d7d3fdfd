"""A row of a file, read as a device to be; or why it can't be one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices import tags
from devices.identity import serials
from devices.imports.columns import TAG
from devices.imports.csv_reader import Bad
from devices.models import DeviceModel, Import, RecipeVersion
from devices.recipes.organisation_format import format_of
from lib import names
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SPACING = re.compile(r"\s*[/›]\s*|\s+")


class Cause(Exception):
    """Why a cell can't be taken, and what would be."""


class Certificate(NamedTuple):
    fingerprint: str  # SHA-256 in hex
    common_name: str
    expires_at: datetime


class ParsedRow(NamedTuple):
    """A device to be made. Without a serial it gets one here."""

    row: int
    serial: str
    key: str  # the serial, folded
    name: str
    description: str
    model: int | None
    tags: str  # JSON
    group: int | None
    certificate: Certificate | None


class RowError(NamedTuple):
    """What a Problem says."""

    row: int
    column: str
    cause: str


class Rules:
    """What the rows of one import have to be; made once, asked for each row.

    `trusted`: the rows were checked before, so that what only a person could change in the file is not checked again.
    """

    def __init__(self, importing: Import, *, trusted: bool = False) -> None:
        version = importing.version
        self.header = list(importing.header)
        self.format = format_of(version)
        self.trusted = trusted
        self._pattern = importing.name_pattern or "{serial}"
        self._plain = self._pattern == "{serial}"
        self._west = importing.dialect == Import.Dialect.WEST
        self._needs_certificate = version.credential_kind == RecipeVersion.CredentialKind.CERTIFICATE
        self._at = {field: column for column, field in enumerate(importing.columns) if field}
        self._tags_at = [(field[len(TAG) :], at) for field, at in self._at.items() if field.startswith(TAG)]
        self._default = (version.model_id, json.dumps(version.default_tags), importing.group_id)
        self._default_tags = dict(version.default_tags)
        self._extra = bool(self._at.keys() & {"model", "group", "tags", "certificate"} or self._tags_at)
        self._extra = self._extra or self._needs_certificate
        self._serial_at, self._name_at = self._at.get("serial"), self._at.get("name")
        self._description_at = self._at.get("description")
        organisation = version.recipe.organisation
        self._models = _models(organisation.pk) if "model" in self._at else {}
        self._groups = _groups(organisation.root.path) if "group" in self._at else {}
        self._tags = lru_cache(4096)(_tags_of)

    def read(self, row: int, count: int, cells: Sequence[str] | Bad) -> ParsedRow | list[RowError]:
        """`count` is the row's place among the devices: the name pattern's {n}."""
        if isinstance(cells, Bad):
            return [RowError(row, "" if cells.column is None else self.title(cells.column), cells.cause)]
        width = len(self.header)
        if len(cells) != width:
            if len(cells) > width and "".join(cells[width:]).strip():
                return [RowError(row, "", _too_many(len(cells), width))]
            cells = [*cells[:width], *[""] * (width - len(cells))]
        wrong: list[RowError] = []
        if not self.trusted and "\0" in "".join(cells):
            at = next(at for at, cell in enumerate(cells) if "\0" in cell)
            return [RowError(row, self.title(at), "There is a NUL character in this cell. Remove it.")]
        serial, key = self._serial(row, cells, wrong)
        name = self._name(row, count, serial, cells, wrong)
        description = "" if self._description_at is None else cells[self._description_at].strip()
        if description:
            description = self._cleaned(names.several_lines, row, "description", description, wrong)
        if not self._extra:
            model, tags, group = self._default
            return wrong or ParsedRow(row, serial, key, name, description, model, tags, group, None)
        return self._with_extras(
            row, cells, wrong, ParsedRow(row, serial, key, name, description, *self._default, None)
        )

    def title(self, at: int) -> str:
        return self.header[at] if 0 <= at < len(self.header) else ""

    def column(self, field: str) -> str:
        """The header of the column that fills it."""
        return self.title(self._at[field]) if field in self._at else ""

    def name(self, count: int, serial: str) -> str:
        return serial if self._plain else self._pattern.replace("{serial}", serial).replace("{n}", str(count))

    def groups_of(self, cells: Sequence[str] | Bad) -> int | None:
        """The group that a row names, if it is one; of no row the import's own."""
        at = self._at.get("group")
        if at is None or isinstance(cells, Bad) or at >= len(cells) or not cells[at].strip():
            return self._default[2]
        found = self._groups.get(_folded(cells[at]))
        return found if isinstance(found, int) else None

    def _serial(self, row: int, cells: Sequence[str], wrong: list[RowError]) -> tuple[str, str]:
        text = "" if self._serial_at is None else cells[self._serial_at].strip()
        if not text and self.format.can_generate:
            return "", ""
        if not self.trusted and (cause := self.format.problem(text)):
            wrong.append(self._wrong(row, "serial", f"{_quoted(text)}{cause}"))
        serial = serials.canonical(text)
        return serial, serial.translate(serials.LOOK_ALIKES)

    def _name(self, row: int, count: int, serial: str, cells: Sequence[str], wrong: list[RowError]) -> str:
        name = "" if self._name_at is None else cells[self._name_at].strip()
        if not name:
            return self.name(count, serial)[: names.LENGTH] if serial else ""
        return self._cleaned(names.clean_name, row, "name", name, wrong)

    def _cleaned(self, clean: Callable[[str], str], row: int, field: str, text: str, wrong: list[RowError]) -> str:
        try:
            return clean(text)
        except ValidationError as error:
            wrong.append(self._wrong(row, field, f"{_quoted(text)}{error.messages[0]}"))
        return text

    def _with_extras(
        self, row: int, cells: Sequence[str], wrong: list[RowError], wanted: ParsedRow
    ) -> ParsedRow | list[RowError]:
        taken: dict[str, object] = {}

        def take(field: str, found: Callable[[str], object]) -> None:
            if field in self._at and (text := cells[self._at[field]].strip()):
                try:
                    taken[field] = found(text)
                except Cause as cause:
                    wrong.append(self._wrong(row, field, str(cause)))

        take("model", self._model)
        take("group", self._group)
        take("tags", self._tags)
        take("certificate", lambda text: self._certificate(text, wanted.serial))
        if self._needs_certificate and not self._cell(cells, "certificate"):
            wrong.append(self._wrong(row, "certificate", "The certificate is missing: this recipe asks for one each."))
        if tags := self._tagged(row, cells, taken.pop("tags", None), wrong):
            taken["tags"] = tags
        return wrong or wanted._replace(**taken)  # type: ignore[arg-type]

    def _cell(self, cells: Sequence[str], field: str) -> str:
        return cells[self._at[field]].strip() if field in self._at else ""

    def _tagged(self, row: int, cells: Sequence[str], given: object, wrong: list[RowError]) -> str:
        own: dict[str, object] = dict(given) if isinstance(given, dict) else {}
        for name, at in self._tags_at:
            if text := cells[at].strip():
                try:
                    own[name] = tags.clean_value(text)
                except ValidationError as error:
                    wrong.append(RowError(row, self.title(at), f"{_quoted(text)}{error.message}"))
        if not own:
            return ""
        try:
            return json.dumps(tags.add_to_defaults(self._default_tags, own))
        except ValidationError as error:
            wrong.append(self._wrong(row, "tags", error.messages[0]))
            return ""

    def _model(self, text: str) -> int:
        if (found := self._models.get(text.casefold())) is None:
            offered = ", ".join(sorted(name for name in self._names())[:5])
            raise Cause(f"{_quoted(text)}No such model. Supported are: {offered or 'none yet'}.")
        return found[0]

    def _names(self) -> list[str]:
        return [name for _, name in self._models.values()]

    def _group(self, text: str) -> int:
        found = self._groups.get(_folded(text))
        if isinstance(found, int):
            return found
        if found:
            raise Cause(f"{_quoted(text)}{found}")
        raise Cause(f"{_quoted(text)}No such group. Write its path, as in “Customer / Region / Site”, or its number.")

    def _certificate(self, text: str, serial: str) -> Certificate:
        certificate = certificate_of(text)
        if certificate.expires_at <= timezone.now():
            raise Cause(f"The certificate expired on {certificate.expires_at:%Y-%m-%d}.")
        if self._west and serials.fold(certificate.common_name) != serials.fold(serial):
            raise Cause(f"{_quoted(certificate.common_name)}The certificate's common name has to be the identity.")
        return certificate

    def _wrong(self, row: int, field: str, cause: str) -> RowError:
        return RowError(row, self.column(field), cause)


def _tags_of(text: str) -> dict[str, object]:
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


def certificate_of(text: str) -> Certificate:
    """From PEM, or the base64 of DER. Raises Cause."""
    if text.count("-----BEGIN") > 1 or ("-----BEGIN" in text and not _PEM.search(text)):
        raise Cause("Expected one certificate in PEM, beginning with -----BEGIN CERTIFICATE-----.")
    body = match[1] if (match := _PEM.search(text)) else text
    try:
        der = base64.b64decode("".join(body.replace("\\n", "").split()), validate=True)
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        common = str(names[0].value) if names else ""
        return Certificate(hashlib.sha256(der).hexdigest(), common, certificate.not_valid_after_utc)
    except (binascii.Error, ValueError, TypeError):
        raise Cause("This is no X.509 certificate. Give it as PEM, or as the base64 of its DER.") from None


def _models(organisation: int) -> dict[str, tuple[int, str]]:
    offered = DeviceModel.objects.filter(organisation=organisation, retired_at=None).values_list("name", "pk")
    return {name.casefold(): (pk, name) for name, pk in offered}


def _groups(root: str) -> dict[str, int | str]:
    """What a row may call a group -> its id, or why it can't be meant: path with and without the organisation, a
    leaf's name that only one leaf has, its id."""
    found: dict[str, int | str] = {}
    paths: dict[str, str] = {}
    names: dict[str, list[int | str]] = {}
    rows = Group.objects.filter(path__startswith=root).order_by("path").values_list("pk", "path", "name", "numchild")
    for pk, path, name, children in rows:
        above = paths.get(path[: -Group.steplen], "")
        paths[path] = f"{above} / {name}" if above else name
        meant: int | str = "It has groups below it, and so can't hold devices. Name one of those." if children else pk
        whole = _folded(paths[path])
        below = whole.partition("/")[2] if above else whole
        for called in {whole, below, str(pk)}:
            found[called] = "Several groups are called that. Write the number of one." if called in found else meant
        names.setdefault(_folded(name), []).append(meant)
    for name, each in names.items():
        leaves = [meant for meant in each if isinstance(meant, int)]
        several = "Several groups are called that. Write the path, as in “Customer / Region / Site”."
        found.setdefault(name, several if len(leaves) > 1 else (leaves or each)[0])
    return found


def _folded(text: str) -> str:
    return _SPACING.sub(lambda match: "/" if match[0].strip() else " ", text.strip()).casefold()


def _quoted(text: str) -> str:
    shown = "".join(each if each.isprintable() else "�" for each in text[:40])
    return f"“{shown}{'…' if len(text) > 40 else ''}”: " if shown else ""


def _too_many(cells: int, width: int) -> str:
    return f"{cells} cells, but the header names {width} columns. Is there a delimiter in a cell without quotes?"
