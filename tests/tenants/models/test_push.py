"""Browsers that are told: while nobody signed their person out, and whether their service takes anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from tenants.models import PushSubscription, User

if TYPE_CHECKING:
    from tests.conftest import World

AT, SECOND = datetime(2026, 11, 2, 9, tzinfo=UTC), timedelta(seconds=1)


def subscribe(user: User, endpoint: str = "https://push.example/1") -> PushSubscription:
    keys = {"p256dh": b"p" * 65, "auth": b"a" * 16, "digest": PushSubscription.digest_of(endpoint)}
    return PushSubscription.objects.create(user=user, epoch=user.epoch, endpoint=endpoint, **keys)


@pytest.mark.parametrize(
    ("told_at", "failed_at", "fails"),
    [
        (None, None, False),
        (AT, None, False),
        (None, AT, True),
        (AT, AT + SECOND, True),
        (AT + SECOND, AT, False),
        (AT, AT, False),
    ],
)
def test_a_service_fails_until_it_takes_something_again(
    told_at: datetime | None, failed_at: datetime | None, *, fails: bool
) -> None:
    assert PushSubscription(told_at=told_at, failed_at=failed_at).fails is fails


def test_a_browser_is_told_until_its_person_is_signed_out_everywhere_or_disabled(world: World) -> None:
    mine, theirs = subscribe(world.viewer), subscribe(world.technician, "https://push.example/2")
    assert set(PushSubscription.objects.live()) == {mine, theirs}
    assert PushSubscription.objects.all().of(world.viewer).get() == mine
    User.objects.filter(pk=world.viewer.pk).update(epoch=F("epoch") + 1)
    assert not PushSubscription.objects.all().of(world.viewer).exists()
    User.objects.filter(pk=world.technician.pk).update(is_active=False)
    assert not PushSubscription.objects.live().exists()


def test_a_browser_is_one_persons_and_known_by_its_endpoint(world: World) -> None:
    made = subscribe(world.viewer)
    with pytest.raises(IntegrityError), transaction.atomic():
        subscribe(world.technician)
    assert made.digest_words == PushSubscription.digest_of(made.endpoint).hex()
    assert (str(made), str(PushSubscription(device="Firefox on Android"))) == ("A browser", "Firefox on Android")
