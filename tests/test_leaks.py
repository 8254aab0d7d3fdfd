"""The search for secrets finds them in every place and spelling in which one could lie."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connection
from redis import Redis

from tests import leaks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = secrets.token_urlsafe(32)
RAW = base64.urlsafe_b64decode(SECRET + "=")


@pytest.mark.parametrize(
    "hidden",
    [SECRET, f"x{SECRET}y", f'{{"a": "{SECRET}"}}', RAW.hex(), base64.b64encode(RAW).decode(), RAW.decode("latin-1")],
    ids=["itself", "within", "json", "hex", "base64", "raw"],
)
def test_every_spelling_is_found(hidden: str) -> None:
    others = [secrets.token_urlsafe(32) for _ in range(20)]
    assert leaks.search([*others, SECRET], {"log": f"begin {hidden} end", "page": "nothing"}) == {"log": {SECRET}}


@pytest.mark.django_db
@pytest.mark.parametrize("cell", [SECRET, b"\x00" + SECRET.encode()], ids=["text", "bytes"])
def test_every_column_is_read(cell: str | bytes) -> None:
    kind = "bytea" if connection.vendor == "postgresql" and isinstance(cell, bytes) else "text"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE hiding (other integer, cell {kind})")
        cursor.execute("INSERT INTO hiding VALUES (1, %s)", [cell])
        assert leaks.search([SECRET], {"database": leaks.database(cursor, connection.vendor)})
        cursor.execute("DROP TABLE hiding")


@pytest.fixture
def store() -> Iterator[Redis]:
    client = Redis.from_url(settings.REDIS_URL)
    yield client
    client.delete("hiding")


MESSAGE = json.dumps({"body": base64.b64encode(json.dumps([[SECRET], {}]).encode()).decode()})
PLACES: dict[str, Callable[[Redis], object]] = {
    "string": lambda store: store.set("hiding", SECRET),
    "list": lambda store: store.lpush("hiding", MESSAGE),
    "hash": lambda store: store.hset("hiding", "field", SECRET),
    "set": lambda store: store.sadd("hiding", SECRET),
    "zset": lambda store: store.zadd("hiding", {SECRET: 1}),
    "stream": lambda store: store.xadd("hiding", {"field": SECRET}),
}


@pytest.mark.parametrize("place", PLACES)
def test_every_kind_of_key_is_read_now_and_as_it_is_said(store: Redis, place: str) -> None:
    with leaks.Tap(settings.REDIS_URL) as tap:
        PLACES[place](store)
        held = leaks.redis(settings.REDIS_URL)
        store.delete("hiding")
    assert set(leaks.search([SECRET], {"redis": held, "said": tap.text})) == {"redis", "said"}
    assert leaks.search([SECRET], {"redis": leaks.redis(settings.REDIS_URL)}) == {}
