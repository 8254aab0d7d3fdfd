"""A refusal says in its kind's words what happened to whom; what a row keeps of it says the same later."""

from __future__ import annotations

import pytest

from lib import refusals
from lib.refusals import KeptRefusal, Kind, Refusal


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Kind:
    monkeypatch.setattr(refusals, "CATALOGUE", {})
    return refusals.declare("too-many", "{count} are too many.", "Send {most} at most.", 422)


def test_the_facts_stand_in_both_sentences(kind: Kind) -> None:
    refusal = Refusal(kind, count=7, most=5, retry_seconds=3)
    assert (refusal.message, refusal.next_step) == ("7 are too many.", "Send 5 at most.")
    assert str(refusal) == "7 are too many. Send 5 at most."
    assert (refusal.code, refusal.status, refusal.retry_seconds) == ("too-many", 422, 3)
    assert (refusal.field, refusal.members) == ("", {})


def test_it_is_of_a_field_that_is_named_later(kind: Kind) -> None:
    refusal = Refusal(kind, count=7, most=5)
    assert refusal.at("serials") is refusal
    assert refusal.field == "serials"


def test_what_is_given_to_one_is_not_shared(kind: Kind) -> None:
    members = {"a": 1}
    refusal = Refusal(kind, members=members, count=7, most=5)
    members["a"] = 2
    assert refusal.members == {"a": 1}


def test_a_fact_that_is_missing_is_a_fault_of_ours(kind: Kind) -> None:
    with pytest.raises(KeyError):
        Refusal(kind, count=7)


def test_a_rows_reason_is_told_in_the_catalogues_words(kind: Kind) -> None:
    class Row(KeptRefusal):
        reason, facts = "too-many", {"count": 9, "most": 5}

    row = Row()
    assert (row.kind, row.message, row.next_step) == (kind, "9 are too many.", "Send 5 at most.")


@pytest.mark.parametrize("code", ["Name-Taken", "name_taken", "name--taken", "-name", "name-", "", "name-2", "näme"])
def test_a_code_is_words_with_dashes(kind: Kind, code: str) -> None:
    with pytest.raises(ValueError, match="no code"):
        refusals.declare(code, "It happened.", "Do this.")
    assert {*refusals.CATALOGUE} == {kind.code}


def test_a_kind_is_a_conflict_unless_it_says_otherwise(kind: Kind) -> None:
    assert refusals.declare("in-the-way", "Something is in the way.", "Wait.").status == 409
    assert {*refusals.CATALOGUE} == {kind.code, "in-the-way"}
