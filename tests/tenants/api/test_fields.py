"""What the API takes for an id, a truth, a day, a moment and a name, what it says of anything else, and where."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rest_framework import serializers

from lib.parsing import LARGEST
from tenants.api.base import Serializer
from tenants.api.fields import Day, Flag, Key, Moment, OneLine, SeveralLines
from tenants.api.scoped import Choice
from tenants.models import Group

if TYPE_CHECKING:
    from tenants.models import User
    from tests.conftest import World

NO_TIME = "Send a time with its zone: 2026-01-31T12:00:00Z."
WRONG_FLAGS: list[object] = ["true", "0", 0, 1, "yes", "", [], {}]
NO_DAY = "Send a day as 2026-01-31: year, month, day."


class Sent(Serializer):
    key = Key(required=False)
    flag = Flag(required=False)
    day = Day(required=False)
    moment = Moment(required=False)
    name = OneLine(max_length=120, required=False)
    text = SeveralLines(max_length=500, required=False)
    count = serializers.IntegerField(min_value=2, max_value=9, required=False)
    least = serializers.IntegerField(min_value=3, required=False)
    kind = serializers.ChoiceField(["new", "any"], required=False)


def read(name: str, value: object, *, stored: str | None = None, **context: object) -> tuple[Any, str]:
    """What is taken, and else why not."""
    instance = None if stored is None else SimpleNamespace(**{name: stored})
    sent = Sent(instance, data={name: value}, context=context)
    if sent.is_valid():
        return sent.validated_data[name], ""
    assert list(sent.errors) == [name]
    return None, str(sent.errors[name][0])


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("key", 1, 1),
        ("key", LARGEST, LARGEST),
        ("flag", True, True),
        ("flag", False, False),
        ("day", "2026-02-28", date(2026, 2, 28)),
        ("moment", "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("moment", "2026-01-31T13:00:00.5+01:00", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("name", "  Anaheim \n One ", "Anaheim One"),
        ("name", "Größe 😀", "Größe 😀"),
        ("text", " one\r\ntwo\u2028three ", "one\ntwo\nthree"),
        ("count", 2, 2),
        ("kind", "any", "any"),
    ],
)
def test_what_is_taken(name: str, value: object, taken: object) -> None:
    assert read(name, value) == (taken, "")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("key", 0, "Send 1 or more."),
        ("key", "x", "Send a whole number."),
        *(("flag", value, "Send true or false.") for value in WRONG_FLAGS),
        *(("day", value, NO_DAY) for value in ("2026-02-29", "28.02.2026", "2026-02-28T00:00:00Z", 20260228, "")),
        *(("moment", value, NO_TIME) for value in ("2026-01-31T12:00:00", "2026-01-31", "noon", 1790000000000)),
        ("name", "a\u202eb", "control"),
        ("name", "a\0b", "haracter"),
        ("text", "a\u0007b", "control"),
        ("count", 10, "Send 9 or less."),
        ("count", "many", "Send a whole number from 2 to 9."),
        ("least", "many", "Send a whole number, 3 or more."),
        ("kind", "old", "Send one of: new, any."),
        ("nmae", "x", "There is no such field."),
    ],
    ids=repr,
)
def test_what_is_not_taken_and_what_is_said_of_it(name: str, value: object, why: str) -> None:
    taken, said = read(name, value)
    assert taken is None
    assert why in said


@pytest.mark.parametrize(
    ("value", "taken"), [("true", True), ("false", False), ("True", None), ("1", None), ("", None)]
)
def test_in_an_address_a_truth_is_one_of_two_texts(value: str, *, taken: bool | None) -> None:
    assert read("flag", value, is_query=True)[0] is taken


@pytest.mark.parametrize(
    ("name", "stored"),
    [("name", "Old\u202eone"), ("name", " two  spaces "), ("text", "bell\u0007"), ("text", "x" * 600)],
)
def test_what_is_stored_stays_where_it_is_sent_unchanged(name: str, stored: str) -> None:
    """Though it is of before a rule; and anything else is judged by it."""
    if len(stored) < 500:
        assert read(name, stored, stored=stored) == (stored, "")
        assert read(name, f"{stored.strip()}\r\n", stored=stored)[0] == stored
    assert read(name, stored + "\u202e", stored=stored)[0] is None
    assert read(name, "Anew", stored=stored) == ("Anew", "")


class Shown(Serializer):
    VOLATILE = frozenset({"age"})
    name = OneLine(required=False)


SHOWN = {"id": 7, "name": "Pump", "at": datetime(2026, 1, 31, 12, tzinfo=UTC), "age": 3}
AT = "2026-01-31T12:00:00Z"
FIXED = "It can't be changed here. Send it as it is, or leave it out."


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"name": "Pump 2", "id": 7, "at": AT}, {}),
        ({"id": 7, "age": 4}, {}),
        ({"id": 8}, {"id": FIXED}),
        ({"at": "2026-01-31T12:00:01Z", "colour": "red"}, {"at": FIXED, "colour": "There is no such field."}),
    ],
)
def test_an_answer_may_be_sent_back_as_it_is(sent: dict[str, object], errors: dict[str, str]) -> None:
    read_again = Shown(data=sent, context={"shown": SHOWN})
    assert read_again.is_valid() is not bool(errors)
    assert {name: str(said[0]) for name, said in read_again.errors.items()} == errors


# Choices ---------------------------------------------------------------------------------------


class Placed(Serializer):
    group = Choice(lambda user: Group.objects.manageable_by(user))


def choose(user: User | None, value: object, stored: Group | None = None) -> tuple[Any, str]:
    instance = SimpleNamespace(group=stored) if stored else None
    sent = Placed(instance, data={"group": value}, context={"user": user} if user else {})
    if sent.is_valid():
        return sent.validated_data["group"], ""
    return None, str(sent.errors["group"][0])


def test_an_id_is_chosen_from_what_one_may_use(world: World) -> None:
    own, foreign = world.sadler, world.tekton
    assert choose(world.admin, own.pk) == (own, "")
    assert choose(world.admin, {"id": own.pk, "name": "Sadler-Isberg"}) == (own, "")
    for strange in (foreign.pk, 0, -1, 10**30, 999_999):
        assert choose(world.admin, strange) == (None, f"There is no such choice: {strange}.")
    for wrong in (True, str(own.pk), 1.0, [own.pk], {"id": own.pk}, {"id": own.pk, "name": "x", "more": 1}):
        assert choose(world.admin, wrong) == (None, "Send an id: a whole number.")
    assert choose(world.viewer, own.pk)[0] is choose(None, own.pk)[0] is None


def test_an_id_beside_anothers_name_is_neither(world: World) -> None:
    given = {"id": world.sadler.pk, "name": "Los Angeles"}
    said = f"{world.sadler.pk} is called Sadler-Isberg. Send the id alone, or its own name with it."
    assert choose(world.admin, given) == (None, said)
    hidden = {"id": world.tekton.pk, "name": "Tekton Health"}
    assert choose(world.admin, hidden) == (None, f"There is no such choice: {world.tekton.pk}.")


def test_what_is_chosen_already_stays_though_it_may_not_be_chosen_any_more(world: World) -> None:
    assert choose(world.admin, world.tekton.pk, stored=world.tekton) == (world.tekton, "")
    assert choose(world.admin, world.boise.pk, stored=world.tekton)[0] is None
