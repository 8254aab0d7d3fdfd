"""A broker that did not keep the consumer's session: reports may be lost, and somebody has to hear of it."""

from __future__ import annotations

from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from config.worker import make_consumer
from devices.broker import sessions
from devices.models import BrokerSession
from devices.mqtt.consumer import Consumer
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.processes import Process, eventually, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from django.test import Client
    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def consumed(broker: Process, settings: Settings) -> Iterator[None]:
    settings.MQTT_URL = f"mqtt://127.0.0.1:{broker.port}"
    consumer = make_consumer()
    consumer.start()
    eventually(consumer.is_subscribed)
    yield
    consumer.stop()


@pytest.fixture
def volume(tmp_path: Path) -> Callable[[str], Process]:
    """A broker with its data in a folder of this name."""

    def of(name: str) -> Process:
        (tmp_path / name).mkdir(exist_ok=True)
        return mosquitto(tmp_path / name)

    return of


def session(client: Client) -> str:
    said: str = client.get("/healthz").json()["parts"]["session"]
    return said


def command(*options: str) -> str:
    out = StringIO()
    call_command("broker_session", *options, stdout=out)
    return out.getvalue()


def test_a_session_that_is_new_again_is_told_until_somebody_has_seen_it(
    client: Client, settings: Settings, volume: Callable[[str], Process]
) -> None:
    settings.MQTT_CLIENT_ID = "consumer"
    with running(volume("first")) as broker:
        for _ in ("new, as the first one is", "resumed"):
            with consumed(broker, settings):
                eventually(BrokerSession.objects.exists)
    assert session(client) == "up"
    assert command() == "The broker has kept the consumer's session.\n"

    with running(volume("another")) as broker, consumed(broker, settings):
        eventually(lambda: session(client) == "down")
    assert "what devices reported since" in command()
    assert session(client) == "down"
    assert "Noted" in command("--seen")
    assert session(client) == "up"

    with running(volume("another")) as broker, consumed(broker, settings):
        assert session(client) == "up"
        settings.MQTT_CLIENT_ID = "renamed"
        with consumed(broker, settings):
            eventually(lambda: session(client) == "down")
    assert BrokerSession.objects.get().client_id == "renamed"


def test_a_site_that_was_there_before_this_was_watched_loses_its_first_session_loudly(db: None) -> None:
    sessions.record_session(resumed=True)
    assert sessions.find_loss() is None
    sessions.record_session(resumed=False)
    assert sessions.find_loss() is not None


def test_it_is_told_again_until_the_database_takes_it(volume: Callable[[str], Process]) -> None:
    told: list[bool] = []

    def note(resumed: bool, *_: object) -> None:
        told.append(resumed)
        if len(told) < 3:
            raise (DatabaseError, ZeroDivisionError)[len(told) - 1]("away")

    with running(volume("first")) as broker:
        consumer = Consumer(
            lambda _: None,
            client_id="consumer",
            clock=timezone.now,
            url=f"mqtt://127.0.0.1:{broker.port}",
            temporary=(DatabaseError,),
            on_session=note,
        )
        consumer.start()
        eventually(lambda: len(told) == 3)
        consumer.stop()
    assert told == [False] * 3
