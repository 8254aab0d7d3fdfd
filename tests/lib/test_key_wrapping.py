"""Secrets that are made again from a sealed key."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models.functions import Now

from devices import refusals
from devices.credentials import deliveries
from devices.jobs import files
from devices.models import Delivery, Event, File, Part
from lib import key_wrapping
from tests.refused import refused

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World


def test_a_row_has_the_same_secret_each_time_and_another_row_another() -> None:
    key = key_wrapping.new_key()
    assert key_wrapping.Deriver(key).derive_access(1) == key_wrapping.Deriver(key).derive_access(1)
    made = {key_wrapping.Deriver(key).derive_access(number) for number in range(1000)}
    assert len({each.key for each in made}) == len({each.secret for each in made}) == 1000
    assert key_wrapping.Deriver(key_wrapping.new_key()).derive_access(1) != key_wrapping.Deriver(key).derive_access(1)


def test_secrets_are_codes_of_the_key_and_the_rows_number() -> None:
    """What was made by a former version is made again: nothing of it is stored."""
    key = key_wrapping.new_key()
    secrets = key_wrapping.Deriver(key)
    for number in (1, 2, 100_000):
        code = hmac.digest(key, f"key:{number}".encode(), "sha256")
        assert secrets.derive_access(number).key == code[:16].hex()


def test_no_secret_begins_a_formula() -> None:
    key = b"k" * 32
    assert not [
        number
        for number in range(1000)
        if key_wrapping.Deriver(key).derive_access(number).secret.startswith(("-", "=", "+", "@"))
    ]


def test_a_secret_is_not_in_its_repr() -> None:
    access = key_wrapping.Deriver(key_wrapping.new_key()).derive_access(1)
    assert access.secret not in repr(access)


def test_a_key_survives_a_change_of_the_sites_secret(settings: Settings) -> None:
    sealed = key_wrapping.seal(b"k" * 32)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert key_wrapping.unseal(sealed) == b"k" * 32
    settings.SECRET_KEY_FALLBACKS = []
    assert key_wrapping.unseal(sealed) is None


def test_a_delivery_is_taken_once(world: World) -> None:
    delivery = deliveries.prepare_delivery(organisation=world.kanarra, by=world.owner)
    key = deliveries.unseal_key(delivery)
    assert deliveries.take_key(delivery=delivery, by=world.owner, what="it") == key
    with refused(refusals.RESULT_TAKEN):
        deliveries.take_key(delivery=delivery, by=world.owner, what="it")
    kinds = Event.objects.filter(organisation=world.kanarra, device=None).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [Event.Kind.RESULT_TAKEN, Event.Kind.RESULT_REFUSED]
    delivery.refresh_from_db()
    assert delivery.sealed is None
    assert delivery.taken_at is not None


def test_an_expired_delivery_is_gone_before_and_after_beat(world: World) -> None:
    delivery = deliveries.prepare_delivery(organisation=world.kanarra, by=world.owner)
    Delivery.objects.update(expires_at=Now() - timedelta(seconds=1))
    with refused(refusals.RESULT_EXPIRED):
        deliveries.take_key(delivery=delivery, by=world.owner, what="it")
    assert deliveries.clear_expired_deliveries() == 1
    delivery.refresh_from_db()
    with refused(refusals.JOB_KEY_GONE):
        deliveries.unseal_key(delivery)


def test_only_who_had_it_made_may_take_it(world: World) -> None:
    delivery = deliveries.prepare_delivery(organisation=world.kanarra, by=world.owner)
    assert list(Delivery.objects.of(world.owner)) == [delivery]
    assert not Delivery.objects.of(world.admin).exists()


def test_a_file_comes_back_as_it_went(world: World) -> None:
    data = bytes(range(256)) * 9000
    file = files.store_file(
        organisation=world.kanarra,
        name="serials.csv",
        content_type="text/csv",
        chunks=(data[start : start + 70_001] for start in range(0, len(data), 70_001)),
        keep=timedelta(hours=1),
    )
    assert file.size == len(data)
    assert b"".join(files.read_chunks(file)) == data
    with files.open_file(file) as stream:
        assert stream.read(1000) == data[:1000]
        assert stream.read() == data[1000:]
    assert files.clear_expired() == 0
    File.objects.update(expires_at=Now())
    assert files.clear_expired() == 1
    assert not Part.objects.exists()
