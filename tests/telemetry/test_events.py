from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.connections import presence
from devices.models import Event

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


def test_pages_through_all_of_them_once(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    for _ in range(60):
        presence.record_change(Event.Kind.CONNECTED, [world.placed.pk])
        presence.record_change(Event.Kind.DISCONNECTED, [world.placed.pk, world.foreign.pk])
    url, seen = reverse("telemetry:events", kwargs={"serial": world.placed.serial}), 0
    while True:
        html = client.get(url).content.decode()
        seen += html.count("event-kind")
        older = re.search(r'rel="next" href="([^"]+)"', html)
        if older is None:
            break
        url = url.split("?")[0] + older[1]
    assert seen == 121  # and when it was provisioned
    assert "Placed in a group" in html
    assert "by somebody outside your groups" in html


ODD = ("x", "-1", "1e9", "9" * 40, "\u0663")


@pytest.mark.parametrize(("before", "status"), [("", 200), *((odd, 400) for odd in ODD)])
def test_a_page_of_events_that_is_none_is_refused(client: Client, world: World, before: str, status: int) -> None:
    client.force_login(world.viewer)
    answer = client.get(reverse("telemetry:events", kwargs={"serial": world.placed.serial}), {"before": before})
    assert answer.status_code == status
    assert (b"Placed in a group" in answer.content) == (status == 200)
