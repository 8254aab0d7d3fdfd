"""Every page posted with missing, oversized and wrong-typed fields: never a server error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.forms import BaseForm
from django.urls import get_resolver, reverse
from django.utils.http import urlencode

from tests.access import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from tests.conftest import World

PAGES = {name: row for name, row in table().items() if ":api-" not in name and "rabbitmq" not in name}
VALUES: dict[str, object] = {
    "empty": "",
    "oversized": "x" * 20_000,
    "nul": "a\x00b",
    "odd": "\u202e\ufffe😀\r\n\t",
    "negative": "-1",
    "huge": "9" * 40,
    "float": "1e400",
    "date": "0000-99-99",
    "json": '{"a": [null, {"b": 1}]}',
    "several": ["1", "2", "x"],
    "path": "../../etc/passwd",
}


def kinds(form: type[BaseForm]) -> Iterator[type[BaseForm]]:
    for kind in form.__subclasses__():
        yield kind
        yield from kinds(kind)


@cache
def fields() -> frozenset[str]:
    """The names of every form's fields: a page ignores those that it does not have."""
    assert get_resolver().url_patterns  # imports them all
    named = {name for kind in kinds(BaseForm) for name in getattr(kind, "base_fields", {})}
    shown = {"shown", "own-shown", "identity-shown", "rename-shown"}  # beside the fields: see lib.stored_form
    return frozenset(named | shown | {"login", "password", "code"})  # allauth adds them later


@dataclass
class Poster:
    """Posts to one page, each time as the first time."""

    client: Client
    name: str
    url: str
    cookies: dict[str, str]

    def post(self, data: dict[str, Any], *, files: bool = False) -> int:
        self.client.cookies = SimpleCookie(self.cookies)
        before = transaction.savepoint()
        if files:
            answer = self.client.post(self.url, data)
        else:
            answer = self.client.post(self.url, urlencode(data, doseq=True), "application/x-www-form-urlencoded")
        transaction.savepoint_rollback(before)
        assert answer.status_code < 500, (self.name, data)
        return answer.status_code


@pytest.fixture
def poster(name: str, client: Client, world: World) -> Poster:
    client.force_login(world.owner)
    cookies = {key: cookie.value for key, cookie in client.cookies.items()}
    return Poster(client, name, reverse(name, kwargs=PAGES[name].kwargs(world)), cookies)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_value_breaks_a_form(name: str, poster: Poster, world: World) -> None:
    named = fields() | set(PAGES[name].data(world))
    for value in (VALUES | {"oversized": "x" * 10_000}).values():  # all together less than is taken at all
        if poster.post(dict.fromkeys(named, value)) == HTTPStatus.METHOD_NOT_ALLOWED:
            break  # whatever is posted


@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_at_all_and_files_break_no_form(name: str, poster: Poster) -> None:
    poster.post({})
    files = {each: SimpleUploadedFile("\u202e.csv", b"\xff\xfe\x00") for each in sorted(fields())}
    poster.post(dict(files), files=True)


@pytest.mark.parametrize("name", sorted(name for name, row in PAGES.items() if row.method == "post"))
def test_each_field_may_be_the_wrong_one(name: str, poster: Poster, world: World) -> None:
    """The others as they should be, so that it gets past their checks."""
    right = PAGES[name].data(world)
    for wrong in right:
        for value in VALUES.values():
            poster.post({**right, wrong: value})


def test_the_forms_are_found() -> None:
    assert {"text", "name", "group", "role", "last_day"} <= fields()
