"""What is too large or too slow is refused before it is kept, and what is large is taken from those who may send it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as site
from django.test import Client

from config import limits, uploads
from config.asgi import application
from tenants.models import Role
from tenants.tokens import operations as tokens
from tests import builders

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tenants.models import User
    from tests.conftest import World

PAGE, API = "/imports/new/", "/api/v1/imports/"
KB, MB = 1 << 10, 1 << 20

NONE: dict[str, str] = {}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.IMPORT_MAX_BYTES, settings.BODY_BYTES, settings.ANONYMOUS_BODY_BYTES = MB, 100 * KB, 10 * KB
    monkeypatch.setattr(uploads, "ROOM", 1000)


def cookie(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"cookie": f"{site.SESSION_COOKIE_NAME}={client.cookies[site.SESSION_COOKIE_NAME].value}"}


class Answer:
    """To a POST of so many bytes, which come in chunks of at most 50 KB, each after `pause`."""

    def __init__(
        self, path: str, size: int, headers: dict[str, str] = NONE, *, declared: bool = True, pause: float = 0.0
    ) -> None:
        chunks = [b"x" * min(50 * KB, size - at) for at in range(0, size, 50 * KB)]
        self._left = [
            {"type": "http.request", "body": c, "more_body": n < len(chunks)} for n, c in enumerate(chunks, 1)
        ]
        self._pause, self._sent = pause, list[dict[str, Any]]()
        named = {"host": "testserver", "content-type": "multipart/form-data; boundary=x", **headers}
        named |= {"content-length": str(size)} if declared else {}
        encoded = [(name.encode(), value.encode()) for name, value in named.items()]
        scope = {"type": "http", "method": "POST", "path": path, "headers": encoded, "query_string": b""}
        asyncio.run(application(scope, self._receive, self._answer))
        self.status = self._sent[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in self._sent[0]["headers"]}
        self.text = b"".join(each.get("body", b"") for each in self._sent).decode()
        self.read = size - sum(len(each["body"]) for each in self._left)  # type: ignore[misc, arg-type]

    async def _receive(self) -> dict[str, Any]:
        if not self._left:
            await asyncio.sleep(10)
        await asyncio.sleep(self._pause)
        return self._left.pop(0)

    async def _answer(self, message: dict[str, Any]) -> None:
        self._sent.append(message)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("path", ["/accounts/login/", PAGE, "/imports/x/stream/"])
def test_strangers_send_little_anywhere(path: str, declared: bool) -> None:
    answer = Answer(path, 11 * KB, declared=declared)
    assert (answer.status, answer.read) == (413, 11 * KB)  # read, so that a browser reads the answer
    assert "10.0\xa0KB at most: sign in" in answer.text
    assert Answer(path, 9 * KB, declared=declared).status in (403, 404)


def test_what_is_refused_has_the_headers_of_every_page(settings: Settings, client: Client) -> None:
    """The same words, or stricter ones."""
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 60, True
    refused = Answer("/accounts/login/", 11 * KB).headers
    page = client.get("/accounts/login/", secure=True).headers
    for name in ("X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"):
        assert refused[name.lower()] == page[name]
    assert refused["strict-transport-security"].startswith("max-age=60; includeSubDomains")
    for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert rule in refused["content-security-policy"]
        assert rule in page["Content-Security-Policy"]


def test_most_of_what_strangers_send_is_not_even_read() -> None:
    answer = Answer("/accounts/login/", 257 * MB)
    assert (answer.status, answer.read < 5 * MB) == (413, True)


def test_who_waits_to_be_asked_is_not() -> None:
    answer = Answer(API, 11 * KB, {"expect": "100-continue"})
    assert (answer.status, answer.read) == (413, 0)


@pytest.mark.parametrize("declared", [True, False])
def test_people_send_more_but_files_only_where_they_belong(world: World, declared: bool) -> None:
    mine = cookie(world.owner)
    assert Answer("/", 90 * KB, mine, declared=declared).status == 403  # without a CSRF token, as a view says
    there = Answer("/", 110 * KB, mine, declared=declared)
    assert (there.status, "100.0\xa0KB are taken here" in there.text) == (413, True)
    assert Answer(PAGE, 900 * KB, mine, declared=declared).status == 403
    there = Answer(PAGE, 1100 * KB, mine, declared=declared)
    assert (there.status, "1.0\xa0MB at most: split it" in there.text) == (413, True)


def test_files_come_from_those_who_may_import(world: World) -> None:
    assert Answer(PAGE, 110 * KB, cookie(world.admin)).status == 413  # of a part of the organisation
    forged = Answer(PAGE, 110 * KB, {**cookie(world.owner), "x-csrftoken": "y" * 64})
    assert (forged.status, forged.read) == (413, 110 * KB)
    world.owner.is_active = False
    world.owner.save()
    assert Answer(PAGE, 110 * KB, cookie(world.owner)).status == 413


def test_the_api_takes_them_by_token(world: World) -> None:
    root = world.kanarra.root
    secret = {role: tokens.create(by=world.owner, name="x", group=root, role=role).secret for role in Role}
    bearer = {role: {"authorization": f"Bearer {secret[role]}"} for role in Role}
    assert Answer(API, 900 * KB, bearer[Role.ADMIN]).status == 400  # no multipart, as a view says
    refused = [Answer(API, 110 * KB, each) for each in (bearer[Role.VIEWER], {"authorization": "Bearer hdo_x"}, {})]
    for answer, most in zip(refused, ("100.0", "10.0", "10.0"), strict=True):
        told = json.loads(answer.text)
        assert (answer.status, told["type"].partition("#")[2]) == (413, "problem-too-large")
        assert f"At most {most}\xa0KB" in told["detail"]


def test_a_body_comes_in_time(settings: Settings) -> None:
    settings.BODY_SECONDS, settings.BODY_RATE, settings.ANONYMOUS_BODY_BYTES = 20.0, 1 << 30, MB
    assert Answer("/accounts/login/", 500 * KB, pause=0.01).status == 403
    settings.BODY_SECONDS = 0.2
    slow = Answer("/accounts/login/", 500 * KB, pause=0.05)
    assert (slow.status, "came too slowly" in slow.text) == (408, True)
    settings.BODY_RATE = 100 * KB  # a large one that comes steadily has longer
    assert Answer("/accounts/login/", 500 * KB, pause=0.05).status == 403


def test_uploads_at_once_are_counted(world: World, settings: Settings) -> None:
    settings.UPLOADS_PERSON = 1
    sender = uploads.Sender(world.owner, MB)
    going = uploads.begin_upload(sender)
    assert going is not None
    more = Answer(API, 110 * KB, cookie(world.owner))
    assert (more.status, json.loads(more.text)["type"].partition("#")[2]) == (429, "problem-too-many-uploads")
    page = Answer(PAGE, 110 * KB, cookie(world.owner))
    assert (page.status, "uploading other files" in page.text) == (429, True)
    going.end()
    for _ in range(3):
        assert Answer(PAGE, 110 * KB, cookie(world.owner)).status == 403


def test_uploads_at_once_are_counted_by_organisation_too(world: World, settings: Settings) -> None:
    settings.UPLOADS_ORGANISATION = 1
    second = builders.make_user("second@kanarra.example", world.kanarra.root, Role.ADMIN)
    going = uploads.begin_upload(uploads.Sender(world.owner, MB))
    assert going is not None
    assert [Answer(PAGE, 110 * KB, cookie(user)).status for user in (second, world.stranger)] == [429, 403]
    going.end()
    assert Answer(PAGE, 110 * KB, cookie(second)).status == 403


@pytest.mark.parametrize("is_proxied", [False, True])
def test_of_strangers_few_are_listened_to_once_they_are_refused(
    is_proxied: bool, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Six of one address, and one of another."""
    addresses = ["192.0.2.1"] * 6 + ["192.0.2.2"]

    async def scene() -> list[int]:
        read = [0] * 7

        async def one(n: int) -> None:
            async def receive() -> dict[str, Any]:
                read[n] += 1
                return {"type": "http.request", "body": b"x" * 100 * KB, "more_body": True}

            async def send(_: dict[str, Any]) -> None: ...

            headers = [(b"host", b"testserver"), (b"content-length", b"%d" % (100 * MB))]
            headers += [(b"x-forwarded-for", addresses[n].encode())] if is_proxied else []
            scope = {"type": "http", "method": "POST", "path": "/x/", "headers": headers, "query_string": b""}
            peer = "127.0.0.1" if is_proxied else addresses[n]
            await application({**scope, "client": (peer, 1)}, receive, send)

        await asyncio.gather(*map(one, range(7)))
        return read

    settings.ALLAUTH_TRUSTED_PROXY_COUNT = int(is_proxied)
    monkeypatch.setattr(limits, "STRANGERS_LINGER_SECONDS", 0.3)
    read = asyncio.run(scene())
    listened_to = [bool(each) for each in read]
    assert (listened_to[:6].count(True), listened_to[6]) == (4, True)
    assert max(read) < 20, "as slowly as that rate has it"
