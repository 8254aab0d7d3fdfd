"""What a gateway tells of a door on a terminal: enough to see what went wrong, and no secret."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from firmware_sim import doors
from firmware_sim.doors import DOORS, Answer, Denied, Given, Unexpected
from firmware_sim.flash import Kept

SECRET = "an access secret that nobody may see"
GIVEN = Given("7k3m q2xw", "a token of forty letters that is a secret", "66f0c0ffee66f0c0ffee0001")


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("0123456789abcdef", "012345… (16 characters)"),
        ("0123456789abc", "012345… (13 characters)"),
        ("0123456789ab", "… (12 characters)"),
        ("", "… (0 characters)"),
    ],
)
def test_of_a_secret_only_as_much_is_told_as_tells_it_from_another(secret: str, told: str) -> None:
    assert doors.shorten(secret) == told


def sign(claims: object) -> str:
    return f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (
            sign({"iss": "factory.example", "exp": 1_796_026_500}),
            "signed by 'factory.example', until 2026-11-30 08:15 UTC",
        ),
        (sign({"iss": "factory.example"}), "signed by 'factory.example', without end"),
        (sign({}), "signed by None, without end"),
        (sign({"iss": "a\x1b[2J\nb"}), "signed by 'a\\x1b[2J\\nb', without end"),
        (sign({"exp": "soon"}), ""),
        (sign({"exp": 10**30}), ""),
        (sign([1]), ""),
        ("a-uuid", ""),
        ("a.b", ""),
        ("a.%%%.c", ""),
        ("", ""),
    ],
)
def test_a_signed_token_says_of_itself_what_anybody_can_read(token: str, told: str) -> None:
    assert doors.describe_token(token) == told


@pytest.mark.parametrize("name", doors.SECRETS)
def test_no_secret_member_is_shown(name: str) -> None:
    told = doors.show_json_text(json.dumps({name: SECRET, "deviceId": "id"}))
    assert SECRET not in told
    assert '"deviceId": "id"' in told


@pytest.mark.parametrize("text", ["", "plain", "[1]", "7", "{}", "{", "[" * 20_000])
def test_what_is_no_object_is_shown_as_it_is(text: str) -> None:
    assert doors.show_json_text(text) == text
    assert doors.read_object(text) == {}


@pytest.mark.parametrize("value", [None, "", 7, True, ["x"], {"a": "b"}])
def test_a_field_that_is_no_text_is_lacking(value: object) -> None:
    with pytest.raises(Unexpected, match=r"it lacks b\b"):
        doors.read_fields(json.dumps({"a": "x", "b": value}), "a", "b")
    assert doors.read_fields('{"b": "y", "a": "x"}', "a", "b") == ["x", "y"]


def walk(door: str, status: int, text: object) -> Kept:
    walking = DOORS[door].walk(GIVEN)
    next(walking)
    said = text if isinstance(text, str) else json.dumps(text)
    with pytest.raises(StopIteration) as done:
        walking.send(Answer(status, "", said))
    kept: Kept = done.value.value
    return kept


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("b.example", 8883, "mqtts://b.example:8883"),
        ("b.example", 1883, "mqtt://b.example:1883"),
        ("2001:db8::7", 8883, "mqtts://[2001:db8::7]:8883"),
    ],
)
def test_a_profiles_answer_says_where_the_broker_is(host: str, port: int, url: str) -> None:
    answer = {"hostname": host, "port": port, "clientId": GIVEN.device_id, "username": "key-1", "password": SECRET}
    assert walk("ztp", 200, answer) == Kept(GIVEN.serial, GIVEN.device_id, "key-1", SECRET, url)


def test_activations_user_name_follows_from_its_token() -> None:
    token = "0123456789abcdef" * 2 + "01234567"
    kept = walk("activate", 200, token)
    assert kept.access_key == hashlib.sha256(f"token:{token}".encode()).hexdigest()[:32]
    assert (kept.device_id, kept.access_secret) == (GIVEN.device_id, token)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("status", [201, 202, 301, 400, 403, 404, 429, 500])
def test_whatever_is_no_200_lets_nobody_in(door: str, status: int) -> None:
    walking = DOORS[door].walk(GIVEN)
    next(walking)
    with pytest.raises(Denied):
        walking.send(Answer(status, "", ""))


@pytest.mark.parametrize("door", DOORS)
def test_what_is_sent_is_shown_without_the_token(door: str) -> None:
    asked: Any = next(DOORS[door].walk(GIVEN))
    assert GIVEN.token not in asked.shown
    if "token" in DOORS[door].needs:
        assert GIVEN.token in asked.body
        assert "a toke… (41 characters)" in asked.shown


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("status", "means"),
    [(302, "The site moved elsewhere"), (399, "The site moved"), (418, "no answer of a door"), (500, "Check --site")],
)
def test_an_answer_that_is_no_doors_is_told_as_that(door: str, status: int, means: str) -> None:
    assert means in doors.find_meaning(DOORS[door], Answer(status, "", "anything"))


@pytest.mark.parametrize("door", DOORS)
def test_each_refusal_says_what_to_do_next(door: str) -> None:
    for status, text, meaning in DOORS[door].refusals:
        found = doors.find_meaning(DOORS[door], Answer(status, "", f'{{"error": "{text}"}}'))
        assert found.rstrip().endswith(".")
        assert found == meaning or not text  # a more telling one may come first


def test_nothing_that_was_given_is_told_by_chance() -> None:
    assert GIVEN.token not in repr(GIVEN)
    assert SECRET not in repr(Given("1", access_secret=SECRET))
