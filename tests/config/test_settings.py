"""What the site refuses to start with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def started(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import config.settings"]
    env = {**os.environ, "DEMO": "1", "MQTT_PUBLIC_URL": url}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("url", ["mqtts://broker.example", "mqtt://[::1]:1884", ""])
def test_an_address_of_the_broker(url: str) -> None:
    assert started(url).returncode == 0


@pytest.mark.parametrize(
    "url",
    ["broker.example:1883", "mqtt://site:secret@broker", "mqtt://broker:port", "mqtt://a b", "mqtt://broker:65536"],
)
def test_what_is_none_is_refused_at_the_start(url: str) -> None:
    refused = started(url)
    assert refused.returncode != 0
    assert "MQTT_PUBLIC_URL is mqtt[s]://host:port" in refused.stderr
