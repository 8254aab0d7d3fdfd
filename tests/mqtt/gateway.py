"""A device with a will of its own, for tests: says what it is told to, and notes what happens to it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from devices.credentials.operations import Issued
    from devices.models import Device

ACCEPTED, REFUSED = "Success", "Not authorized"
PATIENCE = 30.0
"""Longer than a broker waits for whom it asks."""


class Gateway:
    def __init__(self, port: int, client_id: str, username: str, password: str, *, clean: bool = True) -> None:
        self.client_id = client_id
        self.answer = ""
        self.lost = threading.Event()
        self.granted: list[str] = []
        self.received: list[tuple[str, bytes, bool]] = []
        self.client = client = Client(
            CallbackAPIVersion.VERSION2, client_id, clean_session=clean, reconnect_on_failure=False
        )
        client.username_pw_set(username, password)
        client.on_connect = self._connected
        client.on_disconnect = lambda *_: self.lost.set()
        client.on_subscribe = lambda _, __, ___, codes, *____: self.granted.extend(str(code) for code in codes)
        client.on_message = lambda _, __, message: self.received.append(
            (message.topic, bytes(message.payload), message.retain)
        )
        self._port = port

    def _connected(self, _: Client, __: Any, ___: Any, code: Any, *____: Any) -> None:
        self.answer = str(code)

    def connect(self) -> str:
        """What the broker answered; "" if it hung up."""
        self.knock()
        return self.told()

    def knock(self) -> None:
        # paho's thread may not have ended when it says that the connection went; and it never does while there is one,
        # and a message without its acknowledgement.
        self.vanish()
        self.answer = ""
        self.lost.clear()
        self.client.connect("127.0.0.1", self._port, 30)
        assert self.client.loop_start() == MQTTErrorCode.MQTT_ERR_SUCCESS

    def told(self, seconds: float = PATIENCE) -> str:
        """What the broker answered since `knock`; "" if it hung up."""
        eventually(lambda: self.answer or self.lost.is_set(), seconds)
        return self.answer

    def publish(self, topic: str, payload: str | bytes = '{"data": {"rpm": 1}}', **options: Any) -> bool:
        """Whether it was acknowledged."""
        info = self.client.publish(topic, payload, **{"qos": 1, **options})
        try:
            eventually(lambda: info.is_published() or self.lost.is_set(), PATIENCE)
            return info.is_published()
        except RuntimeError:  # paho's way to say that the connection went while it was sent
            return False

    def subscribe(self, topic: str) -> str:
        """What was granted; "" if the broker hung up."""
        self.granted.clear()
        self.client.subscribe(topic, 1)
        eventually(lambda: self.granted or self.lost.is_set(), PATIENCE)
        return self.granted[0] if self.granted else ""

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self) -> None:
        """As a device does that loses its power."""
        if connected := self.client.socket():
            connected.close()
        self.client.loop_stop()


def gateway(port: int, device: Device, issued: Issued, **options: Any) -> Gateway:
    return Gateway(port, device.device_id, issued.access_key, issued.access_secret, **options)
