"""What a gate remembers of whom it let in: it answers by that, and what ended is not believed for it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connections
from django.db.models.functions import Now
from django.utils import timezone

from devices.broker import authorization, lookup
from devices.broker.authorization import Question
from devices.broker.lookup import Lookup, Unanswered
from devices.connections import limited
from devices.credentials import operations as credentials
from devices.credentials import standing
from devices.lifecycle import locks, retirement
from devices.models import Credential, CredentialUse, Device
from devices.ties import operations as ties
from tests.builders import make_device

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine

    from devices.broker.authorization import Known
    from devices.credentials.operations import Issued
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def issued(world: World) -> Issued:
    """Of a device that was connected before."""
    issued = credentials.issue_credential(device=world.placed, by=None)
    assert authorization.admit(issued.access_key, issued.access_secret, world.placed.device_id)
    return issued


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Collection[str]]:
    """What the database was asked for; what it said counts for a moment by itself."""
    batches: list[Collection[str]] = []
    identify = authorization.identify_many

    def note(names: Collection[str]) -> dict[str, Known]:
        batches.append(list(names))
        return identify(names)

    monkeypatch.setattr(authorization, "identify_many", note)
    monkeypatch.setattr(lookup, "FRESH", 0.25)
    monkeypatch.setattr(lookup, "LOOK", 0.05)
    return batches


def run(talk: Callable[[Lookup], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        of = Lookup()
        watch = asyncio.create_task(of.watch())
        try:
            await talk(of)
        finally:
            watch.cancel()
            await asyncio.to_thread(of.close)

    asyncio.run(whole())


async def act(do: Callable[[], object]) -> None:
    """In a thread of its own: the site is another process."""

    def in_thread() -> None:
        do()
        connections.close_all()

    thread = threading.Thread(target=in_thread)
    thread.start()
    await asyncio.to_thread(thread.join)


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    began = asyncio.get_running_loop().time()
    yield
    assert asyncio.get_running_loop().time() - began < seconds


def connect(device: Device, issued: Issued, **changed: Any) -> Question:
    return Question(issued.access_key, **{"password": issued.access_secret, "client_id": device.device_id, **changed})


async def may(of: Lookup, question: Question) -> bool:
    return authorization.may(question, await of.find_caller(question))


async def pass_time() -> None:
    """Until what the database said is not fresh by itself."""
    await asyncio.sleep(2 * lookup.FRESH)


def test_a_device_that_was_there_lately_comes_back_without_the_database(
    world: World, issued: Issued, asked: list[Collection[str]]
) -> None:
    async def talk(of: Lookup) -> None:
        assert await may(of, Question(issued.access_key))  # a report's, say
        await pass_time()
        assert await may(of, connect(world.placed, issued))
        assert (
            await may(of, Question(issued.access_key, action="publish", topic=f"devices/{world.placed}/state")) is False
        )
        assert asked == [[issued.access_key], [issued.access_key]]  # the second one for the no

    run(talk)


ENDS: dict[str, Callable[[World, Device], object]] = {
    "revoked": lambda world, device: credentials.revoke_all_credentials([device], by=world.owner),
    "past its end": lambda _, device: Credential.objects.filter(device=device).update(expires_at=Now()),
    "locked": lambda world, device: locks.lock_devices([device], by=world.owner),
    "retired": lambda world, device: retirement.retire_devices([device], by=world.owner),
    "shut out": lambda _, device: limited.record_limits({device.device_id: (60.0, 1)}),
}


@pytest.mark.parametrize("how", ENDS)
def test_what_ended_is_believed_no_longer_though_it_is_remembered(
    world: World, issued: Issued, asked: list[Collection[str]], how: str
) -> None:
    """Within a look and a moment: with RabbitMQ's own four seconds that stays below five."""
    topic = f"devices/{world.placed.device_id}/state"
    questions = [Question(issued.access_key, action="publish", topic=topic)]
    if how != "shut out":  # that one may connect, and say nothing
        questions.append(connect(world.placed, issued))

    async def talk(of: Lookup) -> None:
        assert all([await may(of, question) for question in questions])
        await pass_time()
        assert all([await may(of, question) for question in questions])
        before = len(asked)
        await act(lambda: ENDS[how](world, world.placed))
        async with within(1.0):
            while any([await may(of, question) for question in questions]):
                await asyncio.sleep(0.02)
        assert len(asked) > before
        await pass_time()
        assert not any([await may(of, question) for question in questions])

    run(talk)


def test_who_speaks_for_another_one_no_longer_is_believed_no_longer(
    world: World, issued: Issued, asked: list[Collection[str]]
) -> None:
    device = make_device(world.version, group=world.anaheim, by=world.owner)
    question = Question(issued.access_key, action="publish", topic=f"losant/{device.device_id}/state")

    async def talk(of: Lookup) -> None:
        assert not await may(of, question)
        await pass_time()
        await act(lambda: ties.tie(device=device, gateway=world.placed, by=world.owner))
        assert await may(of, question)  # at once: a no is not remembered
        await pass_time()
        assert await may(of, question)
        await act(lambda: ties.untie(device=device, gateway=world.placed, by=world.owner))
        async with within(1.0):
            while await may(of, question):
                await asyncio.sleep(0.02)

    run(talk)


