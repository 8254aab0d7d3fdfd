"""What the pages cost that people look at all day: run in the tree of a build, new or old, with its database.

Reads a line of JSON each time, the name of a page and how often to ask for it; writes one: seconds of processor time a
page, of the process and of its backend at PostgreSQL, and by the clock; and how many statements it takes. A process of
its own asks for itself, so nothing here may be other than what both builds have.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

NUMBERS = ("speed", "power", "fuel", "oil", "heat", "volts", "amps", "hours")
STATES = ("state", "mode")
REPORTS = 200


def find_model(app: str, name: str) -> Any:
    """Return a model by its name: modules are called otherwise in other builds."""
    return apps.get_model(app, name)


def choose_device() -> Any:
    """Return a device with a group, online, that has reported ten attributes two hundred times."""
    device = find_model("devices", "Device")._base_manager.filter(group__depth__gte=3, connection__isnull=False).first()
    attributes = find_model("devices", "Attribute")
    if not attributes._base_manager.exists():
        for place, name in enumerate((*NUMBERS, *STATES)):
            kind = "number" if name in NUMBERS else "string"
            attributes._base_manager.create(
                version_id=device.version_id, name=name, label=name.title(), type=kind, unit="V", position=place
            )
        report(device)
    return device


def report(device: Any) -> None:
    moment, of = now(), {"device": device, "assignment_id": device.assignment_id}
    data = dict.fromkeys(NUMBERS, 1234.5) | dict.fromkeys(STATES, "running")
    reports = find_model("telemetry", "Report")
    reports._base_manager.bulk_create(
        reports(**of, at=moment - timedelta(seconds=10 * number), data=data) for number in range(1, REPORTS)
    )
    ms = int(time.time() * 1000)
    find_model("telemetry", "Latest")._base_manager.create(**of, data={name: [data[name], ms] for name in data})


def list_pages(device: Any) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return each page's address and headers, and the cookie of who asks: the organisation's admin, or a customer's."""
    page = device.get_absolute_url()
    admin, customer = (sign_in(person) for person in get_user_model()._default_manager.order_by("pk")[:2])
    devices = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "devices"}
    return {
        "home": ("/", admin, {}),
        "list": ("/", admin, devices),
        "device": (page, admin, {}),
        "live": (f"{page}live/", admin, {"HTTP_HX_REQUEST": "true", "HTTP_X_BACKGROUND": "1"}),
        "customer's home": ("/", customer, {}),
        "customer's list": ("/", customer, devices),
    }


def sign_in(person: Any) -> str:
    client = Client()
    client.force_login(person)
    return f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"


def read_backend_seconds(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def main() -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    pages, handler = list_pages(choose_device()), WSGIHandler()
    connection.settings_dict["CONN_MAX_AGE"] = None  # the same backend all along
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    for line in sys.stdin:
        name, times = json.loads(line)
        address, cookie, headers = pages[name]
        asked = RequestFactory().get(address, HTTP_COOKIE=cookie, HTTP_ACCEPT_ENCODING="gzip", **headers).environ
        with CaptureQueriesContext(connection) as queries:
            answer(handler, asked)
        statements = len(queries)
        began = time.process_time(), read_backend_seconds(backend), time.perf_counter()
        for _ in range(times):
            answer(handler, asked)
        ended = time.process_time(), read_backend_seconds(backend), time.perf_counter()
        took = [(after - before) / times for before, after in zip(began, ended, strict=True)]
        print(json.dumps([*took, statements]), flush=True)


def answer(handler: WSGIHandler, asked: dict[str, Any]) -> None:
    """Ask as a server does, to the last byte."""
    said: list[str] = []
    start: Any = lambda status, *_: said.append(status)  # noqa: E731
    response: Any = handler(asked | {"wsgi.input": BytesIO()}, start)
    for _ in response:
        pass
    response.close()
    assert said == ["200 OK"], said


if __name__ == "__main__":
    main()
