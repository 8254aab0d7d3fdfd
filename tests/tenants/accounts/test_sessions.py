"""Where somebody is signed in, ending it, and when it ends by itself."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from tenants.models import AccountEvent, User
from tenants.tasks import clear_expired
from tests.builders import PASSWORD
from tests.tenants.accounts.test_events import DESK, PHONE, browser
from tests.tenants.accounts.test_signing_in import sign_in, signed_in

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings
    from time_machine import TimeMachineFixture

    from tests.conftest import World

PAGE = "/account/sessions/"


def confirm(client: Client) -> None:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})


@pytest.fixture(autouse=True)
def _each_minute(settings: Settings) -> None:
    settings.SESSION_KEPT_SECONDS = 60


@pytest.fixture
def both(world: World) -> tuple[Client, Client]:
    phone, desk = browser(), browser(DESK, "198.51.100.9")
    sign_in(phone)
    sign_in(desk)
    return phone, desk


def test_both_are_listed(both: tuple[Client, Client]) -> None:
    rows = both[0].get(PAGE).context["sessions"]
    assert [(row.device, row.address, row.current) for row in rows] == [
        ("Chrome on Android", "192.0.2.7", True),
        ("Firefox on Windows", "198.51.100.9", False),
    ]


def test_one_is_ended(both: tuple[Client, Client]) -> None:
    phone, desk = both
    other = phone.get(PAGE).context["sessions"][1]
    asked = phone.post(reverse("tenants:session-end"), {"session": other.pk})
    assert asked["Location"].startswith("/accounts/reauthenticate/"), "who found the phone can't"
    assert signed_in(desk)
    confirm(phone)
    assert phone.post(reverse("tenants:session-end"), {"session": other.pk})["Location"] == PAGE
    assert not signed_in(desk)
    assert signed_in(phone)
    assert AccountEvent.objects.filter(kind=AccountEvent.Kind.SESSION_ENDED).count() == 1
    assert len(phone.get(PAGE).context["sessions"]) == 1


def test_all_others_are_ended(both: tuple[Client, Client]) -> None:
    phone, desk = both
    confirm(phone)
    phone.post(reverse("tenants:sessions-end-others"))
    assert (signed_in(phone), signed_in(desk)) == (True, False)
    assert "nowhere else" in phone.post(reverse("tenants:sessions-end-others"), follow=True).content.decode()


@pytest.mark.parametrize("pk", ["", "x", "0", "999999"])
def test_only_ones_own(both: tuple[Client, Client], world: World, pk: str) -> None:
    stranger = browser()
    sign_in(stranger, "admin@other.example")
    confirm(stranger)
    foreign = pk or str(UserSession.objects.filter(user=world.viewer)[0].pk)
    assert stranger.post(reverse("tenants:session-end"), {"session": foreign}).status_code == 404
    assert UserSession.objects.filter(user=world.viewer).count() == 2


def test_idle_for_too_long(world: World, time_machine: TimeMachineFixture) -> None:
    client = Client()
    time_machine.move_to(time.time())
    sign_in(client)
    for _ in range(3):
        time_machine.shift(timedelta(hours=11))
        assert signed_in(client), "it is used"
    time_machine.shift(timedelta(hours=11))
    client.get("/account/", headers={"X-Background": "1"})
    time_machine.shift(timedelta(hours=2))
    assert not signed_in(client), "nobody used it for 13 hours"


def test_in_use_for_too_long(world: World, time_machine: TimeMachineFixture) -> None:
    client = Client()
    time_machine.move_to(time.time())
    sign_in(client)
    for _ in range(16):
        time_machine.shift(timedelta(hours=10))
        assert signed_in(client)
    time_machine.shift(timedelta(hours=10))
    assert not signed_in(client), "seven days are over"


def test_a_former_versions_session_gets_its_end(world: World, time_machine: TimeMachineFixture) -> None:
    client = Client()
    time_machine.move_to(time.time())
    sign_in(client)
    time_machine.shift(61)
    session = client.session
    Session.objects.filter(pk=session.session_key).update(
        session_data=session.encode({key: value for key, value in session.items() if key != "started"}),
        expire_date=session.get_expiry_date() + timedelta(days=14),
    )
    assert signed_in(client)
    time_machine.shift(timedelta(hours=13))
    assert not signed_in(client)


def test_a_session_that_the_former_release_began_goes_on(world: World) -> None:
    client = Client()
    sign_in(client)
    session = client.session
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session.save()
    assert signed_in(client)


def test_a_wrong_password_is_tried_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def refuse(_: User, password: str) -> bool:
        tried.append(password)
        return False

    monkeypatch.setattr(User, "check_password", refuse)
    sign_in(Client(), password="wrong horse battery")
    assert tried == ["wrong horse battery"]


def test_where_one_was_is_forgotten(both: tuple[Client, Client]) -> None:
    both[1].post("/accounts/logout/")
    clear_expired()
    assert [row.user_agent for row in UserSession.objects.all()] == [PHONE]


def test_a_click_is_written_once_a_minute(world: World, time_machine: TimeMachineFixture) -> None:
    client = Client()
    time_machine.move_to(time.time())
    sign_in(client)
    client.get("/account/")
    before = UserSession.objects.get().last_seen_at
    time_machine.shift(61)
    client.get("/account/")
    assert UserSession.objects.get().last_seen_at > before
