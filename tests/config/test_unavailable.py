"""A database that is away, or a row that stays locked, is told as such: 503, in words, with a time to come back at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from tenants.models import User

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def browser(world: World) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(world.owner)
    return client


@pytest.fixture(params=[OperationalError, InterfaceError])
def _away(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the request first asks for what its user may: after the middleware has begun, in the view."""

    def fail(*_: Any) -> NoReturn:
        raise request.param("connection to secret-host refused")

    monkeypatch.setattr(User, "reach", fail)


@pytest.mark.usefixtures("_away")
def test_a_page_comes_again_by_itself(browser: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = browser.get("/labels/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert b'<meta http-equiv="refresh" content="5">' in answer.content
    assert b"secret-host" not in answer.content
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "devices:sheets" in caplog.text
    assert "/labels/" not in caplog.text  # a path may be somebody's link to a new password


@pytest.mark.usefixtures("_away")
def test_what_was_sent_is_not_sent_again_by_itself(browser: Client) -> None:
    answer = browser.post("/labels/print/", {})
    assert answer.status_code == 503
    assert b"http-equiv" not in answer.content
    assert b"may not have been saved" in answer.content


@pytest.mark.usefixtures("_away")
def test_programs_get_a_problem(browser: Client) -> None:
    answer = browser.get("/api/v1/invitations/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"].endswith("#problem-unavailable")


@pytest.mark.postgres
def test_what_takes_too_long_is_told_so_too(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def last(*_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '50ms'")
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(User, "reach", last)
    assert browser.get("/labels/").status_code == 503


def test_a_database_that_fails_in_the_middleware(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise OperationalError

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)
    assert browser.get("/account/").status_code == 503
