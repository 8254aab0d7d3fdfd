"""What somebody saves undoes nothing that somebody else saved since the form was shown, whatever its fields are."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict

from lib.fields import OneLineField, SeveralLinesField
from lib.stored_form import LONGEST, SHOWN, StoredForm

STORED: dict[str, Any] = {
    "name": "Pump",
    "note": "one\ntwo",
    "is_on": True,
    "days": 7,
    "kind": "a",
    "kinds": ["a", "b"],
}


class Form(StoredForm):
    name = OneLineField(max_length=300)
    note = SeveralLinesField(required=False)
    is_on = forms.BooleanField(required=False)
    days = forms.IntegerField(required=False, max_value=90)
    kind = forms.ChoiceField(choices=[("a", "Access key"), ("b", "Bearer token"), ("Others", [("c", "Certificate")])])
    kinds = forms.MultipleChoiceField(choices=[("a", "Access key"), ("b", "Bearer token"), ("c", "Certificate")])
    logo = forms.FileField(required=False)


def shown_by(stored: dict[str, Any], prefix: str | None = None) -> dict[str, Any]:
    """Return what a page of what is stored sends back when nothing is touched."""
    form = Form(stored=stored, prefix=prefix)
    found = re.fullmatch(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', str(form.shown))
    assert found
    own = {form.add_prefix(name): value for name, value in stored.items() if value not in (None, False)}
    own = {name: value.replace("\n", "\r\n") if isinstance(value, str) else value for name, value in own.items()}
    return {**own, found[1]: html.unescape(found[2])}


def send(sent: dict[str, Any], stored: dict[str, Any], prefix: str | None = None) -> Form:
    data = QueryDict(mutable=True)
    for name, value in sent.items():
        data.setlist(name, value if isinstance(value, list) else [str(value)])
    form = Form(data, stored=stored, prefix=prefix)
    form.is_valid()
    return form


@pytest.mark.parametrize("prefix", [None, "own"])
def test_what_was_not_touched_is_no_change(prefix: str | None) -> None:
    form = send(shown_by(STORED, prefix), STORED, prefix)
    assert form.errors == {}
    assert form.changes == {"logo": None}


@pytest.mark.parametrize(
    ("name", "typed", "changed"),
    [
        ("name", "Well", "Well"),
        ("note", "one\r\ntwo\r\nthree", "one\ntwo\nthree"),
        ("note", "", ""),
        ("days", "", None),
        ("days", "8", 8),
        ("kind", "c", "c"),
        ("kinds", ["b", "c"], ["b", "c"]),
    ],
)
def test_what_was_touched_is_the_only_change(name: str, typed: Any, changed: Any) -> None:
    form = send({**shown_by(STORED), name: typed}, STORED)
    assert form.errors == {}
    assert form.changes == {name: changed, "logo": None}


def test_a_switch_that_was_turned_off_is_a_change() -> None:
    sent = {name: value for name, value in shown_by(STORED).items() if name != "is_on"}
    assert send(sent, STORED).changes == {"is_on": False, "logo": None}


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("name", "Well"), ("note", ""), ("is_on", False), ("days", None), ("kind", "b"), ("kinds", ["c"])],
)
def test_what_somebody_else_changed_meanwhile_stays(name: str, theirs: Any) -> None:
    now = {**STORED, name: theirs}
    form = send({**shown_by(STORED), "days": 9} if name != "days" else {**shown_by(STORED), "name": "Mine"}, now)
    assert form.errors == {}
    assert name not in form.changes
    assert form.cleaned_data[name] == theirs  # a check of several fields sees what is stored


@pytest.mark.parametrize(
    ("name", "theirs", "mine", "told"),
    [
        ("name", "Well", "Mine", "“Well”"),
        ("note", "", "mine", "empty"),
        ("days", 30, "8", "“30”"),
        ("kind", "b", "c", "“Bearer token”"),
        ("kinds", ["c"], ["a"], "“Certificate”"),
        ("kinds", ["a", "c"], ["b"], "“Access key, Certificate”"),
        ("name", "x" * 250, "Mine", f"“{'x' * (LONGEST - 1)}…”"),
        ("name", "x" * LONGEST, "Mine", f"“{'x' * LONGEST}”"),
    ],
)
def test_what_both_changed_is_refused_with_what_it_is_now(name: str, theirs: Any, mine: Any, told: str) -> None:
    form = send({**shown_by(STORED), name: mine}, {**STORED, name: theirs})
    assert [*form.errors] == [name]
    assert form.errors[name] == [
        f"Somebody else changed this meanwhile: it is {told} now. Save again to put yours in its place, or enter what "
        "it is now to leave it."
    ]


def test_both_may_have_changed_it_to_the_same() -> None:
    form = send({**shown_by(STORED), "name": "Well"}, {**STORED, "name": "Well"})
    assert form.errors == {}
    assert form.changes["name"] == "Well"


def test_sent_again_mine_replaces_theirs() -> None:
    now = {**STORED, "name": "Well"}
    refused = send({**shown_by(STORED), "name": "Mine"}, now)
    assert [*refused.errors] == ["name"]
    again = send({**shown_by(now), "name": "Mine"}, now)
    assert (again.errors, again.changes) == ({}, {"name": "Mine", "logo": None})


@pytest.mark.parametrize("shown", [None, "", "{", "[]", "7", '{"name": 7}', '{"name": null}'])
def test_without_what_was_shown_every_field_counts_as_touched(shown: str | None) -> None:
    sent = {name: value for name, value in shown_by(STORED).items() if name != SHOWN}
    form = send(sent if shown is None else {**sent, SHOWN: shown}, {**STORED, "name": "Well"})
    assert form.errors == {}
    assert {*form.changes} == {*STORED, "logo"}
    assert form.changes["name"] == "Pump"


def test_a_form_of_what_is_new_shows_nothing_and_stores_all() -> None:
    form = Form({"name": " New  pump ", "kind": "a", "kinds": ["a"]})
    assert (form.shown, form.is_valid()) == ("", True)
    assert (form.changes["name"], form.changes["days"]) == ("New pump", None)


def test_a_switch_that_somebody_else_turned_on_stays_on() -> None:
    before = {**STORED, "is_on": False}
    form = send(shown_by(before), STORED)
    assert (form.changes, form.cleaned_data["is_on"]) == ({"logo": None}, True)
    assert form.data["is_on"] == "on"  # so that the page shows it, if another field is refused


class Picker(StoredForm):
    group = forms.CharField()


def test_of_a_picker_what_was_typed_beside_it_goes_with_it() -> None:
    page = html.unescape(str(Picker(stored={"group": "1"}).shown))
    shown = page.split('value="')[1].removesuffix('">')
    form = Picker({"group": "1", "group-search": "boise", "groups": "x", SHOWN: shown}, stored={"group": "2"})
    assert form.is_valid()
    assert (form.cleaned_data["group"], {*form.data}) == ("2", {"group", "groups", SHOWN})


def test_files_are_not_shown_and_a_new_one_is_a_change() -> None:
    form = Form(stored={**STORED, "logo": b"bytes"})
    assert "logo" not in form._read_stored()
    sent = Form(shown_by(STORED), {"logo": SimpleUploadedFile("logo.png", b"x")}, stored=STORED)
    assert sent.is_valid(), sent.errors
    assert [*sent.changes] == ["logo"]


def test_what_is_shown_is_plain_json_that_no_value_breaks_out_of() -> None:
    form = Form(stored={**STORED, "name": "\"><script>'"})
    assert "<script" not in str(form.shown)
    value = html.unescape(str(form.shown).split('value="')[1].removesuffix('">'))
    assert json.loads(value)["name"] == "\"><script>'"


class Old(StoredForm):
    name = OneLineField(max_length=40)
    note = SeveralLinesField(required=False)


OLD = {"name": "Pump\u200bhouse  7", "note": "\u202ebackwards"}


def test_what_is_of_before_a_rule_may_stay_as_it_is() -> None:
    form = Old({"name": OLD["name"], "note": f"{OLD['note']}\r\n"}, stored=OLD)
    assert form.is_valid(), form.errors
    assert form.cleaned_data == OLD


@pytest.mark.parametrize(("name", "typed"), [("name", "Pump\u200bhouse 8"), ("note", "\u202eother")])
def test_once_it_is_changed_it_keeps_to_the_rule(name: str, typed: str) -> None:
    form = Old({**OLD, name: typed}, stored=OLD)
    assert not form.is_valid()
    assert [*form.errors] == [name]
