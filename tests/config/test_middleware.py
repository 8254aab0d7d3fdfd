from __future__ import annotations

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory

from config.middleware import Connections


@pytest.mark.django_db(transaction=True)
def test_an_answer_keeps_no_connection_while_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(connection, "close_at", 0)  # as where connections come from a pool
    Connections(lambda request: HttpResponse())(RequestFactory().get("/"))
    assert connection.connection is None
