"""Secrets are handed over once and in time; claim codes are as short as they may be; tokens are in one text."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices import refusals
from devices.credentials import deliveries, presence_secrets, tokens
from devices.credentials import operations as credentials
from devices.credentials.operations import Issued
from devices.lifecycle import assignments
from devices.models import Credential, Delivery, Device, Event, PresenceSecret, RecipeVersion
from lib import key_wrapping
from tenants.models import Organisation, Presence
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World

PAST = Now() - timedelta(seconds=1)


@pytest.fixture
def delivery(world: World) -> Delivery:
    return deliveries.prepare_delivery(organisation=world.kanarra, by=world.owner)


def told(kind: str) -> list[dict[str, Any]]:
    return list(Event.objects.filter(kind=kind).order_by("pk").values_list("data", flat=True))


class TestDelivery:
    def test_lives_as_long_as_the_organisation_says(self, world: World, delivery: Delivery) -> None:
        hours = timedelta(hours=world.kanarra.result_hours)
        assert abs(delivery.expires_at - delivery.created_at - hours) < timedelta(seconds=5)
        Organisation.objects.filter(pk=world.kanarra.pk).update(result_hours=99)
        delivery.organisation.refresh_from_db()
        deliveries.extend_delivery(delivery=delivery)
        delivery.refresh_from_db()
        assert delivery.expires_at - delivery.created_at >= timedelta(hours=99)

    def test_is_taken_once_and_each_asking_is_told(self, world: World, delivery: Delivery) -> None:
        key = deliveries.unseal_key(delivery)
        assert deliveries.take_key(delivery=delivery, by=world.owner, what="list.csv") == key
        with refused(refusals.RESULT_TAKEN):
            deliveries.take_key(delivery=delivery, by=world.owner, what="list.csv")
        delivery.refresh_from_db()
        assert (delivery.sealed, delivery.taken_at is not None) == (None, True)
        assert told("result-taken") == [{"of": "list.csv"}]
        assert Event.objects.filter(kind="result-refused", by=world.owner).count() == 1
        deliveries.extend_delivery(delivery=delivery)
        assert not Delivery.objects.takeable().exists()
        with refused(refusals.JOB_KEY_GONE):
            deliveries.unseal_key(delivery)

    def test_is_over_by_the_clock_before_anybody_clears_it(self, world: World, delivery: Delivery) -> None:
        assert deliveries.clear_expired_deliveries() == 0
        Delivery.objects.update(expires_at=PAST)
        with refused(refusals.RESULT_EXPIRED):
            deliveries.take_key(delivery=delivery, by=world.owner, what="x")
        assert Delivery.objects.get().sealed is not None
        assert deliveries.clear_expired_deliveries() == 1
        assert deliveries.clear_expired_deliveries() == 0
        assert Delivery.objects.get().sealed is None

    def test_that_nobody_can_open_any_more_says_so(self, world: World, delivery: Delivery) -> None:
        Delivery.objects.update(sealed=b"not sealed by this site")
        with refused(refusals.RESULT_UNREADABLE):
            deliveries.take_key(delivery=delivery, by=world.owner, what="x")


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("ABCD-EFGH", ""),
        ("a b c d e f g h", ""),
        ("A1-" + "b2" * 62, ""),
        ("ABCDEFG", "A claim code has 8 to 128 characters, without spaces and dashes. This has 7."),
        ("AB-CD EF_G=", "This has 7."),
        ("AB12" * 32 + "X", "This has 129."),
        ("", "This has 0."),
        ("AAAABBBBCCCC", "This is too easily guessed for a claim code. Give each device one of its own."),
        ("O0O0I1L1", "This is too easily guessed"),  # two signs, as they are read
        ("ABCDÉFGH", "A claim code has letters, digits and signs of ASCII."),
        ("ABCD\tEFGH", "A claim code has letters, digits and signs of ASCII."),
        ("ABCD-EFGH" + " " * 128, "This has 8."),
    ],
)
def test_a_makers_code_is_long_enough_and_no_guess(code: str, cause: str) -> None:
    told_cause = presence_secrets.explain_code(code)
    assert told_cause.endswith(cause) or (cause and cause in told_cause)
    assert bool(told_cause) is bool(cause)


@pytest.mark.parametrize(
    ("method", "form"),
    [
        ("claim-code", r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}"),
        ("rotating-code", "[A-Z2-7]{32}"),
        ("challenge", "[0-9a-f]{64}"),
    ],
)
def test_a_new_secret_takes_the_formers_place_unspent(world: World, method: str, form: str) -> None:
    made = presence_secrets.make_presence_secret(device=world.placed, method=method, by=world.owner)
    assert re.fullmatch(form, made.secret)
    PresenceSecret.objects.update(spent_at=Now(), last_step=5, issued_at=PAST)
    again = presence_secrets.make_presence_secret(device=world.placed, method=method, by=world.owner)
    (row,) = PresenceSecret.objects.all()
    assert (row.spent_at, row.last_step, made.secret == again.secret) == (None, None, False)
    if method != "claim-code":
        assert key_wrapping.unseal(bytes(row.sealed or b"")) is not None
    described: Any = presence_secrets.describe_presence(Device.objects.get(pk=world.placed.pk))
    assert {each["name"] for each in described["presence"] if each["secret"]} == {method}


def test_a_secret_is_made_for_whoever_has_the_device_and_ends_with_them(world: World) -> None:
    stale = Device.objects.get(pk=world.placed.pk)
    PresenceSecret.objects.create(device=world.placed, method="challenge")  # the factory's
    presence_secrets.make_presence_secret(device=stale, method="claim-code", by=world.owner)
    assignments.release(device=world.placed, by=world.owner)
    assert set(presence_secrets.find_secrets(stale)) == {"challenge"}
    with refused(refusals.DEVICE_HANDED_OVER):
        presence_secrets.make_presence_secret(device=stale, method="claim-code", by=world.owner)


def test_a_code_is_spent_once_and_not_by_what_was_proven_before_it(world: World) -> None:
    presence_secrets.make_presence_secret(device=world.placed, method="claim-code", by=world.owner)
    PresenceSecret.objects.create(device=world.placed, method="challenge")
    issued = PresenceSecret.objects.get(method="claim-code").issued_at
    assert not presence_secrets.spend_claim_code(world.placed.pk, issued - timedelta(seconds=1))
    assert not presence_secrets.spend_claim_code(world.foreign.pk, issued)
    assert presence_secrets.spend_claim_code(world.placed.pk, issued)
    assert not presence_secrets.spend_claim_code(world.placed.pk, issued)
    assert PresenceSecret.objects.get(method="challenge").spent_at is None


@pytest.mark.parametrize(
    ("recipe", "organisation", "method", "wanted"),
    [
        ("", "press", Presence.PRESS, ""),
        ("", "claim-code", Presence.CLAIM_CODE, "Claim code"),
        ("press", "claim-code", Presence.PRESS, ""),
        ("rotating-code", "press", Presence.ROTATING_CODE, "Secret of its rotating code"),
    ],
)
def test_the_recipe_says_before_the_organisation_what_a_window_asks_for(
    world: World, recipe: str, organisation: str, method: Presence, wanted: str
) -> None:
    Organisation.objects.filter(pk=world.kanarra.pk).update(presence=organisation)
    RecipeVersion.objects.filter(pk=world.version.pk).update(presence=recipe)
    device = Device.objects.select_related("version__recipe__organisation", "organisation").get(pk=world.placed.pk)
    assert presence_secrets.choose_method(device) == method
    assert presence_secrets.find_wanted_secret(device.version) == wanted


def test_a_token_is_a_credential_in_one_text(world: World) -> None:
    made = tokens.make_token(world.placed)
    assert re.fullmatch("[0-9a-f]{40}", made.access_secret)
    assert made.access_key == tokens.derive_access_key(made.access_secret)
    assert made.access_key not in hashlib.sha256(made.access_secret.encode()).hexdigest()
    credentials.rotate_credentials_of([world.placed], by=world.owner, make=lambda _: made)
    found = tokens.find_by_token(made.access_secret)
    assert found is not None
    assert found.device == world.placed
    for text in (made.access_secret.upper(), made.access_secret[:-1], made.access_secret + "\n", made.access_key, ""):
        assert tokens.find_by_token(text) is None
    Credential.objects.update(revoked_at=Now())
    assert tokens.find_by_token(made.access_secret) is None


def test_what_is_shown_once_is_in_no_repr_and_stored_as_a_hash() -> None:
    end = datetime(2036, 1, 1, tzinfo=UTC)
    issued = Issued("key", "s3cret", ends_at=end)
    assert "s3cret" not in repr(issued)
    assert issued.row[:3] == ("access-key", "key", hashlib.sha256(b"s3cret").digest())
    assert Issued("ab" * 32, "", certified_until=end).row[:3] == ("certificate", "ab" * 32, bytes.fromhex("ab" * 32))
    assert Issued("key", "s3cret").row[3] is None
    assert issued.row[3] == Issued("ab" * 32, "", certified_until=end).row[3]
