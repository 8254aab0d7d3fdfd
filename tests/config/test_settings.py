"""What the site refuses to start with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
        ("METRICS_TOKEN", "scrape"),
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


FORWARDED = """
import django
django.setup()
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.test import RequestFactory
forged = {"X-Forwarded-For": "203.0.113.5, 198.51.100.7", "X-Forwarded-Proto": "https"}
request = RequestFactory().get("/", headers=forged, REMOTE_ADDR="192.0.2.9")
print(get_adapter().get_client_ip(request), request.is_secure(), settings.REST_FRAMEWORK["NUM_PROXIES"])
"""


@pytest.mark.parametrize(
    ("behind", "believed"), [({}, "192.0.2.9 False 0"), ({"BEHIND_PROXY": "1"}, "198.51.100.7 True 1")]
)
def test_forwarded_addresses_are_believed_of_a_proxy_alone(behind: dict[str, str], believed: str) -> None:
    """And of what such a header says only the last, which is the proxy's own word."""
    said = production(FORWARDED, DJANGO_SETTINGS_MODULE="config.settings", **behind)
    assert said.stdout.strip() == believed, said.stderr


LIMITS = """
from config import asgi
from django.db import connections
print(connections["default"].settings_dict["OPTIONS"]["options"])
"""


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, "-c lock_timeout=4000 -c statement_timeout=30000"),
        ({"DATABASE_LOCK_SECONDS": "0", "DATABASE_STATEMENT_SECONDS": "1.5"}, "-c statement_timeout=1500"),
    ],
)
def test_the_sites_statements_have_an_end(given: dict[str, str], asked: str) -> None:
    said = production(LIMITS, **given)
    assert said.stdout.strip() == asked, said.stderr


def started_with(tmp_path: Path, dot_env: str, **env: str) -> subprocess.CompletedProcess[str]:
    """With the file's lines in `.env` beside manage.py, and little else in the environment."""
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("__pycache__", "demo"))
    shutil.copytree(ROOT / "lib", tmp_path / "lib")
    (tmp_path / ".env").write_text(dot_env)
    command = [
        sys.executable,
        "-c",
        "from config.settings import *; print(DATABASES['default']['NAME'], ALLOWED_HOSTS)",
    ]
    clean = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, cwd=tmp_path, env=clean | env, capture_output=True, text=True, check=False)


SECRET = f"SECRET_KEY={PRODUCTION['SECRET_KEY']}\n"


def test_production_reads_the_file_beside_it_after_the_environment(tmp_path: Path) -> None:
    lines = f"{SECRET}DATABASE_URL=postgres://a:b@c/d\nALLOWED_HOSTS=one.example\n"
    said = started_with(tmp_path, lines, ALLOWED_HOSTS="two.example")
    assert said.stdout == "d ['two.example']\n", said.stderr


@pytest.mark.parametrize("lines", [SECRET, f"{SECRET}DATABASE_URL=\n"])
def test_production_never_falls_back_to_a_file(tmp_path: Path, lines: str) -> None:
    said = started_with(tmp_path, lines)
    assert said.returncode != 0
    assert "Set DATABASE_URL: postgres://" in said.stderr


def test_the_demo_reads_none(tmp_path: Path) -> None:
    assert started_with(tmp_path, "DATABASE_URL=postgres://a:b@c/d\n", DEMO="1").stdout.endswith(
        "handover.sqlite3 ['*']\n"
    )


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("HOOK_NETWORKS", "10.1.2.0/24,10.1.2.5/24", "10.1.2.5/24 has host bits set"),
        ("TRUSTED_PROXIES", "unix,proxy", "'proxy' does not appear to be"),
    ],
)
def test_a_network_that_is_none_is_refused_before_anything_needs_it(name: str, wrong: str, words: str) -> None:
    refused = production(**{name: wrong})
    assert refused.returncode != 0
    assert f"{name} has " in refused.stderr
    assert words in refused.stderr
