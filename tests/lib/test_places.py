"""Each bound of places is kept: the oldest of whoever has most goes, and nobody takes up what is for all."""

from __future__ import annotations

import gc

import pytest
from django.http import HttpResponse

from lib.places import Bound, Place, Places


class Room:
    """Take places of a person, of an organisation and of the process, and note who had to leave and why."""

    def __init__(self, person: int = 2, organisation: int = 3, process: int = 4) -> None:
        self.places, self.left = Places(), list[tuple[str, str]]()
        self._most = person, organisation, process

    def take(self, name: str, person: str, organisation: str, *, leaves: bool = True) -> Place | Bound:
        one, many, all_of_them = self._most
        return self.places.take(
            Bound("person", person, one),
            Bound("organisation", organisation, many, person),
            Bound("process", None, all_of_them, organisation),
            left=(lambda word: self.left.append((name, word))) if leaves else None,
        )

    def must_take(self, name: str, person: str, organisation: str, *, leaves: bool = True) -> Place:
        place = self.take(name, person, organisation, leaves=leaves)
        assert isinstance(place, Place)
        return place


def test_a_persons_oldest_goes_and_is_told_why() -> None:
    room = Room()
    for name in ("a1", "a2", "a3"):
        room.must_take(name, "a", "x")
    assert room.left == [("a1", "person")]
    assert (room.places.count("person", "a"), room.places.count("organisation", "x"), room.places.count("process")) == (
        2,
        2,
        2,
    )


def test_of_an_organisation_the_oldest_of_whoever_has_most_goes() -> None:
    room = Room()
    for name, person in (("b1", "b"), ("a1", "a"), ("a2", "a"), ("c1", "c")):
        room.must_take(name, person, "x")
    assert room.left == [("a1", "organisation")]


def test_who_asks_counts_as_having_one_more() -> None:
    room = Room(person=3)
    for name, person in (("b1", "b"), ("a1", "a"), ("a2", "a")):
        room.must_take(name, person, "x")
    room.must_take("b2", "b", "x")
    assert room.left == [("b1", "organisation")]


def test_of_the_process_the_organisation_that_has_most_gives_one() -> None:
    room = Room()
    for name, person, organisation in (("c1", "c", "y"), ("a1", "a", "x"), ("b1", "b", "x"), ("d1", "d", "x")):
        room.must_take(name, person, organisation)
    room.must_take("c2", "c", "y")
    assert room.left == [("a1", "process")]


def test_what_does_not_leave_when_told_is_in_the_way() -> None:
    room = Room()
    held = [room.must_take(name, "a", "x", leaves=False) for name in ("a1", "a2")]
    refused = room.take("a3", "a", "x", leaves=False)
    assert isinstance(refused, Bound)
    assert (refused.word, refused.whose, refused.most) == ("person", "a", 2)
    assert room.places.count("process") == 2
    held[0].end()
    room.must_take("a3", "a", "x", leaves=False)
    assert room.left == []


def test_who_would_not_leave_drives_nobody_out() -> None:
    room = Room()
    room.must_take("a1", "a", "x")
    room.must_take("a2", "a", "x")
    assert isinstance(room.take("a3", "a", "x", leaves=False), Bound)
    assert room.left == []


def test_a_part_without_any_gets_one_though_all_are_taken() -> None:
    room = Room(person=9, organisation=9, process=2)
    for name in ("a1", "a2"):
        room.must_take(name, "a", "x", leaves=False)
    assert isinstance(room.take("a3", "a", "x", leaves=False), Bound)
    room.must_take("b1", "b", "y", leaves=False)
    refused = room.take("b2", "b", "y", leaves=False)
    assert isinstance(refused, Bound)
    assert refused.word == "process"
    assert room.places.count("process") == 3


def test_a_place_is_given_back_once() -> None:
    room = Room()
    place, other = room.must_take("a1", "a", "x"), room.must_take("b1", "b", "x")
    place.end()
    place.end()
    assert [room.places.count(*of) for of in (("person", "a"), ("organisation", "x"), ("process",))] == [0, 1, 1]
    other.end()
    assert not room.places._held  # nothing is kept of those who left


def test_all_who_leave_when_told_are_told_once() -> None:
    room = Room()
    room.must_take("a1", "a", "x")
    room.must_take("b1", "b", "x", leaves=False)
    room.must_take("c1", "c", "y")
    room.places.end_all("stopping")
    assert sorted(room.left) == [("a1", "stopping"), ("c1", "stopping")]
    assert room.places.count("process") == 1
    room.places.end_all("stopping")
    assert len(room.left) == 2


@pytest.mark.django_db  # whose connections are looked at when an answer is closed
@pytest.mark.parametrize("sent", [True, False])
def test_an_answer_gives_its_place_back_when_it_is_closed_or_lost(*, sent: bool) -> None:
    room = Room()
    answer = room.must_take("a1", "a", "x").held_by(HttpResponse("made"))
    assert room.places.count("process") == 1
    if sent:
        answer.close()
    else:
        del answer
        gc.collect()
    assert room.places.count("process") == 0


@pytest.mark.django_db
def test_what_somebody_else_holds_by_then_is_not_given_back() -> None:
    room, handed_on = Room(), [False]
    place = room.must_take("a1", "a", "x")
    answer = place.held_by(HttpResponse("made"), unless=lambda: handed_on[0])
    handed_on[0] = True
    answer.close()
    assert room.places.count("process") == 1
    place.end()
    assert room.places.count("process") == 0
