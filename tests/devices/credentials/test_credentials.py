"""Making, using and ending what devices authenticate with."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import IntegrityError, connection, connections
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from devices import events, refusals
from devices.broker import authorization
from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import Assignment, Credential, CredentialUse, Device, Event
from tests.refused import refused as expect_refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import DjangoAssertNumQueries

    from devices.credentials.operations import Issued
    from tests.conftest import World


def connects(device: Device, issued: Issued) -> bool:
    return authorization.admit(issued.access_key, issued.access_secret, device.device_id) is not None


def row(issued: Issued) -> Credential:
    return Credential.objects.get(access_key=issued.access_key)


def told(device: Device, kind: Event.Kind) -> list[dict[str, object]]:
    return list(Event.objects.filter(device=device, kind=kind).order_by("pk").values_list("data", flat=True))


@pytest.fixture
def issued(world: World) -> Issued:
    return credentials.issue_credential(device=world.placed, by=world.admin)


ENDS: dict[str, Callable[[World, Issued], object]] = {
    "revoked": lambda world, issued: credentials.revoke_credential(credential=row(issued), by=world.admin),
    "all revoked": lambda world, issued: credentials.revoke_all_credentials([world.placed], by=world.admin),
    "past its end": lambda world, issued: Credential.objects.update(expires_at=Now()),
    "device locked": lambda world, issued: locks.lock_devices([world.placed], by=world.admin),
    "device expired": lambda world, issued: Device.objects.update(activated_at=None, expires_at=Now()),
    "rotated at once": lambda world, issued: credentials.rotate_credentials(
        device=world.placed, by=world.admin, ends=credentials.AT_ONCE
    ),
    "a certificate": lambda world, issued: Credential.objects.update(kind=Credential.Kind.CERTIFICATE),
}


@pytest.mark.parametrize("how", ENDS)
def test_every_end_of_a_credential_is_one_for_every_question(world: World, issued: Issued, how: str) -> None:
    assert connects(world.placed, issued)
    ENDS[how](world, issued)
    assert not connects(world.placed, issued)
    assert credentials.authenticate_device(access_key=issued.access_key, access_secret=issued.access_secret) is None
    if how != "a certificate":
        assert authorization.identify(issued.access_key) is None
        assert authorization.find_live_keys([issued.access_key]) == set()


def test_revoking_twice_is_once(world: World, issued: Issued) -> None:
    assert credentials.revoke_credential(credential=row(issued), by=world.admin)
    assert not credentials.revoke_credential(credential=row(issued), by=world.admin)
    assert credentials.revoke_all_credentials([world.placed], by=world.admin) == 0
    assert told(world.placed, Event.Kind.CREDENTIAL_REVOKED) == [{"access_key": issued.access_key, "reason": "revoked"}]


def test_revoking_all_is_only_this_devices(world: World, issued: Issued) -> None:
    credentials.issue_credential(device=world.placed, by=None)
    other = credentials.issue_credential(device=world.foreign, by=None)
    assert credentials.revoke_all_credentials([world.placed], by=world.admin) == 2
    assert connects(world.foreign, other)


def test_the_former_one_ends_when_its_successor_is_used(world: World, issued: Issued) -> None:
    new = credentials.rotate_credentials(device=world.placed, by=world.admin)
    assert connects(world.placed, issued)
    assert not authorization.admit(new.access_key, new.access_secret, world.foreign.device_id)
    assert connects(world.placed, issued)
    for _ in range(3):
        assert connects(world.placed, new)
    assert not connects(world.placed, issued)
    reason = {"access_key": issued.access_key, "reason": "its successor was used"}
    assert told(world.placed, Event.Kind.CREDENTIAL_REVOKED) == [reason]
    instead = {"access_key": new.access_key, "instead_of": [issued.access_key]}
    assert told(world.placed, Event.Kind.CREDENTIAL_ROTATED) == [instead]


def test_a_second_rotation_ends_what_the_first_left(world: World, issued: Issued) -> None:
    lost = credentials.rotate_credentials(device=world.placed, by=world.admin)
    new = credentials.rotate_credentials(device=world.placed, by=world.admin)
    assert connects(world.placed, new)
    assert not connects(world.placed, issued)
    assert not connects(world.placed, lost)


def test_a_successor_that_is_revoked_unused_leaves_the_former_one(world: World, issued: Issued) -> None:
    new = credentials.rotate_credentials(device=world.placed, by=world.admin)
    credentials.revoke_credential(credential=row(new), by=world.admin)
    assert not connects(world.placed, new)
    assert connects(world.placed, issued)


def test_a_chosen_time_shortens_and_never_lengthens(world: World, issued: Issued) -> None:
    soon = credentials.issue_credential(device=world.placed, by=None)
    Credential.objects.filter(pk=row(soon).pk).update(expires_at=Now() + timedelta(minutes=1))
    before = row(soon).expires_at
    new = credentials.rotate_credentials(device=world.placed, by=world.admin, ends=timedelta(hours=1))
    assert connects(world.placed, new)
    assert connects(world.placed, issued)
    assert row(soon).expires_at == before
    assert row(issued).expires_at > before  # type: ignore[operator]
    assert row(new).expires_at is None


def test_how_many_a_device_may_have(world: World, issued: Issued) -> None:
    for _ in range(credentials.MAX_LIVE - 1):
        credentials.issue_credential(device=world.placed, by=None)
    for refused in (credentials.issue_credential, credentials.rotate_credentials):
        with expect_refusal(refusals.TOO_MANY_CREDENTIALS, match="10 working credentials"):
            refused(device=world.placed, by=None)
    for _ in range(credentials.MAX_AN_HOUR - credentials.MAX_LIVE):
        credentials.rotate_credentials(device=world.placed, by=None, ends=credentials.AT_ONCE)
    with expect_refusal(refusals.CREDENTIALS_TOO_OFTEN, match="within an hour"):
        credentials.rotate_credentials(device=world.placed, by=None, ends=credentials.AT_ONCE)
    assert Credential.objects.of(world.placed).standing().count() == 1
    assert Credential.objects.of(world.placed).count() == credentials.MAX_AN_HOUR
    credentials.issue_credential(device=world.foreign, by=None)


def test_the_last_use_is_noted_once_in_five_seconds(
    world: World, issued: Issued, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert connects(world.placed, issued)
    first = CredentialUse.objects.get()
    with django_assert_num_queries(1):
        assert connects(world.placed, issued)
    CredentialUse.objects.update(last_at=Now() - timedelta(seconds=6))
    with django_assert_num_queries(2):
        assert connects(world.placed, issued)
    now = CredentialUse.objects.get()
    assert (now.first_at, now.last_at > first.first_at) == (first.first_at, True)


@pytest.mark.django_db(transaction=True)
def test_nothing_that_can_not_be_written_refuses_a_device(world: World, issued: Issued) -> None:
    new = credentials.rotate_credentials(device=world.placed, by=None)
    read_only, writable = {
        "sqlite": ("PRAGMA query_only = 1", "PRAGMA query_only = 0"),
        "postgresql": ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(read_only)
        try:
            assert connects(world.placed, new)
        finally:
            cursor.execute(writable)
    assert not CredentialUse.objects.exists()
    assert connects(world.placed, issued)
    assert connects(world.placed, new)
    assert CredentialUse.objects.count() == 2
    assert not connects(world.placed, issued)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("make", [credentials.issue_credential, credentials.rotate_credentials])
def test_a_failure_before_the_commit_leaves_no_live_credential(
    world: World, issued: Issued, make: Callable[..., Issued], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quality: row 15. What follows names a device that is not there, which the database refuses at the commit."""

    def record(*_: object, **__: object) -> None:
        Assignment.objects.create(device_id=999_999, group=world.boise)

    for writer in ("record", "record_each"):
        monkeypatch.setattr(events, writer, record)
    with pytest.raises(IntegrityError):
        make(device=world.placed, by=world.admin)
    assert list(Credential.objects.of(world.placed)) == [row(issued)]
    assert row(issued).superseded_by is None
    assert connects(world.placed, issued)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_first_connects_at_once_end_the_former_one_once(world: World, issued: Issued) -> None:
    new = credentials.rotate_credentials(device=world.placed, by=world.admin)
    barrier, answers = threading.Barrier(50), []

    def knock() -> None:
        barrier.wait()
        try:
            answers.append(connects(world.placed, new))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=knock) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 50
    assert len(told(world.placed, Event.Kind.CREDENTIAL_REVOKED)) == 1
    assert len(told(world.placed, Event.Kind.ACTIVATED)) == 1
    assert CredentialUse.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.parametrize("ask", ["find", "identify", "live"])
def test_a_decision_reads_by_indexes_alone(world: World, issued: Issued, ask: str) -> None:
    questions: dict[str, Callable[[], object]] = {
        "find": lambda: credentials.find_credential(access_key=issued.access_key, access_secret=issued.access_secret),
        "identify": lambda: authorization.identify(issued.access_key),
        "live": lambda: authorization.find_live_keys([issued.access_key]),
    }
    with CaptureQueriesContext(connection) as asked:
        assert questions[ask]()
    assert len(asked) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + asked[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index" in plan
    assert "Seq Scan" not in plan, plan