def test_a_wrong_secret_is_refused_by_the_database_alone(
    world: World, issued: Issued, asked: list[Collection[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "HOLD", 0.3)
    monkeypatch.setattr(lookup, "PATIENCE", 0.3)

    def fail(_: object) -> None:
        raise OperationalError("away")

    async def talk(of: Lookup) -> None:
        assert await may(of, connect(world.placed, issued))
        for wrong in (
            {"password": "guess"},
            {"password": ""},
            {"client_id": world.foreign.device_id},
            {"client_id": ""},
        ):
            before = len(asked)
            assert not await may(of, connect(world.placed, issued, **wrong))
            assert len(asked) == before + 1
            assert await may(of, connect(world.placed, issued))  # nobody is shut out by another's guesses
        with monkeypatch.context() as patch:
            patch.setattr(authorization, "identify_many", fail)
            with pytest.raises(Unanswered):  # not a no
                await of.find_caller(connect(world.placed, issued, password="guess"))
            assert await may(of, connect(world.placed, issued))

    run(talk)


def test_what_is_remembered_of_one_opens_nothing_of_another_organisation(
    world: World, issued: Issued, asked: list[Collection[str]]
) -> None:
    other = credentials.issue_credential(device=world.alien, by=None)
    alien = world.alien.device_id

    async def talk(of: Lookup) -> None:
        assert await may(of, connect(world.placed, issued))
        assert await may(of, connect(world.alien, other))
        await pass_time()
        for question in (
            connect(world.alien, issued),
            connect(world.placed, other),
            connect(world.alien, issued, password=other.access_secret, client_id=world.placed.device_id),
            Question(issued.access_key, client_id=alien),
            Question(issued.access_key, action="publish", topic=f"devices/{alien}/state"),
            Question(issued.access_key, action="subscribe", topic=f"devices/{alien}/command"),
            Question(issued.access_key, queue=f"{alien}qos1"),
        ):
            assert not await may(of, question)

    run(talk)


def test_nothing_is_believed_for_long_while_nobody_can_look(
    world: World, issued: Issued, asked: list[Collection[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk(of: Lookup) -> None:
        assert await may(of, connect(world.placed, issued))
        monkeypatch.setattr(standing, "find_ended_devices", lambda *_, **__: (_ for _ in ()).throw(RuntimeError))
        await pass_time()
        before = len(asked)
        assert await may(of, connect(world.placed, issued))
        assert len(asked) == before + 1

    run(talk)


def test_of_more_endings_than_are_read_all_are_asked_about(
    world: World, issued: Issued, asked: list[Collection[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MOST_ENDED", 1)

    async def talk(of: Lookup) -> None:
        assert await may(of, connect(world.placed, issued))
        await act(lambda: locks.lock_devices([world.foreign], by=world.owner))
        await pass_time()
        before = len(asked)
        assert await may(of, connect(world.placed, issued))
        assert len(asked) == before + 1

    run(talk)


def test_a_flood_of_names_that_nobody_has_leaves_nothing_behind(
    world: World, issued: Issued, asked: list[Collection[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MOST_WAITING", 300)
    monkeypatch.setattr(lookup, "MOST_AT_ONCE", 100)

    async def talk(of: Lookup) -> None:
        assert await may(of, connect(world.placed, issued))
        flood = [of.find_caller(Question(f"name-{n}", password="x", client_id="y")) for n in range(1000)]
        answers = await asyncio.gather(*flood, return_exceptions=True)
        assert {repr(each) for each in answers} == {"None", "Unanswered()"}
        assert answers.count(None) == 300
        assert list(of._remembered) == [issued.access_key]
        assert not of._waiting
        assert max(map(len, asked)) == 100
        assert await may(of, connect(world.placed, issued))

    run(talk)


def test_no_more_are_remembered_than_there_is_room_for(
    world: World, issued: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MOST", 1)
    other = credentials.issue_credential(device=world.alien, by=None)

    async def talk(of: Lookup) -> None:
        assert await may(of, connect(world.placed, issued))
        assert await may(of, connect(world.alien, other))
        assert list(of._remembered) == [other.access_key]

    run(talk)


def test_a_connect_is_noted_whoever_answered_it(world: World, issued: Issued, asked: list[Collection[str]]) -> None:
    own = CredentialUse.objects.filter(credential__access_key=issued.access_key)
    long_ago = timezone.now() - timedelta(hours=1)

    async def talk(of: Lookup) -> None:
        assert await may(of, Question(issued.access_key))
        await act(lambda: own.update(last_at=long_ago))
        await pass_time()
        assert await may(of, connect(world.placed, issued))
        assert len(asked) == 1

    run(talk)
    assert own.get().last_at > long_ago


def test_a_rotation_is_finished_by_the_first_connect(world: World, issued: Issued) -> None:
    new = credentials.rotate_credentials(device=world.placed, by=world.owner)

    async def talk(of: Lookup) -> None:
        assert await may(of, connect(world.placed, issued))
        assert await may(of, connect(world.placed, new))

    run(talk)
    assert Credential.objects.get(access_key=issued.access_key).revoked_at


def test_many_uses_cost_as_much_as_one(world: World, django_assert_num_queries: Any) -> None:
    devices = [make_device(world.version, group=world.anaheim, by=world.owner) for _ in range(8)]
    keys = [credentials.issue_credential(device=device, by=None).access_key for device in devices]
    Device.objects.update(activated_at=Now())
    uses = [each.use for each in standing.find_standing(keys)]
    for some in (uses[:1], uses[1:]):
        with django_assert_num_queries(3):  # a transaction of one statement
            assert standing.note_uses(some)
    assert CredentialUse.objects.count() == 8
