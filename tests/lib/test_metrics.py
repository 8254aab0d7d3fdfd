"""Requests are counted by their route alone: no address, and no method that a stranger made up, becomes a label."""

from __future__ import annotations

import logging
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from prometheus_client import REGISTRY

from lib import metrics

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings


def read(**labels: str) -> float:
    return REGISTRY.get_sample_value("handover_http_requests_total", labels) or 0


@pytest.mark.parametrize(
    ("name", "method", "status", "labels"),
    [
        ("own:page", "GET", 200, {"route": "own:page", "method": "GET", "status_class": "2xx"}),
        ("own:page", "BREW", 405, {"route": "own:page", "method": "other", "status_class": "4xx"}),
        ("", "POST", 302, {"route": "unnamed", "method": "POST", "status_class": "3xx"}),
        (None, "DELETE", 599, {"route": "none", "method": "DELETE", "status_class": "5xx"}),
    ],
)
def test_a_request_counts_for_its_route(name: str | None, method: str, status: int, labels: dict[str, str]) -> None:
    request: Any = RequestFactory().generic(method, "/devices/SECRET/")
    request.resolver_match = None if name is None else SimpleNamespace(view_name=name)
    before, route = read(**labels), {"route": labels["route"]}
    seconds = REGISTRY.get_sample_value("handover_http_request_duration_seconds_sum", route) or 0
    metrics.count_request(request, HttpResponse(status=status), 2.5)
    assert read(**labels) == before + 1
    after = REGISTRY.get_sample_value("handover_http_request_duration_seconds_sum", route) or 0
    assert after - seconds == pytest.approx(2.5)


def test_without_a_port_nobody_listens(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(metrics, "start_http_server", lambda *args, **named: asked.append((args, named)))
    settings.METRICS_PORT = 0
    metrics.listen()
    assert asked == []
    settings.METRICS_PORT, settings.METRICS_HOST = 9100, "127.0.0.1"
    metrics.listen()
    assert asked == [((9100,), {"addr": "127.0.0.1"})]


def test_a_taken_port_is_told_and_stops_nothing(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.METRICS_PORT, settings.METRICS_HOST = taken.getsockname()[1], "127.0.0.1"
        with caplog.at_level(logging.ERROR):
            metrics.listen()
    assert f"no metrics at 127.0.0.1:{settings.METRICS_PORT}: " in caplog.text
