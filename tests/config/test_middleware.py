from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse

from config.middleware import Connections

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.mark.django_db(transaction=True)
def test_an_answer_keeps_no_connection_while_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(connection, "close_at", 0)  # as where connections come from a pool
    Connections(lambda request: HttpResponse())(RequestFactory().get("/"))
    assert connection.connection is None


GZIP = {"accept-encoding": "gzip"}


def test_pages_and_json_are_compressed(client: Client, world: World) -> None:
    client.force_login(world.owner)
    plain, small = client.get("/").content, client.get("/", headers=GZIP)
    assert small["Content-Encoding"] == "gzip"
    assert len(small.content) < len(plain) / 3
    assert b"Anaheim" in gzip.decompress(small.content)
    assert client.get("/api/v1/devices/", headers=GZIP)["Content-Encoding"] == "gzip"
    assert client.get("/api/v1/nothing/", headers=GZIP).status_code == 404


@pytest.mark.django_db
def test_what_is_streamed_or_has_a_strong_etag_is_not(client: Client, world: World) -> None:
    """A program sends the ETag back as it got it, in If-Match; Django would make it a weak one."""
    client.force_login(world.owner)
    device = client.get(f"/api/v1/devices/{world.placed.serial}/", headers=GZIP)
    assert device["ETag"].startswith('"')
    assert not device.has_header("Content-Encoding")
    assert not client.get(reverse("provisioning:journal-export"), headers=GZIP).has_header("Content-Encoding")
