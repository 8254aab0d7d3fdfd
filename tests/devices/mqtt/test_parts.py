"""All reports are one part, or twelve that several consumers share: sessions, filters and devices of each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from devices.mqtt import parts, topics

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

STATES = ("devices/+/state", "losant/+/state")


@pytest.mark.parametrize(
    ("consumers", "divides", "count", "filters"),
    [
        (1, "", 1, (*STATES, "handover/fence")),
        (1, "share", 1, (*STATES, "handover/fence")),
        (3, "", 1, (*STATES, "handover/fence")),
        (3, "exchange", 12, ("handover/fence",)),
        (2, "share", 12, ("$share/handover/devices/+/state", "$share/handover/losant/+/state", "handover/fence")),
    ],
)
def test_there_are_parts_where_a_broker_divides_for_several(
    settings: Settings, consumers: int, divides: str, count: int, filters: tuple[str, ...]
) -> None:
    settings.CONSUMERS, settings.BROKER_DIVIDES = consumers, divides
    assert (parts.count_parts(), parts.list_filters()) == (count, filters)


def test_a_part_is_a_session_and_the_only_one_has_the_sites_own_name(settings: Settings) -> None:
    settings.MQTT_CLIENT_ID = "site"
    assert parts.list_sessions(1) == ["site"]
    assert parts.list_sessions(3) == ["site-0", "site-1", "site-2"]


def test_a_device_is_always_in_the_same_part_and_devices_are_spread() -> None:
    devices = [f"{number:024x}" for number in range(1_200)]
    found = [parts.find_part(device, parts.PARTS) for device in devices]
    assert found == [parts.find_part(device, parts.PARTS) for device in devices]
    counted = Counter(found)
    assert {*counted} == {*range(12)}
    assert max(counted.values()) < 2 * min(counted.values())
    assert {parts.find_part(device, 1) for device in devices} == {0}


@pytest.mark.parametrize("number", [2, 3, 4, 6])
def test_so_many_consumers_have_as_many_parts_each(number: int) -> None:
    assert parts.PARTS % number == 0


@pytest.mark.parametrize(
    ("topic", "patterns"),
    [
        ("devices/0123456789abcdef01234567/state", ("devices/0123456789abcdef01234567/state", "devices/+/state")),
        ("losant/0123456789abcdef01234567/command", ("losant/0123456789abcdef01234567/command", "losant/+/command")),
        (topics.FENCE, (topics.FENCE,)),
    ],
)
def test_a_message_may_be_subscribed_to_by_its_name_or_for_every_device(topic: str, patterns: tuple[str, ...]) -> None:
    assert topics.list_patterns(topic) == patterns
