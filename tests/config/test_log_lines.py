"""Lines of the log: of real processes as JSON, with the ids that they are about; nobody writes a line of their own."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.conf import settings as django_settings
from django.http import Http404
from paho.mqtt.publish import single

from devices.access import get_device
from devices.mqtt import heartbeat
from lib import log
from lib.tasks import send
from tests import parts
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.processes import Process, eventually, python, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World

KNOWN = {"time", "level", "logger", "message", "exception", "request_id", "user_id", "organisation_id", "device_id"}
SITE = ("-m", "uvicorn", "config.asgi:application", "--no-access-log", "--http", "config.connections:Connection")
SECRET = "a-secret-of-the-broker-0123456789"


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Of a process that may be writing; what is no JSON object fails."""
    lines = file.read_text().splitlines(keepends=True)
    said = [json.loads(line) for line in lines if line.endswith("\n")]
    for line in said:
        assert set(line) <= KNOWN | {"task_id"}, line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert abs(datetime.fromisoformat(line["time"]) - datetime.now(UTC)) < timedelta(minutes=5)
    return said


@contextmanager
def logging_to(file: Path, process: Process) -> Iterator[Process]:
    process.log = file
    with running(process):
        yield process


@pytest.fixture
def redis(settings: Settings) -> Iterator[parts.Redis]:
    server = parts.Redis()
    server.start()
    settings.REDIS_URL = settings.CELERY_BROKER_URL = server.url
    yield server
    server.stop()


