"""Secrets that are made again from a sealed key."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now

from devices.credentials import deliveries
from devices.jobs import files
from devices.models import Delivery, Event, File, Part
from lib import key_wrapping

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World


def test_a_row_has_the_same_secret_each_time_and_another_row_another() -> None:
    key = key_wrapping.new_key()
    assert key_wrapping.access(key, 1) == key_wrapping.access(key, 1)
    made = {key_wrapping.access(key, number) for number in range(1000)}
    assert len({each.key for each in made}) == len({each.secret for each in made}) == 1000
    assert key_wrapping.access(key_wrapping.new_key(), 1) != key_wrapping.access(key, 1)


def test_no_secret_begins_a_formula() -> None:
    key = b"k" * 32
    assert not [
        number for number in range(1000) if key_wrapping.access(key, number).secret.startswith(("-", "=", "+", "@"))
    ]


def test_a_secret_is_not_in_its_repr() -> None:
    access = key_wrapping.access(key_wrapping.new_key(), 1)
    assert access.secret not in repr(access)


def test_a_key_survives_a_change_of_the_sites_secret(settings: Settings) -> None:
    sealed = key_wrapping.seal(b"k" * 32)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert key_wrapping.unseal(sealed) == b"k" * 32
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(key_wrapping.Unsealable):
        key_wrapping.unseal(sealed)


def test_a_delivery_is_taken_once(world: World) -> None:
    delivery = deliveries.prepare(organisation=world.kanarra, by=world.owner)
    key = deliveries.key_of(delivery)
    assert deliveries.take(delivery=delivery, by=world.owner, what="it") == key
    with pytest.raises(deliveries.Gone):
        deliveries.take(delivery=delivery, by=world.owner, what="it")
    kinds = Event.objects.filter(organisation=world.kanarra, device=None).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [Event.Kind.RESULT_TAKEN, Event.Kind.RESULT_REFUSED]
    delivery.refresh_from_db()
    assert delivery.sealed is None
    assert delivery.taken_at is not None


def test_an_expired_delivery_is_gone_before_and_after_beat(world: World) -> None:
    delivery = deliveries.prepare(organisation=world.kanarra, by=world.owner)
    Delivery.objects.update(expires_at=Now() - timedelta(seconds=1))
    with pytest.raises(deliveries.Gone):
        deliveries.take(delivery=delivery, by=world.owner, what="it")
    assert deliveries.clear_expired() == 1
    delivery.refresh_from_db()
    with pytest.raises(deliveries.Gone):
        deliveries.key_of(delivery)


def test_only_who_had_it_made_may_take_it(world: World) -> None:
    delivery = deliveries.prepare(organisation=world.kanarra, by=world.owner)
    assert list(Delivery.objects.of(world.owner)) == [delivery]
    assert not Delivery.objects.of(world.admin).exists()


def test_a_file_comes_back_as_it_went(world: World) -> None:
    data = bytes(range(256)) * 9000
    file = files.store(
        organisation=world.kanarra,
        name="serials.csv",
        content_type="text/csv",
        chunks=(data[start : start + 70_001] for start in range(0, len(data), 70_001)),
        keep=timedelta(hours=1),
    )
    assert file.size == len(data)
    assert b"".join(files.chunks(file)) == data
    with files.opened(file) as stream:
        assert stream.read(1000) == data[:1000]
        assert stream.read() == data[1000:]
    assert files.clear_expired() == 0
    File.objects.update(expires_at=Now())
    assert files.clear_expired() == 1
    assert not Part.objects.exists()
