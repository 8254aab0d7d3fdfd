from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.mqtt import topics

DEVICE = "0123456789abcdef01234567"


@pytest.mark.parametrize("root", topics.ROOTS)
@pytest.mark.parametrize("channel", ["state", "command"])
def test_what_is_built_is_parsed(root: str, channel: topics.Channel) -> None:
    assert topics.parse_topic(topics.build_topic(DEVICE, channel, root)) == (DEVICE, channel)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "devices/+/state",
        "devices/#",
        f"devices/{DEVICE}/states",
        f"devices/{DEVICE}/state/",
        f"devices/{DEVICE}/state\n",
        f"/devices/{DEVICE}/state",
        f"devices/{DEVICE.upper()}/state",
        f"devices/{DEVICE}0/state",
        f"$share/group/devices/{DEVICE}/state",
        f"$SYS/devices/{DEVICE}/state",
        f"other/{DEVICE}/state",
    ],
)
def test_every_other_topic_is_nobodys(topic: str) -> None:
    assert topics.parse_topic(topic) is None


@given(st.text())
def test_any_text_at_all(text: str) -> None:
    assert topics.parse_topic(text) is None
