"""Tags as text: what is read of one, of many, and how they are written so that nothing else is read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import F, JSONField, Value
from hypothesis import given
from hypothesis import strategies as st

from devices import tags
from devices.models import Device

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

Tags = dict[str, Any]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def told(do: Callable[..., object], *given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        do(*given)
    return " ".join(caught.value.messages)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("site", "site", None),
        (" site ", "site", None),
        ("site=roof", "site", "roof"),
        ("site : roof ", "site", "roof"),
        ("site=", "site", ""),
        ("site: a=b: c", "site", "a=b: c"),
        ('"a:b": c', "a:b", "c"),
        ('"a:b"', "a:b", None),
        ('"a" b: c', '"a" b', "c"),  # no name in quotes alone
        ('"a\\u003ab"= "c; d"', "a:b", "c; d"),
        ('site: "a"b', "site", '"a"b'),
        ('site: "\\x"', "site", '"\\x"'),
        ("=roof", "", "roof"),
        ("", "", None),
    ],
)
def test_what_a_text_says_of_one_tag(text: str, name: str, value: str | None) -> None:
    assert tags.parse_entry(text) == (name, value)


READ: list[tuple[str, Tags]] = [
    ("site: roof; line=2", {"site": "roof", "line": "2"}),
    ("site: roof\r\n\r\nline: 2;;", {"site": "roof", "line": "2"}),
    ("site: 10:30", {"site": "10:30"}),
    ("at: 1, 2 / 3", {"at": "1, 2 / 3"}),
    ("url: https://a.example/?b=c", {"url": "https://a.example/?b=c"}),
    ('site: "roof, line=2"', {"site": "roof, line=2"}),
    ('{"a": "b", "c": 1, "d": true}', {"a": "b", "c": 1, "d": True}),
    (' [{"name": "a", "value": "b"}, {"name": 7}]', {"a": "b", "7": ""}),
    ("{}", {}),
    ("[]", {}),
    (" ; ", {}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "read"), READ)
def test_what_a_cell_says(text: str, read: Tags) -> None:
    assert tags.parse(text, ";") == read


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("roof", "“roof”: A tag is written key: value, and several are parted by semicolons or line ends."),
        ("site: a; site=b", "“site”: This tag stands here twice. Remove one of them."),
        ('{"a": 1, "a": 1}', "“a”: This tag stands here twice."),
        ("site: roof, line: 2", "This looks like several tags: part them by semicolons or line ends"),
        ("site: roof | line=2", "This looks like several tags"),
        ("site: roof line=2", "This looks like several tags"),
        ("site: roof\tline: 2", "This looks like several tags"),
        ("site: roof\uff0cline: 2", "This looks like several tags"),
        ("{", "“{”: These are no tags. Expected: "),
        ('["a"]', "These are no tags."),
        ('[{"value": "a"}]', "These are no tags."),
        ('[{"name": null}]', "These are no tags."),
        ("[" * 100_000, "“" + "[" * 40 + "…”: These are no tags."),
    ],
    ids=lambda text: text[:40],
)
def test_what_is_misread_easily_is_told(text: str, cause: str) -> None:
    assert cause in told(tags.parse, text, ";")


def test_on_lines_of_their_own_semicolons_are_text() -> None:
    assert tags.parse("site: a; b\n\nline: 2, x=3", "\n") == {"site": "a; b", "line": "2, x=3"}
    assert told(tags.parse, "roof", "\n").endswith("each stands on a line of its own.")


KEPT: list[tuple[object, object]] = [("roof", "roof"), (" a  b ", "a b"), ("", ""), (1, "1"), (1.5, "1.5")]
KEPT += [(True, "true"), (False, "false"), ("x" * 255, "x" * 255)]


@pytest.mark.parametrize(("content", "value"), KEPT, ids=repr)
def test_a_value_is_kept_as_text(content: object, value: str) -> None:
    assert tags.check({"site": content}) == {"site": value}


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("", "a", "A tag's name has 1 to 64 characters, none of them = ; or :"),
        ("x" * 65, "a", "…”: A tag's name has 1 to 64 characters"),
        ("a=b", "a", "“a=b”: A tag's name"),
        ("a:b", "a", "“a:b”: A tag's name"),
        ("a;b", "a", "“a;b”: A tag's name"),
        ("a\0", "a", "“a�”: Leave control characters out of it"),
        ("a", "\u202e", "U+202E"),
        ("a", None, "“a”: A tag's value is a text, a number, or true or false."),
        ("a", [], "A tag's value is a text, a number, or true or false."),
        ("a", "x" * 256, "256 characters are too many: a tag's value has at most 255."),
    ],
)
def test_what_is_no_tag_is_told_with_its_name(name: str, content: object, cause: str) -> None:
    assert cause in told(tags.check, {name: content})


def test_what_was_there_before_stays_until_it_is_touched() -> None:
    stored: Tags = {"a:b": {"x": 1}, "n": 5, **{f"t{n}": "" for n in range(60)}}
    assert tags.check({"a:b": '{"x": 1}', "n": "5"}, stored) == {"a:b": {"x": 1}, "n": 5}
    assert tags.check(stored, stored) == stored
    assert "A tag's name" in told(tags.check, {"a:b": "y"}, stored)
    assert tags.check({**stored, "n": "6"}, stored)["n"] == "6"
    assert told(tags.check, {**stored, "new": ""}, stored) == "63 tags are too many: 50 are the most."


def test_fifty_fit_and_one_more_does_not() -> None:
    many = {f"t{n}": "" for n in range(50)}
    assert tags.check(many) == many
    assert told(tags.check, {**many, "one": ""}) == "51 tags are too many: 50 are the most."


def test_two_that_are_kept_alike_are_one_too_many() -> None:
    assert told(tags.check, {"a  b": "1", " a b": "2"}) == "“ a b”: This tag stands here twice. Remove one of them."


def test_a_new_devices_own_tags_stand_on_top_of_its_recipes() -> None:
    assert tags.add_to_defaults({"line": "A", "old:": 1}, {"line": " B ", "x": 2}) == {"line": "B", "old:": 1, "x": "2"}
    assert "A tag's name" in told(tags.add_to_defaults, {}, {"old:": 1})


@pytest.mark.parametrize(
    ("text", "is_one"), [("site", True), (" site", False), ("a  b", False), ("", False), ("a=", False)]
)
def test_what_a_tag_can_be_called_exactly(text: str, is_one: bool) -> None:
    assert tags.is_name(text) is is_one


@given(st.dictionaries(TEXT, TEXT, max_size=4))
def test_whatever_is_written_is_read_back(given_tags: Tags) -> None:
    kept = {name: value for name, value in given_tags.items() if name}
    assert tags.parse(tags.write_lines(kept), "\n") == kept
    assert tags.parse(tags.write_cell(kept), ";") == kept


@pytest.mark.parametrize(
    ("stored", "cell"),
    [
        ({"b": "2", "a": "1"}, "a: 1; b: 2"),
        ({"a": "x; y"}, 'a: "x\\u003b y"'),
        ({"a": "roof, line: 2"}, 'a: "roof, line: 2"'),
        ({"=a": "1"}, None),
        ({"a": 5}, "a: 5"),
        ({}, ""),
    ],
    ids=str,
)
def test_a_cell_is_no_formula_and_has_one_order(stored: Tags, cell: str | None) -> None:
    written = tags.write_cell(stored)
    assert not written.startswith(("=", "+", "-", "@"))
    assert cell is None or written == cell
    assert tags.parse(written, ";") == {name: tags.as_text(value) for name, value in stored.items()}


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("site", None, True),
        ("site", "roof", True),
        ("site", "Roof", False),
        ("0", None, False),
        ("7", "seven", True),
        ("si", None, False),
        ("roof", None, False),
        ("a.b", None, True),
        ('"', "'", True),
        ("site__contains", "r", False),
        ("empty", "", True),
        ("site", "", False),
    ],
)
def test_devices_are_found_by_a_tags_whole_name_and_value(
    world: World, name: str, value: str | None, found: bool
) -> None:
    Device.objects.filter(pk=world.placed.pk).update(
        tags={"site": "roof", "7": "seven", "a.b": "x", '"': "'", "empty": ""}
    )
    assert Device.objects.filter(tags.match_tag(name, value)).exists() is found


def test_the_database_counts_and_patches_tags(world: World) -> None:
    one = Device.objects.filter(pk=world.placed.pk)
    one.update(tags={"a": "1", "b": "2", "c": "3"})
    one.update(tags=tags.Patched(F("tags"), Value({"b": None, "c": "4", "d": "5"}, JSONField())))
    assert one.get().tags == {"a": "1", "c": "4", "d": "5"}
    assert one.annotate(number=tags.Number(F("tags"))).get().number == 3  # type: ignore[attr-defined]
    Device.objects.filter(pk=world.foreign.pk).update(tags={})
    assert Device.objects.annotate(number=tags.Number(F("tags"))).get(pk=world.foreign.pk).number == 0  # type: ignore[attr-defined]
