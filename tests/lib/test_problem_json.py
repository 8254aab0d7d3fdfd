"""A program reads each refusal as problem+json (RFC 9457)."""

from __future__ import annotations

from typing import Any

import pytest

from lib.problem_json import describe_problem, describe_refusal
from lib.refusals import Kind, Refusal

TAKEN = Kind("name-taken", "“{name}” is taken.", "Choose another name.", 409)
WRONG = Kind("invalid", "This is wrong.", "Correct it.", 400)


def test_a_problem_names_its_line_of_the_docs_and_its_status() -> None:
    assert describe_refusal(Refusal(TAKEN, name="Pump", members={"holder": 7}, field="name")) == {
        "type": "/api/docs/#problem-name-taken",
        "title": "Conflict",
        "status": 409,
        "code": "name-taken",
        "detail": "“Pump” is taken. Choose another name.",
        "next_step": "Choose another name.",
        "holder": 7,
    }


@pytest.mark.parametrize(
    ("field", "is_read", "place"),
    [
        ("", False, {"pointer": "#"}),
        ("options/stock", False, {"pointer": "#/options/stock"}),
        ("filter/group", True, {"parameter": "group"}),
        ("group", True, {"parameter": "group"}),
        ("", True, {"pointer": "#"}),
    ],
)
def test_a_wrong_value_is_told_with_its_place(field: str, *, is_read: bool, place: dict[str, str]) -> None:
    body: dict[str, Any] = describe_refusal(Refusal(WRONG, field=field), is_read=is_read)
    assert body["errors"] == [{**place, "detail": "This is wrong. Correct it."}]


def test_a_refusals_own_members_come_before_its_place() -> None:
    own = [{"pointer": "#/serials/3", "detail": "Not this one."}]
    body = describe_refusal(Refusal(WRONG, field="serials", members={"errors": own}))
    assert body["errors"] == own


def test_a_problem_without_words_has_its_kinds() -> None:
    plain = describe_problem(WRONG)
    assert (plain["detail"], plain["next_step"]) == ("This is wrong. Correct it.", "Correct it.")
    told = describe_problem(WRONG, "The third is wrong.", "Mend the third.", position=3)
    assert (told["detail"], told["next_step"], told["position"]) == ("The third is wrong.", "Mend the third.", 3)
