"""Tags: names with values, each on one line. The one rule of every door, and how tags are written as text.

A name has 1 to 64 characters, none of them = ; or : and a value up to 255, none at all too; a device has 50 tags at
most. What rows of before hold besides is shown as it is, and kept for as long as nobody touches it.

As text a tag is `name: value`; `name=value` is read too. What would be misread stands in quotes, as a JSON string.
"""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import BooleanField, F, Func, IntegerField, JSONField, Q, Value

from lib import names
from lib.csv_export import neutralise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Literal

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

    Between = Literal["\n", ";"]

NAME_LENGTH, VALUE_LENGTH, MOST = 64, 255, 50
ENTRY_LENGTH = 400  # of one as text
TEXT_LENGTH = 100_000  # of all tags of a device as text, whatever quotes they need

_PARTING = re.compile("[=:]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_BETWEEN = re.compile(r"[;\r\n]")
_SEVERAL = re.compile(  # in a value: another key behind what may part tags
    r"(?:\s*[,|/、\uff0c\uff1b\uff5c]\s*|\s+/\s+)[^\W\d][\w.-]*(?: [\w.-]+)?\s*(?:=|:(?!\d))|\s[^\W\d][\w.-]*="
    r"|\t[^\W\d][\w.-]*\s*:"
)
_SEVERAL_TOLD = "This looks like several tags: part them by semicolons or line ends, or put the value in quotes."
_ESCAPED = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in ";=+-@"})  # in JSON: a table's cell is free of them
_PARTS = "=:;[{"
_EXPECTED = '{"key": "value"}, or [{"name": "key", "value": "value"}], or key: value; key: value'


class Entry(NamedTuple):
    """Hold what text says of one tag; `value` is None where a name stands alone."""

    name: str
    value: str | None


def clean_name(text: str) -> str:
    """Return a tag's name as it is kept. Raises ValidationError."""
    name = names.clean_one_line(text)
    if not 1 <= len(name) <= NAME_LENGTH or _PARTING.search(name) or ";" in name:
        raise ValidationError(f"A tag's name has 1 to {NAME_LENGTH} characters, none of them = ; or :")
    return name


def clean_value(content: object) -> str:
    """Return a tag's value as it is kept: a text; of numbers, true and false what JSON writes for them.

    Raises ValidationError.
    """
    if not isinstance(content, str | int | float):
        raise ValidationError("A tag's value is a text, a number, or true or false.")
    value = names.clean_one_line(as_text(content))
    if len(value) > VALUE_LENGTH:
        raise ValidationError(f"{len(value)} characters are too many: a tag's value has at most {VALUE_LENGTH}.")
    return value


def is_name(text: str) -> bool:
    """Return whether a tag can be called exactly so."""
    try:
        return clean_name(text) == text
    except ValidationError:
        return False


