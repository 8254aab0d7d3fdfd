"""The map: to scale, north up, across the antimeridian, of one place, and of many on one another."""

from __future__ import annotations

import math
from datetime import timedelta
from random import Random

import pytest

from devices.models import Attribute
from telemetry.overview import places
from telemetry.overview.look import Seen
from tests.telemetry.reports import EPOCH

DECLARED = [Attribute(version_id=1, name="place", type="gps"), Attribute(version_id=1, name="rpm", type="number")]


def draw(*positions: str, name: str = "One", status: str = "online") -> places.Map:
    devices = [
        Seen(number, f"S{number}", f"{name} {number}", 1, status, {"place": (text, 0)})
        for number, text in enumerate(positions)
    ]
    drawn = places.draw_map(places.find_places(devices, DECLARED))
    assert drawn is not None
    return drawn


def within(drawn: places.Map) -> bool:
    return all(0 <= mark.x <= places.WIDTH and 0 <= mark.y <= places.HEIGHT for mark in drawn.marks)


def test_north_is_up_and_east_is_right() -> None:
    south_west, north_east = draw("10,20", "11,21").marks
    assert south_west.x < north_east.x
    assert south_west.y > north_east.y


def test_one_place_is_in_the_middle_with_a_bar_of_metres() -> None:
    drawn = draw("37.332331,-122.0312186")
    (mark,) = drawn.marks
    assert (mark.x, mark.y) == (places.WIDTH / 2, places.HEIGHT / 2)
    assert drawn.bar_words == "200 m"
    assert drawn.parallels
    assert drawn.meridians


def test_distances_are_to_scale() -> None:
    """A degree of latitude is 111.3 km; one of longitude at 60 degrees north half of that."""
    a, b = draw("60,10", "60,11").marks
    drawn = draw("60,10", "60,11")
    metres = int(drawn.bar_words.split()[0]) * 1000 / drawn.bar * math.hypot(a.x - b.x, a.y - b.y)
    assert metres == pytest.approx(111_320 / 2, rel=0.02)


def test_across_the_antimeridian_neighbours_are_neighbours() -> None:
    drawn = draw("-17,179.5", "-17,-179.5", "-18,180")
    west, east = drawn.marks[0], drawn.marks[1]
    assert 0 < east.x - west.x <= places.WIDTH
    assert within(drawn)
    assert any("180" in line.words for line in drawn.meridians)
    assert {line.words[-1] for line in drawn.meridians if "180" not in line.words} == {"E", "W"}


@pytest.mark.parametrize(
    "positions",
    [
        ("90,0", "-90,0"),
        ("0,-180", "0,180"),
        ("0,-120", "0,0", "0,120"),
        ("89.9999,10", "89.9999,-170"),
        ("0,0",),
        ("-90,180",),
        ("0.0000001,0.0000001", "0,0"),
        ("60,-179", "-50,10", "70,175", "1,1"),
    ],
)
def test_the_ends_of_the_world_fit(positions: tuple[str, ...]) -> None:
    drawn = draw(*positions)
    assert within(drawn)
    assert sum(len(mark.places) for mark in drawn.marks) == len(positions)
    assert 0 < drawn.bar <= places.BAR
    assert len(drawn.parallels) <= 6
    assert len(drawn.meridians) <= 6
    assert all(0 <= line.at <= places.HEIGHT for line in drawn.parallels)
    assert all(0 <= line.at <= places.WIDTH for line in drawn.meridians)


def test_what_is_close_together_is_one_mark_with_the_worst_status() -> None:
    devices = [
        Seen(1, "A", "A", 1, "online", {"place": ("10,10", 0)}),
        Seen(2, "B", "B", 1, "offline", {"place": ("10.0000001,10", 0)}),
        Seen(3, "C", "C", 1, "online", {"place": ("20,20", 0)}),
    ]
    drawn = places.draw_map(places.find_places(devices, DECLARED))
    assert drawn is not None
    assert [(len(mark.places), mark.status) for mark in drawn.marks] == [(2, "offline"), (1, "online")]


