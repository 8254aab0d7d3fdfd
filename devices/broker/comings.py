"""Who came to RabbitMQ and who left it, as its plugin `rabbitmq_event_exchange` tells a queue that the site reads.

The broker (3.10.8) says of an end which connection it was, and never why: that it was the site that ended it is known
from the site's own connection in the device's place (devices.broker.closing), and another one's from that one. What
waits in the queue while the site is away loses nothing of it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from amqp.exceptions import NotFound
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections

from devices.broker.amqp_thread import AmqpThread
from devices.broker.rabbitmq import CONNECTIONS
from devices.connections import timeline
from devices.models import ConnectedStretch, Device
from devices.mqtt import client
from lib.db.clock import read_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amqp import Channel, Connection, Message

MOST = 1_000  # taken at once
FULL = 190_000
"""Waiting beyond this, some were dropped: docker/rabbitmq/definitions.json keeps 200,000."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Reason = ConnectedStretch.Reason
_CLIENT_ID = re.compile(r"client_id\W+(?:longstr\W+)?([0-9a-f]{24})\b", re.ASCII)
_PROCESS = re.compile(r"(?P<run>.+\.\d+)\.\d+\.\d+", re.ASCII)


class Said(NamedTuple):
    """Hold one event: `run` is the broker's node and when that began, `client_id` a device ID or nothing."""

    came: bool
    at: datetime
    connection: str
    run: str
    client_id: str
    by_site: bool


def read_event(routing_key: str, headers: dict[str, Any], site: str) -> Said | None:
    """Return what an event says; None for what is none of a connection."""
    process = str(headers.get("pid", ""))[:120].strip("<>")
    found, ms = _PROCESS.fullmatch(process), headers.get("timestamp_in_ms")
    if routing_key not in {"connection.created", "connection.closed"} or found is None or not isinstance(ms, int):
        return None
    told = " ".join(f"{name} {headers.get(name, '')}" for name in ("client_id", "variable_map", "client_properties"))
    named = _CLIENT_ID.search(told)
    return Said(
        routing_key == "connection.created",
        EPOCH + timedelta(milliseconds=ms),
        process,
        found["run"],
        named[1] if named else "",
        headers.get("user") == site,
    )


def store(events: Sequence[Said]) -> None:
    """Write what the events say, in their order. Repeated it changes nothing."""
    _end_former_runs(dict.fromkeys(said.run for said in events))
    now = read_now()
    named = {said.client_id for said in events if said.came}
    devices = dict(Device.objects.filter(device_id__in=named).values_list("device_id", "pk"))
    of = timeline.find_connected([said.connection for said in events if not said.came])
    changes = []
    for said in events:
        at = min(said.at, now)
        if not said.came:
            if device := of.get(said.connection):
                changes.append(timeline.Change(device, at, Reason.UNTOLD, said.connection))
        elif device := devices.get(said.client_id):
            of[said.connection] = device
            changes.append(_tell_coming(said, device, at))
    timeline.record(changes)


def _tell_coming(said: Said, device: int, at: datetime) -> timeline.Change:
    """Tell of a device; or of the site, which took its place to end its connection."""
    if said.by_site:
        return timeline.Change(device, at, timeline.BARRED)
    return timeline.Change(device, at, "", said.connection)


def _end_former_runs(runs: Iterable[str]) -> None:
    """End what a node had before it was started anew: nobody tells of that."""
    for run in runs:
        timeline.end_former_run(run.rpartition(".")[0], run)


class ConnectionEvents(AmqpThread):
    def __init__(self) -> None:
        super().__init__("comings")
        self._site = client.parse_address(settings.MQTT_URL).username or ""

    def look(self, connection: Connection) -> None:
        try:
            with connection.channel() as channel:  # what it took and did not acknowledge goes back
                channel.auto_decode = False
                while not self._stopping.is_set() and self._bring(channel):
                    pass
            self._tell("")
        except NotFound:
            self._tell(
                f"the broker has no queue {CONNECTIONS}: who is connected is guessed from what devices send. It loads"
                " docker/rabbitmq/definitions.json when it starts"
            )
        except DatabaseError as error:
            self._tell(f"who came and left waits for the database: {error}")
        finally:
            close_old_connections()

    def lose(self, why: str) -> None:
        self._tell(f"the broker can't be asked who came and left: {why}")

    def _bring(self, channel: Channel) -> bool:
        """Write some of what waits; return whether there may be more."""
        close_old_connections()
        taken: list[Message] = []
        while len(taken) < MOST and (message := channel.basic_get(CONNECTIONS)) is not None:
            taken.append(message)
        if not taken:
            return False
        if taken[0].delivery_info["message_count"] > FULL:
            timeline.forget_broker()
        read = (read_event(each.delivery_info["routing_key"], each.headers or {}, self._site) for each in taken)
        store([said for said in read if said is not None])
        channel.basic_ack(taken[-1].delivery_tag, multiple=True)
        return len(taken) == MOST
