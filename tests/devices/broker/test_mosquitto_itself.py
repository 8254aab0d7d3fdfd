"""What Mosquitto answers a device that publishes what is not its own, with an access list of a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tests.mqtt.gateway import Gateway
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.processes import eventually, running

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN, OTHER = "0" * 23 + "1", "0" * 23 + "2"
RULES = """\
topic read #
pattern write devices/%c/state
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running(mosquitto(tmp_path_factory.mktemp("mosquitto"), rules=RULES)) as broker:
        yield broker.port


def listen(port: int) -> Gateway:
    listener = Gateway(port, "listener", "", "")
    assert listener.connect() == "Success"
    assert listener.subscribe("devices/+/state") == "Granted QoS 1"
    return listener


def test_it_acknowledges_and_drops(port: int) -> None:
    listener, device = listen(port), Gateway(port, OWN, "", "")
    assert device.connect() == "Success"
    assert device.publish(f"devices/{OTHER}/state", "foreign")
    assert device.publish(f"devices/{OWN}/state", "own")
    eventually(lambda: listener.received)
    assert [payload for _, payload, _ in listener.received] == [b"own"]
    assert not device.lost.is_set()
    device.leave()
    listener.leave()


def test_in_mqtt_5_it_says_why(port: int) -> None:
    listener, codes = listen(port), []
    device: Any = Client(CallbackAPIVersion.VERSION2, OWN, protocol=MQTTv5, reconnect_on_failure=False)
    device.on_publish = lambda _, __, ___, code, *____: codes.append(code.value)
    device.connect("127.0.0.1", port)
    device.loop_start()
    for topic in (OTHER, OWN):
        device.publish(f"devices/{topic}/state", topic, 1)
    eventually(lambda: len(codes) == 2)
    eventually(lambda: listener.received)
    assert codes == [0x87, 0x00]  # not authorized; success
    assert [payload.decode() for _, payload, _ in listener.received] == [OWN]
    assert device.is_connected()
    device.disconnect()
    device.loop_stop()
    listener.leave()
