"""What addresses ask for: each parameter once and with a value, pages that lead on, and what is wrong told by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django import forms
from rest_framework.exceptions import ValidationError

from tenants.api.problems import BadQuery, convert_form_errors
from tenants.models import Role
from tests import builders
from tests.devices.api import Program, told

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def owner(world: World) -> Program:
    return Program(world.owner)


WHOLE = "Send a whole number from 1 to 200."


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ({"limit": "0"}, {"limit": WHOLE}),
        ({"limit": "201"}, {"limit": WHOLE}),
        ({"limit": "-1"}, {"limit": WHOLE}),
        ({"limit": "1.5"}, {"limit": WHOLE}),
        ({"limit": "9" * 2000}, {"limit": WHOLE}),
        ({"limit": ""}, {"limit": "It is empty. Give it a value, or leave it out."}),
        ({"q": "  "}, {"q": "It is empty. Give it a value, or leave it out."}),
        ({"limit": ["1", "2"]}, {"limit": "It stands here 2 times. Send it once."}),
        ({"q": ["a", "a", "a"]}, {"q": "It stands here 3 times. Send it once."}),
        (
            {"Limit": "1", "page": "2"},
            {
                "Limit": "There is no such parameter. There are: after, group, limit, q.",
                "page": "There is no such parameter. There are: after, group, limit, q.",
            },
        ),
        ({"after": "made-up"}, {"after": "This is no page's start. Take it from `next`."}),
        ({"group": "0"}, {"group": "Send 1 or more."}),
        ({"group": "999999"}, {"group": "There is no such group."}),
    ],
    ids=lambda value: ",".join(value),
)
def test_what_is_wrong_is_told_by_name(owner: Program, query: dict[str, Any], errors: dict[str, str]) -> None:
    assert told(owner.get("people/", **query)) == errors


def test_an_address_without_parameters_takes_none(world: World, owner: Program) -> None:
    answer = owner.get(f"people/{world.viewer.pk}/", limit=1)
    assert told(answer) == {"limit": "There is no such parameter. This address takes none."}


@pytest.mark.parametrize(("limit", "pages"), [(1, 4), (2, 2), (3, 2), (4, 1), (200, 1)])
def test_pages_lead_on_with_all_that_was_asked(world: World, owner: Program, limit: int, pages: int) -> None:
    added = [f"unit{number}@sadler.example" for number in range(4)]
    for email in added:
        builders.make_user(email, world.sadler, Role.VIEWER)
    query: dict[str, Any] = {"q": "UNIT", "group": world.sadler.pk, "limit": limit}
    found: list[str] = []
    for number in range(1, pages + 1):
        body = owner.get("people/", **query).json()
        found += [row["email"] for row in body["results"]]
        assert (body["next"] is None) is (number == pages)
        if body["next"]:
            address = urlsplit(body["next"])
            asked = {name: values[0] for name, values in parse_qs(address.query).items()}
            assert address.path == "/api/v1/people/"
            assert {name: str(value) for name, value in query.items() if name != "after"}.items() <= asked.items()
            query = asked
    assert found == added


def test_a_last_page_that_is_just_full_leads_nowhere(world: World, owner: Program) -> None:
    body = owner.get("people/", q="@sadler.example", limit=3).json()
    assert (len(body["results"]), body["next"]) == (3, None)


def test_errors_of_parameters_and_of_headers_say_which_they_are() -> None:
    assert BadQuery({"limit": ["no"]}).where == "parameter"
    assert BadQuery({"Idempotency-Key": ["no"]}, where="header").where == "header"


class Form(forms.Form):
    name = forms.CharField(max_length=3)

    def clean(self) -> None:
        raise forms.ValidationError(["Not so.", "Nor so."])


def test_what_a_form_refuses_the_api_refuses_in_the_same_words() -> None:
    error = convert_form_errors(Form({"name": "long"}))
    assert isinstance(error, ValidationError)
    assert error.detail == {
        "name": ["4 characters are too many: at most 3 characters fit."],
        "non_field_errors": ["Not so.", "Nor so."],
    }
