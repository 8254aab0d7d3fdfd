"""Doors count what they refuse of an address in a minute: each test has a minute of its own."""

from __future__ import annotations

import itertools

import pytest
from django.core.cache import cache

from provisioning.doors import device_http

MINUTES = itertools.count()


@pytest.fixture(autouse=True)
def _own_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    minute = next(MINUTES)
    monkeypatch.setattr(device_http, "_read_minute", lambda: minute)
