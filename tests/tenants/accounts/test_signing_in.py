"""Signing in, out, and the second factor, through the pages as a browser sends them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from tests.builders import PASSWORD

if TYPE_CHECKING:
    from django.core.mail import EmailMessage
    from time_machine import TimeMachineFixture

    from tests.conftest import World

LOGIN, RESET = "/accounts/login/", "/accounts/password/reset/"
CODE = "/accounts/2fa/authenticate/"
PUBLIC = [LOGIN, RESET, "/accounts/password/reset/done/", "/accounts/password/reset/key/1-x/"]
OWN = [
    "/account/",
    "/accounts/logout/",
    "/accounts/password/change/",
    "/accounts/reauthenticate/",
    "/accounts/2fa/",
]


def sign_in(client: Client, email: str = "viewer@sadler.example", password: str = PASSWORD, **more: str) -> Any:
    return client.post(LOGIN, {"login": email, "password": password, **more})


def code_of(secret: str) -> str:
    """Return a code that counts for some seconds more."""
    if (left := 30 - time.time() % 30) < 3:
        time.sleep(left)
    return str(totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30)))


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_sign_in_and_out(client: Client, world: World) -> None:
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert signed_in(client)
    assert client.get("/accounts/logout/").status_code == 200
    assert signed_in(client), "a GET signs nobody out"
    assert client.post("/accounts/logout/")["Location"] == LOGIN
    assert not signed_in(client)


def test_who_is_signed_in_needs_no_door(client: Client, world: World) -> None:
    sign_in(client)
    answer = client.get(LOGIN)
    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize("email", ["viewer@sadler.example", "nobody@nowhere.example"])
def test_a_wrong_password_says_the_same_as_an_unknown_address(client: Client, world: World, email: str) -> None:
    body = sign_in(client, email, "wrong horse battery").content.decode()
    assert 'role="alert"' in body
    assert "E-mail or password is wrong" in body
    assert not signed_in(client)


def test_missing_fields_are_named_beside_themselves(client: Client, world: World) -> None:
    body = client.post(LOGIN, {}).content.decode()
    assert 'id="id_login_error"' in body
    assert 'id="id_password_error"' in body


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"])
def test_next_leads_to_this_site_only(client: Client, world: World, to: str) -> None:
    assert sign_in(client, next=to)["Location"] == "/"


def test_next_leads_back(client: Client, world: World) -> None:
    wanted = client.get("/account/")["Location"]
    assert wanted == f"{LOGIN}?next=/account/"
    assert 'name="next" value="/account/"' in client.get(wanted).content.decode()
    assert sign_in(client, next="/account/")["Location"] == "/account/"


def test_sign_in_is_limited(client: Client, world: World) -> None:
    for _ in range(5):
        sign_in(client, password="wrong horse battery")
    body = sign_in(client).content.decode()
    assert "Too many wrong passwords" in body
    assert not signed_in(client)
    assert sign_in(client, "admin@sadler.example").status_code == 302, "others still may"


def test_what_is_limited_says_why_and_not_that_files_are_uploaded(client: Client, world: World) -> None:
    for _ in range(5):
        assert client.post(RESET, {"email": "viewer@sadler.example"}).status_code == 302
    answer = client.post(RESET, {"email": "viewer@sadler.example"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert "Too many tries" in answer.content.decode()
    assert "upload" not in answer.content.decode()


def test_a_disabled_user_is_out_at_once(client: Client, world: World) -> None:
    sign_in(client)
    world.viewer.is_active = False
    world.viewer.save(update_fields=["is_active"])
    assert client.get("/account/")["Location"].startswith(LOGIN)
    assert client.get("/")["Location"].startswith(LOGIN)
    again = sign_in(client)
    assert again.status_code == 302
    assert again["Location"] != "/"
    assert client.get(again["Location"]).status_code == 200, "the page that says so exists"
    assert not signed_in(client)


@pytest.mark.parametrize("url", OWN)
def test_own_pages(client: Client, world: World, url: str) -> None:
    assert client.get(url)["Location"].startswith((LOGIN, "/"))
    sign_in(client)
    assert client.get(url).status_code == 200


@pytest.mark.parametrize("url", PUBLIC)
def test_pages_before_signing_in(client: Client, world: World, url: str) -> None:
    assert client.get(url).status_code == 200


def test_no_page_links_to_what_is_not_there(client: Client, world: World) -> None:
    seen: set[str] = set()
    for urls in (PUBLIC, OWN):
        for url in urls:
            seen.update(re.findall(r'(?:href|action)="(/[^"#?]*)', client.get(url).content.decode()))
        sign_in(client)
    dead = [url for url in seen if not url.startswith("/static/") and client.get(url).status_code == 404]
    assert dead == []
    assert len(seen) > 8


def test_change_password(client: Client, world: World) -> None:
    sign_in(client)
    new = {"oldpassword": PASSWORD, "password1": "another horse entirely", "password2": "another horse entirely"}
    refused = client.post("/accounts/password/change/", {**new, "oldpassword": "wrong"}).content.decode()
    assert 'id="id_oldpassword_error"' in refused
    assert client.post("/accounts/password/change/", new).status_code == 302
    client.logout()
    assert sign_in(client).status_code == 200
    assert sign_in(client, password="another horse entirely").status_code == 302


def test_reset_password(client: Client, world: World, mailoutbox: list[EmailMessage]) -> None:
    asked = client.post("/accounts/password/reset/", {"email": "viewer@sadler.example"})
    assert asked["Location"] == "/accounts/password/reset/done/"
    [mail] = mailoutbox
    [link] = re.findall(r"http://testserver(/accounts/password/reset/key/\S+)", str(mail.body))
    form = client.get(link)["Location"]
    assert client.get(form).status_code == 200
    short = client.post(form, {"password1": "x", "password2": "x"}).content.decode()
    assert 'id="id_password1_error"' in short
    done = client.post(form, {"password1": "another horse entirely", "password2": "another horse entirely"})
    assert client.get(done["Location"]).status_code == 200
    assert sign_in(client, password="another horse entirely").status_code == 302
    assert "no longer works" in Client().get(link).content.decode()


def test_reset_tells_nobody_who_has_an_account(client: Client, world: World, mailoutbox: list[EmailMessage]) -> None:
    asked = client.post("/accounts/password/reset/", {"email": "nobody@nowhere.example"})
    assert asked["Location"] == "/accounts/password/reset/done/"
    assert mailoutbox == []


def activate(client: Client, password: str = PASSWORD) -> str:
    """Set up the second factor as a person would; the secret."""
    page = client.get("/accounts/2fa/totp/activate/")
    assert "reauthenticate" in page["Location"]
    assert client.post(page["Location"], {"password": password})["Location"] == "/accounts/2fa/totp/activate/"
    body = client.get("/accounts/2fa/totp/activate/").content.decode()
    assert 'src="data:image/svg+xml;base64,' in body
    assert 'inputmode="numeric"' in body
    assert 'autocomplete="one-time-code"' in body
    [secret] = re.findall(r'class="serial secret">([A-Z2-7]+)<', body)
    wrong = client.post("/accounts/2fa/totp/activate/", {"code": "000000"}).content.decode()
    assert 'id="id_code_error"' in wrong
    answer = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert answer["Location"] == "/accounts/2fa/recovery-codes/"
    return str(secret)


def test_two_factors(client: Client, world: World, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(time.time())
    sign_in(client)
    secret = activate(client)
    time_machine.shift(60)  # the code that turned it on is spent
    codes = re.findall(
        r'<code class="serial">(\w+)</code>', client.get("/accounts/2fa/recovery-codes/").content.decode()
    )
    assert len(codes) == 10
    assert client.get("/accounts/2fa/recovery-codes/download/").content.decode().split() == codes
    assert client.get("/accounts/2fa/").status_code == 200
    client.logout()

    assert sign_in(client)["Location"] == "/accounts/2fa/authenticate/"
    assert not signed_in(client), "the password alone is not enough"
    asked = client.get("/accounts/2fa/authenticate/").content.decode()
    assert 'autocomplete="one-time-code"' in asked
    assert 'id="id_code_error"' in client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    assert client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)}).status_code == 302
    assert signed_in(client)
    client.logout()

    sign_in(client)
    assert client.post("/accounts/2fa/authenticate/", {"code": codes[0]})["Location"] == "/"
    client.logout()
    sign_in(client)
    again = client.post("/accounts/2fa/authenticate/", {"code": codes[0]})
    assert 'id="id_code_error"' in again.content.decode(), "a recovery code works once"


def test_wrong_codes_are_limited_by_person(world: World, time_machine: TimeMachineFixture) -> None:
    """Whoever knows the password does not guess on from elsewhere; whoever is signed in stays so, and others may."""
    time_machine.move_to(time.time())
    mine = Client()
    sign_in(mine)
    secret = activate(mine)
    codes = mine.get("/accounts/2fa/recovery-codes/download/").content.decode().split()
    time_machine.shift(60)

    def refused(number: int, code: str) -> str:
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        assert sign_in(client)["Location"] == CODE
        answer = client.post(CODE, {"code": code})
        assert not signed_in(client)
        return str(answer.content.decode())

    for number in range(5):
        assert "This code does not fit" in refused(number, "000000")
    for code in (code_of(secret), codes[0]):
        assert "Too many wrong codes" in refused(6, code)
    assert signed_in(mine)
    assert sign_in(Client(), "admin@sadler.example")["Location"] == "/"
    time_machine.shift(301)
    client = Client()
    sign_in(client)
    assert client.post(CODE, {"code": code_of(secret)})["Location"] == "/"


def test_turn_two_factors_off(client: Client, world: World) -> None:
    sign_in(client)
    activate(client)
    assert client.get("/accounts/2fa/totp/deactivate/").status_code == 200
    assert client.get("/accounts/2fa/recovery-codes/generate/").status_code == 200
    assert client.get("/accounts/2fa/reauthenticate/").status_code == 200
    assert client.post("/accounts/2fa/totp/deactivate/")["Location"] == "/accounts/2fa/"
    assert not Authenticator.objects.filter(user=world.viewer).exists()
    client.logout()
    assert sign_in(client)["Location"] == "/"


@pytest.mark.parametrize(
    "url",
    [
        LOGIN,
        "/accounts/logout/",
        "/accounts/password/change/",
        "/accounts/password/reset/",
        "/accounts/password/reset/key/1-x/",
        "/accounts/reauthenticate/",
        "/accounts/2fa/authenticate/",
        "/accounts/2fa/reauthenticate/",
        "/accounts/2fa/totp/activate/",
        "/accounts/2fa/totp/deactivate/",
        "/accounts/2fa/recovery-codes/generate/",
    ],
)
def test_no_form_is_taken_without_its_token(world: World, url: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.viewer)
    answer = client.post(url, {"login": "viewer@sadler.example", "password": PASSWORD})
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