def judge(wanted: Mapping[str, object], stored: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tags as they are kept in place of those `stored`, and what is wrong: name -> cause, "" of all.

    A tag that is there already, with this value, stays as it is, though the rule may be younger.
    """
    kept: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for called, content in wanted.items():
        if called in stored and as_text(stored[called]) == as_text(content):
            kept[called] = stored[called]
            continue
        try:
            name, value = clean_name(called), clean_value(content)
        except ValidationError as error:
            wrong[called] = str(error.message)
            continue
        if name in kept:
            wrong[called] = "This tag stands here twice. Remove one of them."
        kept[name] = value
    if len(kept) > MOST and kept.keys() - stored.keys():
        wrong[""] = f"{len(kept)} tags are too many: {MOST} are the most."
    return kept, wrong


def check(wanted: Mapping[str, object], stored: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the tags as they are kept, in place of those `stored`. Raises ValidationError of `tags`."""
    kept, wrong = judge(wanted, stored or {})
    if wrong:
        raise ValidationError({"tags": [describe_problem(name, cause) for name, cause in wrong.items()]})
    return kept


def add_to_defaults(defaults: Mapping[str, object], own: Mapping[str, object]) -> dict[str, Any]:
    """Return the tags of a new device: its recipe's, with its own on top. Raises ValidationError of `tags`."""
    return check({**defaults, **check(own)}, defaults)


def as_text(value: object) -> str:
    """Return a value as it is shown; rows of before may hold what is no text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def describe_problem(name: str, cause: str) -> str:
    """Return what is wrong with the tag (or text) of this name; none is meant by an empty one."""
    seen = "".join(character if character.isprintable() else "�" for character in name[:40])
    return f"“{seen}{'…' if len(name) > 40 else ''}”: {cause}" if seen else cause


def write_lines(tags: Mapping[str, object]) -> str:
    r"""Return the tags one on each line, as `parse(…, "\n")` reads them."""
    return "\n".join(
        f"{_quote_if_needed(name, _PARTS)}: {_quote_if_needed(as_text(value))}" for name, value in tags.items()
    )


def write_cell(tags: Mapping[str, object]) -> str:
    """Return the tags as one cell of a table, as `parse(…, ";")` reads it; a spreadsheet takes none for a formula."""
    entries = sorted((name, as_text(value)) for name, value in tags.items())
    return "; ".join(f"{_write_name_in_cell(name)}: {_write_value_in_cell(value)}" for name, value in entries)


def parse(text: str, between: Between) -> dict[str, Any]:
    """Return the tags that a text says, not judged: a JSON object, a JSON list of names and values (West
    Connectivity), or `name=value` and `name: value` parted by line ends, and in a cell (`;`) by semicolons too.
    Raises ValidationError.
    """
    pairs = _from_json(text) if text.lstrip()[:1] in {"[", "{"} else _from_entries(text, between)
    parsed: dict[str, Any] = {}
    for name, value in pairs:
        if name in parsed:
            raise ValidationError(describe_problem(name, "This tag stands here twice. Remove one of them."))
        parsed[name] = value
    return parsed


def parse_entry(text: str) -> Entry:
    """Return what a text says of one tag."""
    name, value = _part_entry(text)
    return Entry(name, None if value is None else _parse_value(value))


def _part_entry(text: str) -> tuple[str, str | None]:
    """Return the tag's name, and what stands for its value, with the quotes that it may have."""
    text = text.strip()
    if (quoted := _QUOTED.match(text)) and (name := _unquote(quoted[0])) is not None:
        rest = text[quoted.end() :].lstrip()
        if not rest or rest[0] in "=:":
            return name, rest[1:] if rest else None
    if parting := _PARTING.search(text):
        return text[: parting.start()].rstrip(), text[parting.end() :]
    return text, None


def match_tag(name: str, value: str | None = None) -> Q:
    """Match rows whose `tags` have the name, and this value if one is given.

    Both are values here, never part of a look-up: as such a name of digits would be a place in a list.
    """
    if connection.features.supports_json_field_contains:
        return Q(tags__has_key=name) if value is None else Q(tags__contains={name: value})
    return Q(_Member(F("tags"), Value(name), *([] if value is None else [Value(value)])))


class Number(Func):
    """Count the tags of a row: `Number(F("tags"))`."""

    output_field = IntegerField()
    function = "JSON_EACH"
    template = "(SELECT COUNT(*) FROM %(function)s(%(expressions)s))"

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSONB_OBJECT_KEYS", **extra)


class Patched(Func):
    """Lay another object's members on top of a JSON object; those that are null there are gone."""

    function = "JSON_PATCH"
    output_field = JSONField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSONB_STRIP_NULLS", arg_joiner=" || ", **extra)


class _Member(Func):
    """Decide whether an object has the name, and this text under it, in SQLite's words."""

    output_field = BooleanField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Any:
        parts = [compiler.compile(expression) for expression in self.get_source_expressions()]
        (tags, *wanted), params = zip(*parts, strict=True)
        conditions = " AND ".join(f"{name} = {sql}" for name, sql in zip(("key", "atom"), wanted, strict=False))
        return f"EXISTS (SELECT 1 FROM JSON_EACH({tags}) WHERE {conditions})", [*chain.from_iterable(params)]  # noqa: S608


def _quote_if_needed(text: str, signs: str = "") -> str:
    """Return it in quotes where it would be read as something else: `signs` are what it can't hold without."""
    return json.dumps(text) if _needs_quotes(text) or any(sign in text for sign in signs) else text


def _write_value_in_cell(value: str) -> str:
    written = json.dumps(value) if _says_several(value) else _quote_if_needed(value, ";")
    return _escape_for_cell(written, value)


def _write_name_in_cell(name: str) -> str:
    return _escape_for_cell(_quote_if_needed(name, _PARTS) if neutralise(name) == name else json.dumps(name), name)


def _escape_for_cell(written: str, text: str) -> str:
    return written if written == text else written.translate(_ESCAPED)


def _needs_quotes(text: str) -> bool:
    """Return whether it would be read as something else, or not as one part."""
    try:
        return text.startswith('"') or names.clean_one_line(text) != text
    except ValidationError:
        return True


def _from_entries(text: str, between: Between) -> Iterator[Entry]:
    parts = text.splitlines() if between == "\n" else _BETWEEN.split(text)
    for part in filter(str.strip, parts):
        name, value = _part_entry(part)
        if value is None:
            each = "each stands on a line of its own"
            words = each if between == "\n" else "several are parted by semicolons or line ends"
            raise ValidationError(describe_problem(name, f"A tag is written key: value, and {words}."))
        if between == ";" and _says_several(value.strip()) and not _is_quoted(value):
            raise ValidationError(describe_problem(part.strip(), _SEVERAL_TOLD))
        yield Entry(name, _parse_value(value))


def _says_several(value: str) -> bool:
    """Return whether a value may hold more tags, parted by something else than a table's cell parts them by."""
    return _SEVERAL.search(value) is not None and "://" not in value


def _from_json(text: str) -> Iterable[tuple[str, object]]:
    try:
        data = json.loads(text, object_pairs_hook=tuple)  # a dict keeps one of two that are called the same
        return data if isinstance(data, tuple) else [_from_member(member) for member in data]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValidationError(describe_problem(text, f"These are no tags. Expected: {_EXPECTED}")) from None


def _from_member(pairs: object) -> tuple[str, object]:
    """Return the tag of one `{"name": …, "value": …}`."""
    if not isinstance(pairs, tuple):
        raise TypeError
    member = dict(pairs)
    if not isinstance(member["name"], str | int | float):
        raise TypeError
    return as_text(member["name"]), member.get("value", "")


def _parse_value(text: str) -> str:
    text = text.strip()
    plain = _unquote(text) if _is_quoted(text) else None
    return text if plain is None else plain


def _is_quoted(text: str) -> bool:
    return _QUOTED.fullmatch(text.strip()) is not None


def _unquote(text: str) -> str | None:
    try:
        plain = json.loads(text)
    except ValueError:
        return None
    return plain if isinstance(plain, str) else None
