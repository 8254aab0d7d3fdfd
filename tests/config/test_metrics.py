"""/metrics: for its token's holder alone; without names of tenants; and the dashboard asks for nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config import celery
from config.tasks import clear_sessions
from config.worker import handle_batch

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "b3ZlciB0aGUgaGlsbHMgYW5k"
DASHBOARD = json.loads((Path(__file__).resolve().parents[2] / "docs/grafana/handover.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]


@pytest.fixture
def scrape(client: Client, settings: Settings) -> str:
    settings.METRICS_TOKEN = TOKEN
    client.get("/accounts/login/")
    handle_batch([])
    clear_sessions.apply()
    return client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()


@pytest.mark.parametrize(("token", "sent"), [("", "Bearer "), ("", ""), (TOKEN, ""), (TOKEN, f"Bearer {TOKEN}x")])
def test_without_the_token_nothing_is_there(client: Client, settings: Settings, token: str, sent: str) -> None:
    settings.METRICS_TOKEN = token
    answer = client.get("/metrics", headers={"Authorization": sent})
    missing = client.get("/no-such-page")
    assert (answer.status_code, answer.content) == (404, missing.content)


def test_requests_are_counted_by_route_never_by_path(client: Client, world: World, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    client.force_login(world.technician)
    client.get(f"/devices/{world.placed.serial}/")
    client.get("/no-such-page-of-anybody")
    scraped = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    assert 'handover_http_requests_total{method="GET",route="telemetry:dashboard",status_class="2xx"}' in scraped
    assert 'route="none",status_class="4xx"' in scraped
    assert world.placed.serial not in scraped
    assert "no-such-page" not in scraped


def test_tasks_are_counted(scrape: str) -> None:
    assert celery._began == {}
    assert 'handover_tasks_total{outcome="success",task="config.tasks.clear_sessions"}' in scrape


def test_every_query_of_the_dashboard_names_what_is_served(scrape: str) -> None:
    served = set(re.findall(r"^(\w+)[{ ]", scrape, re.MULTILINE))
    asked = {name for expression in EXPRESSIONS for name in re.findall(r"handover_\w+", expression)}
    assert len(asked) > 10
    assert asked - served == set()
