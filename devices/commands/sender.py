"""The thread that sends commands, in the process that hosts the consumer; of several, each command has one sender."""

from __future__ import annotations

import logging
import secrets
import threading
import time

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

from devices.commands import operations, queue
from devices.mqtt.publisher import Publisher
from lib import live

log = logging.getLogger(__name__)

EVERY = 0.5  # seconds between two looks
EXPIRE_EVERY = 1.0
PAUSE = 2.0  # while the broker or the database is away


class Sender:
    def __init__(self, url: str = "") -> None:
        self._publisher = Publisher(f"{settings.MQTT_CLIENT_ID}-commands-{secrets.token_hex(4)}", url)  # one of several
        self._stopping = threading.Event()
        self._expire_at = 0.0
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 6.0) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE if self._failing else EVERY):
            try:
                while self.work() and not self._stopping.is_set():
                    pass
                self._publisher.keep_alive()
                self._failing = False
            except (DatabaseError, OSError) as error:
                if not self._failing:
                    log.warning("commands wait: %s", error)
                self._failing = True
            except Exception:
                log.exception("commands could not be sent, trying again")
                self._failing = True
            finally:
                close_old_connections()
        self._publisher.close()
        connections.close_all()

    def work(self) -> bool:
        """Send what is due; return whether there was something. Raises OSError where the broker takes nothing."""
        if time.monotonic() >= self._expire_at:
            operations.expire()
            self._expire_at = time.monotonic() + EXPIRE_EVERY
        jobs = queue.claim_due()
        for at, job in enumerate(jobs):
            try:
                self._publisher.publish(job.messages)
            except OSError:
                for left in jobs[at:]:
                    queue.give_back(left)
                raise
            queue.record_sent(job)
            live.announce([f"device:{job.command.device.device_id}"])
        return bool(jobs)
