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


PRODUCTION = {
    "DEMO": "0",
    "SECRET_KEY": "F3tq1Zr0yWm8cKx5Vn2bLj7Hg4Ds9PaQeUiOoTwRXzNvMlBkCh",
    "ALLOWED_HOSTS": "site.test",
    "DATABASE_URL": "postgres://site@127.0.0.1/site",
}


def production(script: str = "import config.settings", **given: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=kept | PRODUCTION | given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "weak"),
    [
        ("SECRET_KEY", "x"),
        ("SECRET_KEY", "F3tq1Zr0yWm8cKx5Vn2bLj7Hg4Ds9PaQeUiOoTwRXzNvMlBkC"),
        ("SECRET_KEY", "abcabcabc" * 8),
        ("SECRET_KEY", f"django-insecure-{PRODUCTION['SECRET_KEY']}"),
        ("SECRET_KEY_FALLBACKS", "former"),
        ("BROKER_AUTH_SECRET", "guest"),
    ],
)
def test_a_secret_that_can_be_guessed_is_refused(name: str, weak: str) -> None:
    refused = production(**{name: weak})
    assert refused.returncode != 0
    assert "can be guessed. Give" in refused.stderr


COOKIES = """
import django
from django.conf import settings
django.setup()
names = settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME
print(*names, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SESSION_COOKIE_DOMAIN,
      settings.SESSION_COOKIE_PATH, settings.CSRF_COOKIE_DOMAIN, settings.CSRF_COOKIE_PATH)
"""


def test_cookies_are_this_hosts_alone() -> None:
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings"}
    assert production(COOKIES, **environment).stdout.split() == [
        "__Host-session",
        "__Host-csrf",
        "True",
        "True",
        "None",
        "/",
        "None",
        "/",
    ]
    without = production(COOKIES, HTTPS="0", **environment)
    assert without.stdout.split() == ["sessionid", "csrftoken", "False", "False", "None", "/", "None", "/"]
