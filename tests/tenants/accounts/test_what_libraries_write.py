"""What libraries write of an account behind its back, and that it stands in nobody's way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client

from tests.tenants.accounts.test_signing_in import activate, sign_in, signed_in

if TYPE_CHECKING:
    from django.core.mail import EmailMessage

    from tests.conftest import World

RESET = "/accounts/password/reset/"
NEW = "another horse entirely"


def rows() -> dict[str, list[str]]:
    """All that the database holds of people and what belongs to them."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(("account_", "mfa_", "tenants_user", "tenants_membership", "tenants_apitoken")):
                cursor.execute(f'SELECT * FROM "{table}"')
                found[table] = sorted(map(repr, cursor.fetchall()))
    return found


def reset(client: Client, mails: list[EmailMessage], email: str) -> None:
    client.post(RESET, {"email": email})
    [link] = re.findall(r"(/accounts/password/reset/key/\S+)", str(mails[-1].body))
    form = client.get(link)["Location"]
    assert client.post(form, {"password1": NEW, "password2": NEW}).status_code == 302


def turn_off(client: Client) -> None:
    client.post("/accounts/2fa/totp/deactivate/")


def test_a_strangers_request_changes_nothing(client: Client, world: World, mailoutbox: list[EmailMessage]) -> None:
    before = rows()
    for _ in range(2):
        client.post(RESET, {"email": world.viewer.email})
    assert len(mailoutbox) == 2
    assert rows() == before
    sign_in(client)
    activate(client)
    assert Authenticator.objects.filter(user=world.viewer).exists()


def test_reset_then_two_factor_on_and_off_and_on(client: Client, world: World, mailoutbox: list[EmailMessage]) -> None:
    Client().post(RESET, {"email": world.viewer.email})
    reset(client, mailoutbox, world.viewer.email)
    sign_in(client, password=NEW)
    activate(client, NEW)
    turn_off(client)
    assert not Authenticator.objects.filter(user=world.viewer).exists()
    client.logout()
    reset(client, mailoutbox, world.viewer.email)
    sign_in(client, password=NEW)
    activate(client, NEW)
    client.logout()
    assert sign_in(client, password=NEW)["Location"] == "/accounts/2fa/authenticate/"


def test_a_reset_does_not_pass_the_second_factor(client: Client, world: World, mailoutbox: list[EmailMessage]) -> None:
    sign_in(client)
    activate(client)
    client.logout()
    reset(client, mailoutbox, world.viewer.email)
    assert not signed_in(client)
    assert sign_in(client, password=NEW)["Location"] == "/accounts/2fa/authenticate/"


def test_what_a_former_version_wrote_stands_in_nobodys_way(client: Client, world: World) -> None:
    EmailAddress.objects.create(user=world.viewer, email=world.viewer.email, verified=False)
    sign_in(client)
    activate(client)
    assert Authenticator.objects.filter(user=world.viewer).exists()


def test_a_link_ends_with_the_sessions(client: Client, world: World, mailoutbox: list[EmailMessage]) -> None:
    sign_in(client)  # before: a sign-in alone ends it too
    Client().post(RESET, {"email": world.viewer.email})
    [link] = re.findall(r"(/accounts/password/reset/key/\S+)", str(mailoutbox[-1].body))
    assert Client().get(link).status_code == 302
    client.post("/account/sign-out/")
    assert "no longer works" in client.get(link).content.decode()


def test_the_second_factors_secrets_are_sealed(client: Client, world: World) -> None:
    sign_in(client)
    secret = activate(client)
    kept = "".join(repr(data) for data in Authenticator.objects.values_list("data", flat=True))
    assert secret not in kept
