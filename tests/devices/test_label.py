from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
import segno

from devices import labels

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.mark.parametrize("page", ["label/", "label.svg"])
def test_who_may_print(client: Client, world: World, page: str) -> None:
    url = f"/devices/{world.placed.serial}/{page}"
    assert client.get(url).status_code == 302
    client.force_login(world.viewer)
    assert client.get(url).status_code == 200
    foreign = client.get(f"/devices/{world.foreign.serial}/{page}")
    absent = client.get(f"/devices/0000/{page}")
    assert foreign.status_code == absent.status_code == 404
    assert (foreign.content, dict(foreign.headers)) == (absent.content, dict(absent.headers))


def test_the_label(client: Client, world: World) -> None:
    client.force_login(world.owner)
    body = client.get(f"/devices/{world.waiting.serial}/label/").content.decode()
    assert f">{world.waiting.serial_grouped}<" in body
    assert "Kanarra" in body
    assert f'src="/devices/{world.waiting.serial}/label.svg"' in body


def test_the_symbol(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    response = client.get(f"/devices/{world.placed.serial}/label.svg")
    assert response["Content-Type"] == "image/svg+xml"
    assert response["X-Content-Type-Options"] == "nosniff"
    root = ElementTree.fromstring(response.content)
    side = 21 + 2 * labels.QUIET
    assert root.get("viewBox") == f"0 0 {side * 8} {side * 8}"


def test_the_symbol_is_the_upper_case_serial_at_level_q() -> None:
    drawn = labels.symbol("abcd1234efgh").decode()
    expected = segno.make("ABCD1234EFGH", error="q", micro=False, boost_error=False)
    assert (expected.designator, expected.mode) == ("1-Q", "alphanumeric")
    modules = re.findall(r'd="([^"]+)"', drawn)[-1]
    assert modules in expected.svg_inline(border=labels.QUIET, scale=8, omitsize=True)
