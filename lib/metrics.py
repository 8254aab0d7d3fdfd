"""What this process counts and measures, in Prometheus' words; each is declared here, once.

No label names a tenant, a device or an address: their values come from the code alone, so that their number is bounded.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.conf import settings
from prometheus_client import Counter, Gauge, Histogram, start_http_server

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

log = logging.getLogger(__name__)

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)

REQUESTS = Counter(
    "handover_http_requests_total", "Requests answered, by the route's name.", ["route", "method", "status_class"]
)
REQUEST_SECONDS = Histogram(
    "handover_http_request_duration_seconds", "Until the answer's head was made.", ["route"], buckets=SECONDS
)
STREAMS = Gauge("handover_open_streams", "Live streams that this process holds.")
REPORTS = Counter("handover_reports_stored_total", "Reports that were stored and new.")
PRESSES = Counter("handover_presses_total", "Presses of the register button that moved a window on.")
BATCH_SECONDS = Histogram("handover_batch_duration_seconds", "Storing one batch of messages.", buckets=SECONDS)
BATCH_MESSAGES = Histogram(
    "handover_batch_messages", "Messages in one batch.", buckets=(1, 3, 10, 30, 100, 300, 1_000, 3_000)
)
LAG = Gauge("handover_consumer_lag_seconds", "How far the consumer is behind what comes to the broker.")
QUEUED = Gauge("handover_consumer_queued_messages", "Taken from the broker, and not stored yet.")
PARTS = Gauge("handover_consumer_parts", "Parts of the devices that this consumer has; none while it stands by.")
TASKS = Counter("handover_tasks_total", "Background tasks that ended.", ["task", "outcome"])
TASK_SECONDS = Histogram("handover_task_duration_seconds", "One run of a task.", ["task"], buckets=(*SECONDS, 300.0))


def count_request(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Count an answered request by the name of its route, never by its path; `none` where there is no route."""
    match = request.resolver_match
    route = (match.view_name or "unnamed") if match else "none"
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(route, method, f"{response.status_code // 100}xx").inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


def listen() -> None:
    """Serve what this process counts, where METRICS_PORT is set. A taken port is told in the log, and stops nothing."""
    if not settings.METRICS_PORT:
        return
    try:
        start_http_server(settings.METRICS_PORT, addr=settings.METRICS_HOST)
    except OSError as error:
        log.error("no metrics at %s:%d: %s", settings.METRICS_HOST, settings.METRICS_PORT, error)  # noqa: TRY400
