"""A device that sends on and on, whatever happens to the broker, and knows what was acknowledged."""

from __future__ import annotations

import itertools
import json
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from tests.stack import Factory

AT_ONCE = 20  # messages that are not acknowledged


class Sender(threading.Thread):
    """One device, for as long as it is asked to; keeps what was acknowledged."""

    def __init__(self, port: int, device: Factory) -> None:
        super().__init__(daemon=True)
        self.device = device
        self.acknowledged: list[int] = []
        self.stopped = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, device.device_id, clean_session=False)
        self._client.username_pw_set(device.access_key, device.access_secret)
        self._client.reconnect_delay_set(1, 2)
        self._client.connect_async("127.0.0.1", port, keepalive=10)
        self._answers: SimpleQueue[int] = SimpleQueue()
        self._client.on_publish = lambda _, __, mid, *___: self._answers.put(mid)
        self._waiting: dict[int, int] = {}
        self._mark = 0

    def goes_on(self) -> bool:
        """Whether it goes on: some more was acknowledged since this was asked first."""
        self._mark = self._mark or len(self.acknowledged)
        return len(self.acknowledged) > self._mark + 2 * AT_ONCE

    def run(self) -> None:
        self._client.loop_start()
        for at in itertools.count(int(time.time() * 1000) - 86_400_000):
            if self.stopped.is_set():
                break
            while len(self._waiting) >= AT_ONCE and not self.stopped.wait(0.01):
                self._sort()
            body = json.dumps({"data": {"rpm": at % 1000}, "time": at})
            self._waiting[self._client.publish(f"devices/{self.device.device_id}/state", body, qos=1).mid] = at
            time.sleep(0.02)
        time.sleep(1)
        self._sort()
        self._client.disconnect()
        self._client.loop_stop()

    def _sort(self) -> None:
        while not self._answers.empty():
            self.acknowledged.append(self._waiting.pop(self._answers.get()))