def ask(port: int, path: str, **headers: str) -> tuple[str, str]:
    """Return the body, and the id that the answer's head names."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        answer = urlopen(Request(f"http://127.0.0.1:{port}{path}", headers=named), timeout=30)
    except HTTPError as error:
        answer = error
    return answer.read().decode(), answer.headers["X-Request-ID"]


@pytest.mark.django_db(transaction=True)
def test_the_site_says_whose_request_it_was(client: Client, world: World, tmp_path: Path) -> None:
    port, file = parts.free_port(), tmp_path / "log"
    client.force_login(world.viewer)
    cookie = f"{django_settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    proxied = {"LOG_FORMAT": "json", "TRUSTED_PROXIES": "127.0.0.1"}
    with logging_to(file, python(*SITE, "--port", str(port), port=port, **proxied)):
        _, told = ask(
            port, f"/api/v1/devices/{world.placed.serial}/telemetry/?bad=1", Cookie=cookie, X_Request_ID="a.1"
        )
        _, made = ask(port, "/nowhere%0Aforged", X_Request_ID="a b\tc" * 30)
        eventually(lambda: {told, made} <= {line.get("request_id") for line in read_lines(file)})
    assert told == "a.1"
    assert re.fullmatch("[0-9a-f]{32}", made)
    lines = read_lines(file)
    (ours,) = [line for line in lines if line.get("request_id") == told]
    assert (ours["user_id"], ours["organisation_id"]) == (world.viewer.pk, world.kanarra.pk)
    # One of the refusal; where the machine is busy, others of what the request waited for.
    for theirs in [line for line in lines if line.get("request_id") == made]:
        assert set(theirs) == {"time", "level", "logger", "message", "request_id"}
    assert "@" not in file.read_text()


@pytest.mark.django_db
def test_whoever_may_see_a_device_has_it_in_their_lines(world: World) -> None:
    with log.about():
        get_device(world.viewer, world.placed.serial)
        assert log.gather() == {"device_id": world.placed.device_id}
    with log.about(), pytest.raises(Http404):
        get_device(world.viewer, world.foreign.serial)
    assert log.gather() == {}


@pytest.mark.django_db(transaction=True)
def test_nobody_but_the_proxy_chooses_a_requests_id(tmp_path: Path) -> None:
    port = parts.free_port()
    with logging_to(tmp_path / "log", python(*SITE, "--port", str(port), port=port, TRUSTED_PROXIES="10.0.0.1")):
        _, told = ask(port, "/nowhere", X_Request_ID="chosen")
        _, other = ask(port, "/static/nothing.js")
    assert "chosen" not in {told, other}
    assert f"[request_id={told}]\n" in (tmp_path / "log").read_text()


@pytest.mark.django_db(transaction=True)
def test_a_workers_lines_name_the_task_and_what_asked_for_it(redis: parts.Redis, tmp_path: Path) -> None:
    file = tmp_path / "log"
    command = ("-m", "celery", "-A", "config", "worker", "--pool", "threads", "--loglevel", "INFO")
    with logging_to(file, python(*command, LOG_FORMAT="json", REDIS_URL=redis.url)):
        with log.about(request_id="asked", user_id=7, organisation_id=8):
            send("config.tasks.clear_sessions")
        eventually(lambda: any("succeeded" in line["message"] for line in read_lines(file)), 60)
    (done,) = [line for line in read_lines(file) if "succeeded" in line["message"]]
    assert {"request_id": "asked", "user_id": 7, "organisation_id": 8}.items() <= done.items()
    (received,) = [line for line in read_lines(file) if line["message"].endswith("received")]
    assert done["task_id"] == received["task_id"]
    assert done["task_id"] in done["message"]


@pytest.mark.django_db(transaction=True)
def test_the_consumer_says_whose_message_it_was(redis: parts.Redis, world: World, tmp_path: Path) -> None:
    file, command = tmp_path / "log", ("-m", "celery", "-A", "config", "worker", "--pool", "solo", "--consumer")
    with running(mosquitto(tmp_path)) as broker:
        at: dict[str, Any] = {"MQTT_URL": f"mqtt://127.0.0.1:{broker.port}", "REDIS_URL": redis.url}
        with logging_to(file, python(*command, LOG_FORMAT="json", **at)):
            eventually(heartbeat.read, 60)
            topic = f"devices/{world.placed.device_id}/state"
            single(topic, b"none\nforged", qos=1, hostname="127.0.0.1", port=broker.port)
            eventually(lambda: any("device_id" in line for line in read_lines(file)))
    (about,) = [line for line in read_lines(file) if "device_id" in line]
    assert (about["device_id"], about["organisation_id"]) == (world.placed.device_id, world.kanarra.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", ["broker_gate", "broker_interpreter"])
def test_gates_and_interpreters_write_lines_of_json(command: str, tmp_path: Path) -> None:
    port, file = parts.free_port(), tmp_path / "log"
    given: dict[str, Any] = {
        "LOG_FORMAT": "json",
        "BROKER_AUTH_SECRET": SECRET,
        "METRICS_PORT": str(port),
        "METRICS_HOST": "192.0.2.1",
    }
    with logging_to(file, python("manage.py", command, "--port", str(port), port=port, **given)):
        eventually(lambda: any(line["level"] == "ERROR" for line in read_lines(file)))  # it can't listen there
    assert SECRET not in file.read_text()


def test_what_ends_a_process_is_a_line_too(tmp_path: Path) -> None:
    script = "import django; django.setup(); raise ValueError('no\\nsuch thing')"
    with logging_to(tmp_path / "log", python_alone(script)) as process:
        eventually(lambda: not process.is_up())
    (line,) = read_lines(tmp_path / "log")
    assert (line["level"], line["message"]) == ("CRITICAL", "no\\nsuch thing")
    assert line["exception"].startswith("Traceback")


def python_alone(script: str) -> Process:
    given = {"DJANGO_SETTINGS_MODULE": "config.settings", "LOG_FORMAT": "json"}
    return Process([sys.executable, "-c", script], env={**os.environ, **given})


@pytest.fixture
def record() -> logging.LogRecord:
    """One whose words a stranger chose."""
    try:
        raise ValueError("bad\r\n2026-01-01T00:00:00.000Z INFO site: forged \x1b[2J\u2028")  # noqa: TRY301
    except ValueError:
        chosen = "x\n2026-01-01T00:00:00.000Z INFO site: forged\r\x85\u2029\x00"
        return logging.LogRecord("site", logging.ERROR, "", 0, "said %s", (chosen,), sys.exc_info())


def test_no_message_begins_a_line_of_its_own(record: logging.LogRecord) -> None:
    said = log.Masking("%(levelname)s %(name)s: %(message)s").format(record)
    first, *trace = said.split("\n")
    assert first.startswith("ERROR site: said x\\n2026-01-01")
    assert all(line.startswith(log.INDENT) for line in trace)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", said)


def test_an_object_is_one_line(record: logging.LogRecord) -> None:
    said = log.Json().format(record)
    assert len(said.splitlines()) == 1
    assert "\n" not in json.loads(said)["message"]
    assert "forged" in json.loads(said)["exception"]


@pytest.mark.parametrize("form", [log.Masking("%(message)s"), log.Json()])
def test_no_link_that_opens_doors_is_in_a_line(form: log.Masking) -> None:
    path = "/accounts/password/reset/key/3-abcdef-0123456789/"
    record = logging.LogRecord("site", logging.ERROR, "", 0, f"at {path}", (), (OSError, OSError(path), None))
    assert "abcdef" not in form.format(record)


def test_what_one_context_is_about_no_other_says() -> None:
    seen: list[object] = []
    with log.about(device_id="d1"):
        with log.about(task_id="t"):
            log.note(user_id=1)
            seen.append(log.gather())
        thread = threading.Thread(target=lambda: seen.append(log.gather()))
        thread.start()
        thread.join()
        seen.append(log.gather())
    assert seen == [{"device_id": "d1", "task_id": "t", "user_id": 1}, {}, {"device_id": "d1"}]
    log.note(user_id=1)
    assert log.gather() == {}
