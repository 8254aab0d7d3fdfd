"""The site's own answers: each error in words, for people a page and for programs a problem, with what to do."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.test import RequestFactory

from config import views

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.test import Client

PAGE, API = "/devices/", "/api/v1/devices/"


def ask(path: str, method: str = "get") -> HttpRequest:
    request: HttpRequest = getattr(RequestFactory(), method)(path)
    return request


def raised(error: Exception, answer: Callable[[], Any]) -> Any:
    """Return what is answered while the error is at hand, as Django does it."""

    def fail() -> None:
        raise error

    try:
        fail()
    except Exception:
        return answer()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/nothing/", "not-found"),
        ("/api/v1/nothing", "not-found"),
        ("/api/v1/devices", "no-slash"),
        ("/api/v1/devices/AB12", "no-slash"),
        ("/api/", "not-found"),
    ],
)
def test_a_program_is_told_that_it_forgot_the_slash(path: str, code: str) -> None:
    answer = views.not_found(ask(path))
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert (json.loads(answer.content)["code"], answer["Cache-Control"]) == (code, "no-store")


def test_a_page_that_is_missing_is_the_same_bytes_for_all() -> None:
    one, other = views.not_found(ask("/nothing/")), views.not_found(ask("/devices/somebodys/"))
    assert (one.content, one.headers) == (other.content, other.headers)
    assert (one.status_code, one["Vary"], one["Cache-Control"]) == (404, "Cookie", "no-store")


@pytest.mark.parametrize("error", [OperationalError("no\npool"), InterfaceError("closed")])
@pytest.mark.parametrize("path", [PAGE, API])
def test_a_database_that_is_away_is_told_with_when_to_come_again(
    path: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = raised(error, lambda: views.server_error(ask(path)))
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "5", "no-store")
    assert f"503 before any view: {' '.join(str(error).split())}" in caplog.text
    assert path not in caplog.text  # it may be a link that opens something
    if path == API:
        assert json.loads(answer.content)["code"] == "unavailable"


@pytest.mark.parametrize(("method", "comes_again"), [("get", True), ("head", True), ("post", False), ("put", False)])
def test_a_page_asks_again_by_itself_only_where_nothing_was_sent(method: str, *, comes_again: bool) -> None:
    answer = raised(OperationalError("x"), lambda: views.server_error(ask(PAGE, method)))
    assert (b'http-equiv="refresh"' in answer.content) is comes_again


def test_a_fault_of_ours_is_told_without_what_it_was() -> None:
    program = raised(KeyError("secret"), lambda: views.server_error(ask(API)))
    assert (program.status_code, json.loads(program.content)["code"]) == (500, "server-error")
    page = raised(KeyError("secret"), lambda: views.server_error(ask(PAGE)))
    assert page.status_code == 500
    assert b"secret" not in program.content + page.content


@pytest.mark.parametrize(
    ("error", "status", "code"), [(RequestDataTooBig(), 413, "too-large"), (BadRequest("secret"), 400, "invalid")]
)
def test_a_request_that_is_none_is_told(error: Exception, status: int, code: str) -> None:
    program = views.bad_request(ask(API), error)
    assert (program.status_code, json.loads(program.content)["code"]) == (status, code)  # type: ignore[attr-defined]
    page: Any = views.bad_request(ask(PAGE), error)
    assert page.status_code == 400
    assert b"secret" not in page.content


def test_who_comes_too_often_is_told_for_how_long() -> None:
    answer = views.too_many_requests(ask("/accounts/login/"))
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (429, "60", "no-store")


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "?kind=locked&after=x%20y"])
def test_the_former_log_leads_to_the_journal_with_its_query(client: Client, query: str) -> None:
    answer = views.redirect_to_journal(RequestFactory().get(f"/log/{query}"), "devices:list")
    assert (answer.status_code, answer["Location"]) == (302, f"/{query}")


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
@pytest.mark.parametrize("view", [views.offline, views.favicon, views.authority, views.manifest, views.service_worker])
def test_what_is_the_same_for_all_is_only_read(view: Callable[[HttpRequest], Any], method: str) -> None:
    assert view(ask("/", method)).status_code == 405
