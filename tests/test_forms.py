"""Every page posted with missing, oversized and wrong-typed fields: never a server error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.forms import BaseForm
from django.urls import get_resolver, reverse

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


def fields() -> set[str]:
    """The names of every form's fields: a page ignores those that it does not have."""
    assert get_resolver().url_patterns  # imports them all
    named = {name for kind in kinds(BaseForm) for name in getattr(kind, "base_fields", {})}
    shown = {"shown", "own-shown", "identity-shown", "rename-shown"}  # beside the fields: see lib.stored_form
    return named | shown | {"login", "password", "code"}  # allauth adds them later


def post(client: Client, name: str, world: World, data: dict[str, object]) -> None:
    client.force_login(world.owner)
    before = transaction.savepoint()
    answer = client.post(reverse(name, kwargs=PAGES[name].kwargs(world)), data)
    transaction.savepoint_rollback(before)
    assert answer.status_code < 500, (name, data)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_value_breaks_a_form(name: str, client: Client, world: World) -> None:
    for value in VALUES.values():
        post(client, name, world, dict.fromkeys(fields() | set(PAGES[name].data(world)), value))


@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_at_all_and_files_break_no_form(name: str, client: Client, world: World) -> None:
    post(client, name, world, {})
    files = {each: SimpleUploadedFile("\u202e.csv", b"\xff\xfe\x00") for each in sorted(fields())}
    post(client, name, world, dict(files))


@pytest.mark.parametrize("name", sorted(name for name, row in PAGES.items() if row.method == "post"))
def test_each_field_may_be_the_wrong_one(name: str, client: Client, world: World) -> None:
    """The others as they should be, so that it gets past their checks."""
    right = PAGES[name].data(world)
    for wrong in right:
        for value in VALUES.values():
            post(client, name, world, {**right, wrong: value})


def test_the_forms_are_found() -> None:
    assert {"text", "name", "group", "role", "last_day"} <= fields()