def test_no_mark_lies_on_another() -> None:
    drawn = draw(*(f"{row / 10},{column / 10}" for row in range(30) for column in range(30)))
    assert drawn.places == 900
    assert all(
        math.hypot(one.x - other.x, one.y - other.y) >= places.NEAR - 0.2
        for number, one in enumerate(drawn.marks)
        for other in drawn.marks[:number]
    )


def test_names_stand_where_there_is_room() -> None:
    named, other = draw("10,10", "11,12", name="Gateway").marks
    assert (named.name, named.anchor, other.anchor) == ("Gateway 0", "start", "end")
    long = draw("10,10", name="A device with a very long name").marks[0]
    assert long.name.endswith("\u2026")
    assert len(long.name) <= places.LONGEST


def test_what_is_no_position_is_not_drawn() -> None:
    texts = ["", "x", "91", '10,10"/><script>']
    devices = [Seen(1, "A", "A", 1, "online", {"place": (text, 0)}) for text in texts]
    devices.append(Seen(2, "B", "B", 1, "online", {"place": (7, 0), "rpm": (3, 0)}))
    devices.append(Seen(3, "C", "C", 2, "online", {"place": ("10,10", 0)}))  # its recipe declares none
    assert places.draw_map(places.find_places(devices, DECLARED)) is None


def test_the_first_position_that_a_recipe_declares_and_a_device_has_is_where_it_is() -> None:
    declared = [
        Attribute(version_id=1, name="b", position=2, type="gps"),
        Attribute(version_id=1, name="a", position=2, type="gps"),
        Attribute(version_id=1, name="z", position=1, type="gps"),
    ]
    reported = {"a": ("1,1", 2_000), "b": ("2,2", 1_000), "z": ("3,3", 3_000)}
    for kept, chosen in (("abz", "z"), ("ab", "a"), ("b", "b")):
        device = Seen(1, "A", "A", 1, "online", {name: reported[name] for name in kept})
        (place,) = places.find_places([device], declared)
        text, ms = reported[chosen]
        assert (place.text, place.latitude, place.longitude) == (text, float(text[0]), float(text[2]))
        assert place.at == EPOCH + timedelta(milliseconds=ms)


def test_places_are_in_the_order_of_names_and_tell_where_in_words() -> None:
    text = "-37.332331,122.0312186"
    named = ((3, "B"), (2, "C"), (9, "A"), (1, "C"))
    devices = [Seen(pk, f"S{pk}", name, 1, "online", {"place": (text, 0)}) for pk, name in named]
    found = places.find_places(devices, DECLARED)
    assert [place.device.pk for place in found] == [9, 3, 1, 2]
    assert found[0].words == "37.33233° S, 122.03122° E"


@pytest.mark.parametrize(("count", "listed", "unlisted"), [(1, 1, 0), (50, 50, 0), (51, 50, 1), (120, 50, 70)])
def test_a_mark_of_many_lists_some_and_counts_the_rest(count: int, listed: int, unlisted: int) -> None:
    (mark,) = draw(*["10,10"] * count).marks
    assert (len(mark.listed), mark.unlisted, mark.others) == (listed, unlisted, count - 1)
    assert bool(mark.name) == (count == 1)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        (["online", "never"], "never"),
        (["never", "offline"], "offline"),
        (["offline", "expired"], "expired"),
        (["expired", "locked", "online"], "locked"),
    ],
)
def test_a_mark_shows_the_status_that_most_needs_to_be_seen(statuses: list[str], shown: str, order: int) -> None:
    devices = [Seen(n, "S", "N", 1, status, {"place": ("1,1", 0)}) for n, status in enumerate(statuses[::order])]
    drawn = places.draw_map(places.find_places(devices, DECLARED))
    assert drawn is not None
    assert [mark.status for mark in drawn.marks] == [shown]


