"""A new SECRET_KEY, step by step as docs/operations.md says: what goes on, what is sealed anew, and what ends."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client

from config import resealing
from devices.credentials.deliveries import prepare_delivery, unseal_key
from devices.models import PresenceSecret
from lib import key_wrapping
from tenants.accounts import sealing

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db

FORMER, NEW = "former-" + "a1b2c3d4e5f6g7h8" * 4, "new-" + "z9y8x7w6v5u4t3s2" * 4


@pytest.fixture(autouse=True)
def _former_key(settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = FORMER, []


def rotate(settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [FORMER]


def end(settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = []


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_who_came_by_while_the_former_key_was_a_fallback_stays_signed_in(settings: Settings, world: World) -> None:
    used, unused = Client(), Client()
    for client in (used, unused):
        client.force_login(world.viewer)
    rotate(settings)
    assert is_signed_in(used)
    end(settings)
    assert is_signed_in(used)
    assert not is_signed_in(unused)


def test_without_a_fallback_everybody_signs_in_anew(settings: Settings, world: World, client: Client) -> None:
    client.force_login(world.viewer)
    assert is_signed_in(client)
    settings.SECRET_KEY = NEW
    assert not is_signed_in(client)


def seal_one_of_each(world: World) -> tuple[PresenceSecret, Authenticator]:
    secret = PresenceSecret.objects.create(
        device=world.placed, method="rotating-code", sealed=key_wrapping.seal(b"of the device")
    )
    data = {"secret": sealing.seal("of the person")}
    return secret, Authenticator.objects.create(user=world.viewer, type="totp", data=data)


def reseal() -> str:
    said = io.StringIO()
    call_command("reseal", stdout=said)
    return said.getvalue()


def test_what_was_sealed_is_sealed_anew_and_needs_the_former_no_more(settings: Settings, world: World) -> None:
    delivery = prepare_delivery(organisation=world.kanarra, by=world.owner)
    key = unseal_key(delivery)
    secret, factor = seal_one_of_each(world)
    rotate(settings)
    said = reseal()
    assert "keys of files that wait: 1 sealed anew, 0 were, 0 can't be opened" in said
    assert "second factors: 1 sealed anew" in said
    end(settings)
    for row in (delivery, secret, factor):
        row.refresh_from_db()
    assert unseal_key(delivery) == key
    assert key_wrapping.unseal(secret.sealed or b"") == b"of the device"
    assert sealing.unseal(factor.data["secret"]) == "of the person"


def test_what_was_stopped_half_way_goes_on(settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_one_of_each(world)
    rotate(settings)

    def stop(_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(resealing, "_reseal_second_factor", stop)
        with pytest.raises(KeyboardInterrupt):
            reseal()
    said = reseal()
    assert "secrets of codes and challenges: 0 sealed anew, 1 were" in said
    assert "second factors: 1 sealed anew, 0 were" in said
    assert "second factors: 0 sealed anew, 1 were" in reseal()


def test_what_no_key_opens_is_left_as_it_is_and_told(settings: Settings, world: World) -> None:
    secret, _ = seal_one_of_each(world)
    settings.SECRET_KEY = NEW
    with pytest.raises(CommandError, match="2 can't be opened: put the key of their time into SECRET_KEY_FALLBACKS"):
        reseal()
    settings.SECRET_KEY_FALLBACKS = [FORMER]
    secret.refresh_from_db()
    assert key_wrapping.unseal(secret.sealed or b"") == b"of the device"


def test_claim_codes_that_are_not_spent_are_told(settings: Settings, world: World) -> None:
    digest = key_wrapping.list_digests("ABCD")[0]
    PresenceSecret.objects.create(device=world.placed, method="claim-code", digest=digest)
    rotate(settings)
    assert "1 claim codes are not spent" in reseal()
    assert digest in key_wrapping.list_digests("ABCD")
