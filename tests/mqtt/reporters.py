"""Devices that report, and what each makes of being refused."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.mqtt.gateway import ACCEPTED, Gateway, gateway

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessageInfo

    from devices.credentials.operations import Issued
    from devices.models import Device


class Faithful:
    """Devices that report five times a second, and take a refusal for final."""

    def __init__(self, gateways: list[Gateway]) -> None:
        self.gateways = gateways
        self._reports: list[MQTTMessageInfo] = []

    def report_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for each in self.gateways:
                assert not each.lost.is_set(), each.client_id
                self._reports.append(each.client.publish(f"devices/{each.client_id}/state", '{"data": {"rpm": 1}}', 1))
            time.sleep(0.2)

    def all_acknowledged(self) -> bool:
        return all(report.is_published() for report in self._reports)


class Busy:
    """Devices that report without a pause, each report another, and come back when they are thrown off."""

    def __init__(self, gateways: list[Gateway]) -> None:
        self.gateways = gateways
        self.acknowledged: list[bytes] = []

    def report(self, times: int) -> None:
        for number in range(times):
            for each in self.gateways:
                text = f"{each.client_id} {number} {time.monotonic()}"
                with suppress(AssertionError, OSError):
                    if each.lost.is_set():
                        each.knock()
                    elif each.publish(f"devices/{each.client_id}/state", text):
                        self.acknowledged.append(text.encode())
            time.sleep(0.02)


class Restless:
    """Publishes five times a second whatever it is told, and connects again as soon as it is thrown off."""

    def __init__(self, port: int, device: Device, issued: Issued) -> None:
        self.device = gateway(port, device, issued)
        self.topic = f"devices/{device.device_id}/state"

    def is_heard(self, text: str) -> bool:
        time.sleep(0.2)
        return self.device.publish(self.topic, text) or (
            self.device.connect() == ACCEPTED and self.device.publish(self.topic, text)
        )


def heard(those: list[Restless], text: str) -> list[bool]:
    return [each.is_heard(text) for each in those]