def test_a_name_without_room_at_the_right_stands_at_the_left_and_ends_there() -> None:
    west, east = draw("10,10", "10,40", name="Gateway of it").marks
    assert (west.anchor, west.name_x) == ("start", round(west.x + places.ASIDE, 1))
    assert (east.anchor, east.name_x) == ("end", round(east.x - places.ASIDE, 1))
    assert west.x < places.WIDTH / 2 < east.x


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Pump", "Pump 0"),
        ("Fourteen chars", "Fourteen chars 0"),
        ("Fifteen  chars.", "Fifteen  chars.\u2026"),
        ("Fifteen lett at", "Fifteen lett at\u2026"),
        ("Ends in a space of", "Ends in a space\u2026"),
    ],
)
def test_a_long_name_is_shortened_and_ends_in_no_space(name: str, shown: str) -> None:
    assert draw("10,10", name=name).marks[0].name == shown


def test_the_lines_are_where_their_degrees_are() -> None:
    drawn = draw("0,0", "-2,3", "2,-3")
    assert sum(not line.words for line in (*drawn.parallels, *drawn.meridians)) <= 2
    north = {line.words: line.at for line in drawn.parallels}
    east = {line.words: line.at for line in drawn.meridians}
    origin, south_east, north_west = ((mark.x, mark.y) for mark in drawn.marks)
    assert origin == (east["0\u00b0"], north["0\u00b0"]) == (places.WIDTH / 2, places.HEIGHT / 2)
    assert (south_east[1], north_west[1]) == (north["2\u00b0 S"], north["2\u00b0 N"])
    assert east["2\u00b0 W"] - origin[0] == pytest.approx((north_west[0] - origin[0]) * 2 / 3, abs=0.2)
    assert east["2\u00b0 W"] < origin[0] < east["2\u00b0 E"]


@pytest.mark.parametrize("degrees", [0.001, 0.01, 0.1, 1, 5])
def test_degrees_have_the_decimals_that_tell_lines_apart(degrees: float) -> None:
    drawn = draw("10,10", f"{10 + degrees},{10 + degrees}")
    for lines in (drawn.parallels, drawn.meridians):
        said = [line.words for line in lines if line.words]
        assert said
        assert len(set(said)) == len(said)
        assert all(words.endswith(("\u00b0 N", "\u00b0 E")) for words in said)


@pytest.mark.parametrize("span", [0.001, 0.01, 0.05, 0.2, 1.0, 3.0, 20.0, 150.0])
def test_the_bar_is_the_longest_round_length_that_fits(span: float) -> None:
    """As long as its words say: read back from two marks on one meridian."""
    drawn = draw(f"{-span / 2},0", f"{span / 2},0")
    south, north = sorted(drawn.marks, key=lambda mark: -mark.y)
    number, unit = drawn.bar_words.replace(",", "").split()
    metres = int(number) * {"m": 1, "km": 1000}[unit]
    assert (unit == "km") == (metres >= 1000)
    assert number[0] in "125"
    assert not number[1:].strip("0")
    assert metres / drawn.bar == pytest.approx(111_320 * span / (south.y - north.y), rel=0.02)
    assert places.BAR / 2.5 < drawn.bar <= places.BAR


def test_no_words_lie_on_others_or_on_marks() -> None:
    """However the places lie: by boxes of the room that letters take."""
    random = Random(7)
    for number in range(400):
        span = 10 ** random.uniform(-4, 1.5)
        where = [f"{40 + random.uniform(-span, span):.6f},{-118 + random.uniform(-span, span):.6f}" for _ in range(20)]
        drawn = draw(*where, name=random.choice(("A", "Gateway", "A long name of one")))
        boxes = [places._frame_degrees(line) for line in drawn.parallels if line.words]
        for mark in drawn.marks:
            boxes.append((mark.x - 7, mark.x + 7, mark.y))
            if mark.name:
                room = places._measure(mark.name)
                start = mark.name_x if mark.anchor == "start" else mark.name_x - room
                boxes.append((start, start + room, mark.y))
                assert start >= 0, number
                assert start + room <= places.WIDTH, number
        assert not any(places._touch(one, other) for n, one in enumerate(boxes) for other in boxes[:n]), number
        assert all(line.at + places._measure(line.words) <= places.WIDTH for line in drawn.meridians)
        assert any(line.words for line in drawn.meridians)
