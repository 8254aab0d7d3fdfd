"""What happens to an account is recorded with who, when and where from, shown to those whom it concerns, and mailed."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenants.accounts import events, mails
from tenants.models import AccountEvent, Role
from tenants.tasks import clear_expired, send_account_mails
from tenants.tokens import operations as tokens
from tests.builders import PASSWORD
from tests.tenants.accounts.test_signing_in import activate, sign_in

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tenants.models import User
    from tests.conftest import World

Kind = AccountEvent.Kind
NEW = "another horse entirely"
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
DESK = "Mozilla/5.0 (Windows NT 10.0; rv:143.0) Gecko/20100101 Firefox/143.0"
OWN, LOG = "/account/sessions/", "/log/accounts/"


def kinds(user: User | None) -> list[str]:
    return [str(kind) for kind in AccountEvent.objects.filter(user=user).order_by("pk").values_list("kind", flat=True)]


def browser(agent: str = PHONE, address: str = "192.0.2.7") -> Client:
    return Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)


def test_a_persons_day(world: World) -> None:
    client = browser()
    sign_in(client, password="wrong horse battery")
    sign_in(client)
    activate(client)
    client.post("/accounts/2fa/recovery-codes/generate/")
    client.post("/accounts/2fa/totp/deactivate/")
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    client.post("/accounts/logout/")
    assert kinds(world.viewer) == [
        Kind.REFUSED,
        Kind.SIGNED_IN,
        Kind.TWO_FACTOR_ON,
        Kind.CODES_MADE,
        Kind.TWO_FACTOR_OFF,
        Kind.PASSWORD_CHANGED,
        Kind.SIGNED_OUT,
    ]
    event = AccountEvent.objects.get(kind=Kind.SIGNED_IN)
    assert (event.address, event.device, event.organisation) == ("192.0.2.7", "Chrome on Android", world.kanarra)


def test_a_wrong_code_is_recorded(world: World) -> None:
    client = browser()
    sign_in(client)
    activate(client)
    client.logout()
    sign_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert kinds(world.viewer)[-1] == Kind.CODE_REFUSED
    assert kinds(world.viewer).count(Kind.SIGNED_IN) == 1, "the password alone signs nobody in"


def test_reset_disabled_and_everywhere(world: World, mailoutbox: list[EmailMessage]) -> None:
    client = browser()
    client.post("/accounts/password/reset/", {"email": world.viewer.email})
    link = str(mailoutbox[-1].body).split("http://testserver")[1].split()[0]
    client.post(client.get(link)["Location"], {"password1": NEW, "password2": NEW})
    sign_in(client, password=NEW)
    client.post("/account/sign-out/")
    type(world.viewer).objects.filter(pk=world.viewer.pk).update(is_active=False)
    sign_in(client, password=NEW)
    assert kinds(world.viewer) == [Kind.PASSWORD_RESET, Kind.SIGNED_IN, Kind.SIGNED_OUT_EVERYWHERE, Kind.DISABLED]


def test_an_address_without_an_account_costs_the_same(world: World) -> None:
    def asked(email: str) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            sign_in(browser(), email, "wrong horse battery")
        return [query["sql"].split()[0] for query in queries]

    assert asked("nobody@nowhere.example") == asked("viewer@sadler.example")
    assert kinds(None) == [Kind.REFUSED]


def test_tokens_made_and_revoked(world: World) -> None:
    made = tokens.create(by=world.technician, name="Nightly export", group=world.sadler, role=Role.VIEWER)
    client = Client()
    client.force_login(world.admin)
    client.post(reverse("tenants:token-revoke", kwargs={"pk": made.token.pk}))
    assert kinds(world.technician) == [Kind.TOKEN_MADE, Kind.TOKENS_REVOKED]
    event = AccountEvent.objects.first()
    assert event
    assert (event.detail, event.unsent) == ("Nightly export; by admin@sadler.example", True)


def test_who_sees_it(world: World) -> None:
    sign_in(browser(address="192.0.2.77"))
    sign_in(browser(address="192.0.2.78"), "admin@other.example")
    for name, own, all_of_it in [("viewer", True, False), ("admin", False, False), ("owner", False, True)]:
        client = Client()
        client.force_login(getattr(world, name))
        assert ("192.0.2.77" in client.get(OWN).content.decode()) == own
        log = client.get(LOG)
        assert log.status_code == (200 if name == "owner" else 404)
        assert ("192.0.2.77" in log.content.decode()) == all_of_it
        assert "192.0.2.78" not in log.content.decode()
    assert "192.0.2.77" not in client.get(LOG, {"who": "technician"}).content.decode()
    assert "192.0.2.77" in client.get(LOG, {"who": "viewer@"}).content.decode()


def test_what_happened_elsewhere_stays_there(world: World) -> None:
    sign_in(browser(address="192.0.2.77"))
    type(world.viewer).objects.filter(pk=world.viewer.pk).update(organisation=world.other)
    client = Client()
    client.force_login(world.stranger)
    assert "192.0.2.77" not in client.get(LOG).content.decode()


def test_pages_go_on_before(world: World) -> None:
    for _ in range(51):
        AccountEvent.objects.create(user=world.viewer, organisation=world.kanarra, kind=Kind.SIGNED_OUT)
    client = Client()
    client.force_login(world.viewer)
    first = client.get(OWN)
    second = client.get(OWN, {"after": first.context["page"].next})
    assert [len(page.context["page"].rows) for page in (first, second)] == [50, 1]
    assert client.get(OWN, {"before": "x\0"}).status_code == 400


def mailed(mails_sent: list[EmailMessage]) -> list[tuple[str, str]]:
    return [(mail.to[0], str(mail.subject)) for mail in mails_sent]


def test_mails_go_to_the_person(world: World, mailoutbox: list[EmailMessage], settings: Settings) -> None:
    settings.SITE_URLS = ["https://site.example"]
    client = browser()
    sign_in(client)
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    send_account_mails()
    send_account_mails()
    assert mailed(mailoutbox) == [("viewer@sadler.example", "Your password was changed")]
    body = str(mailoutbox[0].body)
    for part in ("192.0.2.7", "Chrome on Android", "https://site.example/accounts/password/reset/"):
        assert part in body


def test_a_new_device_is_mailed(world: World, mailoutbox: list[EmailMessage]) -> None:
    sign_in(browser())
    sign_in(browser(address="192.0.99.1"))  # the same network
    desk = browser(DESK)
    sign_in(desk)
    desk.post("/accounts/logout/")
    sign_in(browser(DESK))
    desk.defaults["REMOTE_ADDR"] = "203.0.113.8"  # it is known by its cookie wherever it goes
    sign_in(desk)
    sign_in(browser(address="198.51.100.9"))
    send_account_mails()
    assert mailed(mailoutbox) == [("viewer@sadler.example", "Your account was signed in to from a new browser")] * 2


def test_a_mail_server_that_is_away_is_asked_again(world: World, mailoutbox: list[EmailMessage]) -> None:
    events.record(Kind.PASSWORD_CHANGED, user=world.viewer, mail=True)
    with patch("django.core.mail.EmailMessage.send", side_effect=SMTPException):
        assert mails.send_due() == 0
    assert mails.send_due() == 1
    events.record(Kind.PASSWORD_CHANGED, user=world.viewer, mail=True)
    AccountEvent.objects.update(at=Now() - timedelta(days=2))
    with patch("django.core.mail.EmailMessage.send", side_effect=OSError):
        mails.send_due()
    assert not AccountEvent.objects.filter(unsent=True).exists()


@pytest.mark.parametrize(("code", "waits"), [(550, False), (450, True)])
@pytest.mark.parametrize("by_data", [False, True])
def test_nobody_waits_behind_an_address_that_is_refused(
    world: World, mailoutbox: list[EmailMessage], code: int, waits: bool, by_data: bool
) -> None:
    for user in (world.viewer, world.technician):
        events.record(Kind.PASSWORD_CHANGED, user=user, mail=True)
    send = EmailMessage.send

    def sending(message: EmailMessage) -> int:
        if message.to == [world.technician.email]:
            return send(message)
        raise SMTPDataError(code, b"no") if by_data else SMTPRecipientsRefused({world.viewer.email: (code, b"no")})

    with patch.object(EmailMessage, "send", sending):
        assert mails.send_due() == 1
    assert [mail.to for mail in mailoutbox] == [[world.technician.email]]
    assert [event.user for event in AccountEvent.objects.filter(unsent=True)] == [world.viewer] * waits


def test_without_a_mail_server_nothing_waits(world: World, settings: Settings) -> None:
    settings.EMAIL_BACKEND = mails.CONSOLE
    assert not events.record(Kind.PASSWORD_CHANGED, user=world.viewer, mail=True).unsent


def test_it_is_kept_for_a_time(world: World, settings: Settings) -> None:
    event = events.record(Kind.SIGNED_OUT, user=world.viewer)
    clear_expired()
    assert AccountEvent.objects.filter(pk=event.pk).exists()
    AccountEvent.objects.update(at=Now() - timedelta(days=settings.ACCOUNT_EVENT_DAYS + 1))
    clear_expired()
    assert not AccountEvent.objects.exists()
    for user in (None, world.viewer):
        events.record(Kind.REFUSED, user=user)
    AccountEvent.objects.update(at=Now() - timedelta(days=2))
    clear_expired()
    assert AccountEvent.objects.get().user == world.viewer  # nobody reads of addresses without an account
    with pytest.raises(ValueError, match="not changed"):
        event.save()


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (PHONE, "Chrome on Android"),
        (DESK, "Firefox on Windows"),
        ("x\n" * 80, "x" * 40),
        ("", ""),
    ],
)
def test_a_device_in_words(agent: str, name: str) -> None:
    assert events.device_name(agent) == name


def test_the_address_is_the_proxys_word_only_behind_one(world: World, settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    given: dict[str, Any] = {"headers": {"X-Forwarded-For": "203.0.113.5"}, "REMOTE_ADDR": "192.0.2.9"}
    Client().post("/accounts/login/", {"login": "viewer@sadler.example", "password": PASSWORD}, **given)
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    Client().post("/accounts/login/", {"login": "viewer@sadler.example", "password": PASSWORD}, **given)
    assert set(AccountEvent.objects.values_list("address", flat=True)) == {"192.0.2.9", "203.0.113.5"}
