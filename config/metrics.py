"""/metrics of the site: what this process counts, which parts are up, and a few totals out of the database."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error, connection
from django.db.models import Sum
from django.http import Http404, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from config import health
from devices.models import BulkAction, GroupDeviceCount, Import
from devices.mqtt.messages import counts
from devices.streams import open_streams
from lib import metrics
from lib.turns import out_of_turn
from provisioning.models import HookRun, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpRequest
    from prometheus_client.core import Metric

log = logging.getLogger(__name__)

FRESH_SECONDS = 15.0
MOST = 10_000  # that are counted of what may be many: a scrape is no burden


def _count_placed() -> int:
    return GroupDeviceCount.objects.aggregate(sum=Sum("devices"))["sum"] or 0


TOTALS: dict[str, tuple[str, Callable[[], int]]] = {
    "handover_placed_devices": ("Devices that are in a group, less the retired.", _count_placed),
    "handover_open_windows": ("Windows that are open.", lambda: Window.objects.open()[:MOST].count()),
    "handover_running_imports": (
        "Imports that a worker is at, or that wait for one.",
        lambda: Import.objects.filter(state__in=Import.WORKING)[:MOST].count(),
    ),
    "handover_running_actions": (
        "Actions on many devices that run, or wait for a worker.",
        lambda: BulkAction.objects.filter(state__in=BulkAction.WORKING)[:MOST].count(),
    ),
    "handover_waiting_hook_deliveries": (
        "Hooks' messages under way, 10,000 at most.",
        lambda: HookRun.objects.filter(state=HookRun.State.WAITING)[:MOST].count(),
    ),
}


class _Messages:
    """What became of devices' messages in this process (`devices.mqtt.messages.counts`)."""

    def collect(self) -> Iterator[Metric]:
        told = CounterMetricFamily(
            "handover_messages", "Messages handled; messages and values dropped, by cause.", labels=["outcome"]
        )
        for outcome in sorted({"handled", *counts}):
            told.add_metric([outcome], counts[outcome])
        yield told


class _Site:
    """The parts of /healthz, and totals of the database, which is asked once in FRESH_SECONDS."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._until = 0.0
        self._asking = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        parts = GaugeMetricFamily("handover_part_up", "1 where a part is up, as /healthz says.", labels=["part"])
        for part, up in health.check().items():
            parts.add_metric([part], up)
        yield parts
        for name, total in self._read_totals().items():
            yield GaugeMetricFamily(name, TOTALS[name][0], value=total)

    def _read_totals(self) -> dict[str, int]:
        """Return them; none while the database is away, rather than what was true before."""
        with self._asking:
            if time.monotonic() >= self._until:
                try:
                    self._known = {name: count() for name, (_, count) in TOTALS.items()}
                except Error as error:
                    log.warning("no totals for /metrics: %s", error)
                    self._known = {}
                finally:
                    connection.close_if_unusable_or_obsolete()
                self._until = time.monotonic() + FRESH_SECONDS
            return self._known


REGISTRY.register(_Messages())
SITE = CollectorRegistry(auto_describe=False)
SITE.register(_Site())
metrics.STREAMS.set_function(lambda: open_streams.count("process"))


@out_of_turn
@never_cache
@require_safe
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the metrics, to whoever has METRICS_TOKEN; to others, and without one, nothing is here."""
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    if not settings.METRICS_TOKEN or not constant_time_compare(request.headers.get("Authorization", ""), wanted):
        raise Http404
    return HttpResponse(generate_latest(REGISTRY) + generate_latest(SITE), content_type=CONTENT_TYPE_LATEST)
