"""An organisation that asks for a second factor: who has none reaches nothing, is led to set it up, and goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tenants.models import AccountEvent, ApiToken, Organisation, Role
from tenants.tokens import operations as tokens
from tests.tenants.accounts.test_signing_in import activate, sign_in
from tests.tenants.organisations.test_settings import SAME

if TYPE_CHECKING:
    from tenants.models import User
    from tests.conftest import World

SET_UP = "/accounts/2fa/totp/activate/"


def have_factor(user: User) -> None:
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "JBSWY3DPEHPK3PXP"})


@pytest.fixture
def asking(world: World) -> World:
    Organisation.objects.filter(pk=world.kanarra.pk).update(require_two_factor=True)
    return world


def test_who_has_none_is_led_to_it_and_then_goes_on(client: Client, asking: World) -> None:
    sign_in(client)
    for url in ("/", f"/devices/{asking.placed.serial}/", "/tokens/"):
        assert client.get(url)["Location"] == SET_UP
    assert client.post(reverse("tenants:token-create"), {})["Location"] == SET_UP
    assert client.get("/", headers={"HX-Request": "true"})["HX-Redirect"] == SET_UP
    for url in ("/account/", "/account/sessions/", "/accounts/logout/", "/accounts/2fa/"):
        assert client.get(url).status_code == 200
    activate(client)
    assert client.get(f"/devices/{asking.placed.serial}/").status_code == 200


def test_others_are_not_asked(client: Client, asking: World) -> None:
    have_factor(asking.technician)
    for user in (asking.technician, asking.stranger):
        client.force_login(user)
        assert client.get("/").status_code == 200


def test_turning_it_off_leads_back(client: Client, asking: World) -> None:
    sign_in(client)
    activate(client)
    client.post("/accounts/2fa/totp/deactivate/")
    assert client.get("/")["Location"] == SET_UP


def test_tokens_and_the_api_reach_nothing_either(client: Client, world: World) -> None:
    secret = tokens.create(by=world.viewer, name="Script", group=world.sadler, role=Role.VIEWER).secret
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"/api/v1/devices/{world.placed.serial}/"
    client.force_login(world.viewer)
    assert (client.get(url).status_code, Client().get(url, headers=headers).status_code) == (200, 200)
    Organisation.objects.filter(pk=world.kanarra.pk).update(require_two_factor=True)
    assert (client.get(url).status_code, Client().get(url, headers=headers).status_code) == (404, 401)
    have_factor(world.viewer)
    assert (client.get(url).status_code, Client().get(url, headers=headers).status_code) == (200, 200)


def test_who_asks_for_it_has_it(client: Client, world: World) -> None:
    client.force_login(world.owner)
    asked = {**SAME, "require_two_factor": "on"}
    refused = client.post(reverse("tenants:settings-save"), asked)
    assert (refused.status_code, "for yourself first" in refused.content.decode()) == (422, True)
    over = client.patch("/api/v1/settings/", {"require_two_factor": True}, "application/json")
    assert over.status_code == 400
    have_factor(world.owner)
    assert client.post(reverse("tenants:settings-save"), asked).status_code == 302
    assert Organisation.objects.get(pk=world.kanarra.pk).require_two_factor


def test_the_operator_turns_off_what_was_lost(world: World) -> None:
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("second_factor", world.viewer.email, "--off")
    with pytest.raises(CommandError, match="no account"):
        call_command("second_factor", "nobody@nowhere.example", "--off")
    have_factor(world.viewer)
    tokens.create(by=world.viewer, name="Script", group=world.sadler, role=Role.VIEWER)
    call_command("second_factor", " Viewer@sadler.example", "--off")
    assert not Authenticator.objects.exists()
    assert not ApiToken.objects.filter(revoked_at=None).exists()
    kinds = AccountEvent.objects.values_list("kind", "unsent")
    assert list(kinds)[:2] == [("two-factor-off", True), ("tokens-revoked", True)]
