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
    """And hangs up, in 2.0.11: who comes back has its own reports taken."""
    listener, device = listen(port), Gateway(port, OWN, "", "")
    assert device.connect() == "Success"
    assert device.publish(f"devices/{OTHER}/state", "foreign")
    assert device.connect() == "Success"
    assert device.publish(f"devices/{OWN}/state", "own")
    eventually(lambda: listener.received)
    assert [payload for _, payload, _ in listener.received] == [b"own"]
    device.leave()
    listener.leave()


@pytest.mark.parametrize(("device_id", "code"), [(OTHER, 0x87), (OWN, 0x00)])
def test_in_mqtt_5_it_says_why(port: int, device_id: str, code: int) -> None:
    listener, codes = listen(port), []
    device: Any = Client(CallbackAPIVersion.VERSION2, OWN, protocol=MQTTv5, reconnect_on_failure=False)
    device.on_publish = lambda _, __, ___, reason, *____: codes.append(reason.value)
    device.on_connect = lambda *_: device.publish(f"devices/{device_id}/state", "x", 1)
    device.connect("127.0.0.1", port)
    device.loop_start()
    eventually(lambda: codes)
    assert codes == [code]  # not authorized; success
    if code == 0:
        eventually(lambda: listener.received)
    device.disconnect()
    device.loop_stop()
    listener.leave()
