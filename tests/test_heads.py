"""HEAD ends at once, with the headers, at every address: also where it stays open or is made while it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import get_resolver, resolve, reverse

from devices import streams
from lib.places import Bound, Place
from tests.access import CAST, table
from tests.test_access import named, routes

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World

TABLE = {name: row for name, row in table().items() if row.method == "get" and 200 in row.statuses}
STREAMS = sorted(name for name in routes(get_resolver().url_patterns) if name.endswith("stream"))


def head(client: Client, world: World, name: str) -> HttpResponseBase:
    """What the first of the cast who may read it gets."""
    row = TABLE[name]
    url = reverse(named(name), kwargs=row.kwargs(world))
    person = next(each for each, status in zip(CAST, row.statuses, strict=True) if status == 200)
    if person != "anonymous":
        client.force_login(getattr(world, person))
    return client.head(url, row.data(world))


def test_nothing_is_sent_after_the_headers(client: Client, world: World, settings: Settings) -> None:
    settings.DOWNLOADS_PERSON = len(TABLE)  # a server closes each answer, and its place is free
    answers = {name: head(client, world, name) for name in TABLE}
    assert {answer.status_code for answer in answers.values()} <= {200, 302, 405}
    assert [name for name, answer in answers.items() if answer.streaming] == []


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_gives_its_headers_and_is_known_to_the_server(name: str, client: Client, world: World) -> None:
    answer = head(client, world, name)
    assert resolve(answer.request["PATH_INFO"]).func.long_lived  # type: ignore[attr-defined]
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream")
    assert "no-store" in answer["Cache-Control"]


def test_it_takes_no_stream_s_place(client: Client, world: World, settings: Settings) -> None:
    settings.STREAMS_PERSON, ended = 1, list[str]()
    client.force_login(world.viewer)
    place = streams.open_streams.take(Bound("person", world.viewer.pk, 1), left=ended.append)
    assert client.head(reverse("telemetry:stream", kwargs={"serial": world.placed.serial})).status_code == 200
    assert ended == []
    assert isinstance(place, Place)
    place.end()
