"""What strangers can do to an account that is not theirs: not lock it, not learn of it, not bend its links."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from lib import background, log
from tenants.accounts import known_devices
from tests.builders import PASSWORD

if TYPE_CHECKING:
    from django.core.mail import EmailMessage
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db
EMAIL = "viewer@sadler.example"


@pytest.fixture(autouse=True)
def _nobody_counted_yet() -> None:
    cache.clear()


def sign_in(client: Client, password: str = PASSWORD, address: str = "198.51.100.7", email: str = EMAIL) -> bool:
    sent = {"login": email, "password": password}
    answer = client.post("/accounts/login/", sent, REMOTE_ADDR=address, HTTP_HOST="testserver")
    return bool(answer.status_code == 302)


def locked_by_strangers(network: str = "203.0.113") -> None:
    """Five wrong passwords of one network, and then none is even looked at."""
    for number in range(6):
        assert not sign_in(Client(), "wrong", f"{network}.{number}")
    assert not sign_in(Client(), PASSWORD, f"{network}.99")


def test_strangers_lock_their_network_and_nobody_else(world: World) -> None:
    locked_by_strangers()
    assert sign_in(Client())
    assert not sign_in(Client(), PASSWORD, "203.0.113.7")


def test_a_browser_that_signed_in_before_is_not_locked_even_from_there(world: World) -> None:
    mine = Client()
    assert sign_in(mine, address="203.0.113.50")
    mine.get("/accounts/logout/")
    mine.post("/accounts/logout/")
    locked_by_strangers()
    for _ in range(12):
        sign_in(Client(), "wrong", "203.0.113.50", email="other@x.example")  # of the same address, whatever account
    assert sign_in(mine, address="203.0.113.50")


def test_many_networks_together_are_counted_by_account(world: World, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "login_failed_account": "8/h/key"}
    mine = Client()
    assert sign_in(mine)
    mine.post("/accounts/logout/")
    for number in range(8):
        assert not sign_in(Client(), "wrong", f"10.{number}.0.1")
    assert not sign_in(Client(), PASSWORD, "10.99.0.1")
    assert sign_in(mine, address="10.99.0.1")


def test_the_cookie_lets_nobody_guess_on_or_in(world: World) -> None:
    thief = Client()
    assert sign_in(thief)
    held = thief.cookies[known_devices.cookie_name()]
    assert (held["httponly"], held["samesite"], EMAIL in held.value) == (True, "Lax", False)
    thief.post("/accounts/logout/")
    for _ in range(6):
        assert not sign_in(thief, "wrong")
    assert not sign_in(thief)
    forged = Client()
    forged.cookies[known_devices.cookie_name()] = held.value[:-2] + "xx"
    locked_by_strangers()
    assert not sign_in(forged, address="203.0.113.9")
    other = "technician@sadler.example"
    for number in range(6):
        assert not sign_in(Client(), "wrong", f"203.0.113.{number}", other)
    assert not sign_in(thief, address="203.0.113.9", email=other)  # known for one account alone


def test_asking_for_a_reset_is_the_same_work_with_and_without_an_account(
    world: World, mailoutbox: list[EmailMessage], django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Any] = []
    monkeypatch.setattr(background, "run", handed.append)
    answers = []
    for email in (EMAIL, "nobody@nowhere.example"):
        with django_assert_num_queries(1):
            answers.append(Client().post("/accounts/password/reset/", {"email": email}))
    assert [(each.status_code, each["Location"]) for each in answers] == [(302, "/accounts/password/reset/done/")] * 2
    written = [[template.name for template in each.templates] for each in answers]
    assert written[0] == written[1] != []
    assert (len(handed), mailoutbox) == (1, [])  # the mail server is asked after the answer
    handed[0]()
    assert [mail.to for mail in mailoutbox] == [[EMAIL]]


@pytest.mark.parametrize("named", [["https://devices.example/", "https://old.example"], []])
def test_links_name_the_site_and_not_what_was_asked_for(
    client: Client, world: World, mailoutbox: list[EmailMessage], settings: Settings, named: list[str]
) -> None:
    settings.SITE_URLS, settings.ALLOWED_HOSTS = named, ["*"]
    client.post("/accounts/password/reset/", {"email": EMAIL}, HTTP_HOST="evil.example:8443")
    client.force_login(world.admin)
    client.post(
        reverse("tenants:invite-send", kwargs={"pk": world.anaheim.pk}),
        {"email": "new@sadler.example", "role": "10"},
        HTTP_HOST="evil.example:8443",
    )
    site = "https://devices.example" if named else "http://evil.example:8443"
    assert len(mailoutbox) == 2
    for mail, path in zip(mailoutbox, ("/accounts/password/reset/key/", "/invitations/"), strict=True):
        assert f"{site}{path}" in str(mail.body)
        assert ("evil" in str(mail.body)) == (not named)


LINKS = ["/accounts/password/reset/key/3-abcdef-0123456789/", "/invitations/tokentokentoken/"]


@pytest.mark.parametrize("path", LINKS)
def test_no_log_line_holds_a_link(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(log.Masking("%(message)s"))
    logger = logging.getLogger("test.links")
    logger.addHandler(handler)
    fault = OperationalError(f"asked at {path}?x=1")
    logger.error("Internal Server Error: %s", path, exc_info=fault)
    logger.removeHandler(handler)
    said = capsys.readouterr().err
    secret = path.rstrip("/").rpartition("/")[2]
    assert secret not in said
    assert said.count(path.replace(secret, "…").rstrip("/")) >= 2


def test_the_site_logs_by_it(client: Client, settings: Settings) -> None:
    formatters, handlers = settings.LOGGING["formatters"], settings.LOGGING["handlers"]
    assert {formatters[each["formatter"]]["()"] for each in handlers.values()} == {"lib.log.Masking"}
    line = log.Masking(formatters["line"]["format"], formatters["line"]["datefmt"])
    record = logging.makeLogRecord(
        {"name": "site", "levelname": "WARNING", "msg": "said", "created": 0.5, "msecs": 500}
    )
    assert line.format(record) == "1970-01-01T00:00:00.500Z WARNING site: said"
    assert set(settings.LOGGING["loggers"]) == {"uvicorn", "uvicorn.access"}
    assert settings.LOGGING["loggers"]["uvicorn.access"]["handlers"] == []
    assert not logging.getLogger("uvicorn.access").propagate  # whatever the server was told


def test_what_follows_the_answer_is_bounded_and_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    go, done = threading.Event(), []
    monkeypatch.setattr(background, "_room", threading.BoundedSemaphore(3))

    def wait() -> None:
        go.wait(10)
        done.append(1)
        raise OSError

    for _ in range(5):
        background.run(wait)
    go.set()
    until = time.monotonic() + 10
    while len(done) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(done) == 3
