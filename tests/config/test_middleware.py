from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from config.middleware import (
    Addresses,
    Compression,
    Connections,
    ContentPolicy,
    Heads,
    LogWho,
    Metrics,
    PrivatePages,
)
from lib import log, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http.response import HttpResponseBase
    from django.test import Client

    from tests.conftest import World


@pytest.mark.django_db(transaction=True)
def test_an_answer_keeps_no_connection_while_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(connection, "close_at", 0)  # as where connections come from a pool
    Connections(lambda request: HttpResponse())(RequestFactory().get("/"))
    assert connection.connection is None


GZIP = {"accept-encoding": "gzip"}


def test_pages_and_json_are_compressed(client: Client, world: World) -> None:
    client.force_login(world.owner)
    plain, small = client.get("/").content, client.get("/", headers=GZIP)
    assert small["Content-Encoding"] == "gzip"
    assert len(small.content) < len(plain) / 3
    assert b"Anaheim" in gzip.decompress(small.content)
    assert client.get("/api/v1/devices/", headers=GZIP)["Content-Encoding"] == "gzip"
    assert client.get("/api/v1/nothing/", headers=GZIP).status_code == 404


@pytest.mark.django_db
def test_what_is_streamed_or_has_a_strong_etag_is_not(client: Client, world: World) -> None:
    """A program sends the ETag back as it got it, in If-Match; Django would make it a weak one."""
    client.force_login(world.owner)
    device = client.get(f"/api/v1/devices/{world.placed.serial}/", headers=GZIP)
    assert device["ETag"].startswith('"')
    assert not device.has_header("Content-Encoding")
    assert not client.get(reverse("provisioning:journal-export"), headers=GZIP).has_header("Content-Encoding")


# Each by itself --------------------------------------------------------------------------------


def answer_by(
    kind: Any, answer: HttpResponseBase, path: str = "/", method: str = "get", **about: Any
) -> HttpResponseBase:
    """Return what is made of an answer to a request of which this is known."""
    request = getattr(RequestFactory(), method)(path, headers=GZIP)
    vars(request).update(about)
    made: HttpResponseBase = kind(lambda _: answer)(request)
    return made


LONG = b"<p>words</p>" * 200


@pytest.mark.parametrize(
    ("kind", "is_small"),
    [
        ("text/html; charset=utf-8", True),
        ("text/csv", True),
        ("application/json", True),
        ("application/problem+json", True),
        ("image/svg+xml", True),
        ("image/png", False),
        ("image/jpeg", False),
        ("application/pdf", False),
        ("application/zip", False),
        ("application/octet-stream", False),
    ],
)
def test_words_are_compressed_and_what_is_so_already_is_not(kind: str, *, is_small: bool) -> None:
    answer = answer_by(Compression, HttpResponse(LONG, content_type=kind))
    assert answer.has_header("Content-Encoding") is is_small
    assert (len(answer.getvalue()) < len(LONG)) is is_small


def test_a_head_of_a_stream_makes_nothing() -> None:
    made: list[int] = []

    def make() -> Iterator[bytes]:
        made.append(1)
        yield b"x"

    stream = StreamingHttpResponse(make(), status=203, headers={"X-Own": "7"})
    answer = answer_by(Heads, stream, method="head")
    assert (answer.status_code, answer["X-Own"], answer.streaming, made) == (203, "7", False, [])
    plain = HttpResponse("x")
    assert answer_by(Heads, plain, method="head") is plain
    assert answer_by(Heads, stream) is stream


class Session:
    def __init__(self, *, accessed: bool) -> None:
        self.accessed = accessed


@pytest.mark.parametrize(
    ("session", "own", "cached"),
    [
        (Session(accessed=True), None, "private, no-store"),
        (Session(accessed=True), "private, max-age=60", "private, max-age=60"),
        (Session(accessed=False), None, None),
        (None, None, None),
    ],
)
def test_what_was_made_for_a_session_is_kept_by_nobody(
    session: Session | None, own: str | None, cached: str | None
) -> None:
    answer = HttpResponse("x", headers={"Cache-Control": own} if own else {})
    about: dict[str, Any] = {"session": session} if session else {}
    assert answer_by(PrivatePages, answer, **about).headers.get("Cache-Control") == cached


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/people", 301),
        ("head", "/people", 301),
        ("post", "/people", 404),
        ("put", "/api/v1/devices", 404),
        ("get", "/people/", 404),
        ("get", "/nothing", 404),
    ],
)
def test_only_who_reads_is_led_to_the_slash(method: str, path: str, status: int) -> None:
    answer = answer_by(Addresses, HttpResponse(status=404), path, method)
    assert answer.status_code == status
    if status == 301:
        assert answer["Location"] == f"{path}/"


def test_a_page_says_what_it_may_load_unless_its_view_did() -> None:
    assert "script-src 'self'" in answer_by(ContentPolicy, HttpResponse("x"))["Content-Security-Policy"]
    own = HttpResponse("x", headers={"Content-Security-Policy": "default-src 'none'"})
    assert answer_by(ContentPolicy, own)["Content-Security-Policy"] == "default-src 'none'"


class Known(NamedTuple):
    pk: int | None = 7
    organisation_id: int | None = 8


def wrap(user: Known) -> Any:
    """Return a user that is loaded when somebody asks, and was."""
    lazy: Any = SimpleLazyObject(lambda: user)
    assert lazy.pk == user.pk
    return lazy


@pytest.mark.parametrize(
    ("about", "ids"),
    [
        ({}, {}),
        ({"user": SimpleLazyObject(lambda: pytest.fail("looked up"))}, {}),
        ({"user": Known()}, {"user_id": 7, "organisation_id": 8}),
        ({"user": wrap(Known())}, {"user_id": 7, "organisation_id": 8}),
        ({"user": wrap(Known(None, None))}, {}),
        ({"user": wrap(Known(7, None))}, {"user_id": 7}),
        ({"_acached_user": Known()}, {"user_id": 7, "organisation_id": 8}),
    ],
    ids=["nobody", "not looked up", "of a token", "of a session", "not signed in", "of no organisation", "of a stream"],
)
def test_the_logs_lines_say_who_asks_once_that_is_known(about: dict[str, Any], ids: dict[str, int]) -> None:
    def answer(request: Any) -> HttpResponse:
        vars(request).update(about)
        seen.append(log.gather())
        return HttpResponse()

    seen: list[dict[str, Any]] = []
    with log.about(request_id="r"):
        LogWho(answer)(RequestFactory().get("/"))
    assert seen == [{"request_id": "r", **ids}]


@pytest.mark.parametrize("is_async", [False, True])
def test_each_request_is_counted_with_its_answer(monkeypatch: pytest.MonkeyPatch, *, is_async: bool) -> None:
    counted: list[tuple[str, int]] = []
    monkeypatch.setattr(
        metrics, "count_request", lambda request, answer, _: counted.append((request.path, answer.status_code))
    )

    async def later(request: Any) -> HttpResponse:
        return HttpResponse(status=203)

    asked: Any = Metrics(later if is_async else lambda _: HttpResponse(status=203))(RequestFactory().get("/a/"))
    if is_async:
        asyncio.run(asked)
    assert counted == [("/a/", 203)]
