"""All imports of the organisation, newest first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.urls import reverse

from devices.imports import status as import_status
from devices.models import Import
from tests.devices.imports.pages import words

if TYPE_CHECKING:
    import pytest
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

QUERIES = 3


def make(world: World, count: int) -> None:
    given = {"organisation": world.kanarra, "version": world.version, "by": world.owner}
    Import.objects.bulk_create(Import(total=number, **given) for number in range(1, count + 1))


def totals(body: str) -> list[int]:
    return [int(number) for number in re.findall(r">(\d+) devices</a>", body)]


def test_none_yet(client: Client, world: World) -> None:
    client.force_login(world.owner)
    assert "No imports yet" in words(client.get(reverse("devices:imports")))


def test_pages_by_key_there_and_back(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(import_status, "SIZE", 4)
    client.force_login(world.owner)
    make(world, 10)
    Import.objects.create(organisation=world.other, version=world.other_version, total=777)
    url, seen = reverse("devices:imports"), []
    client.get(url)
    for number in range(3):
        with django_assert_num_queries(QUERIES):
            body = client.get(url).content.decode()
        seen.append(totals(body))
        assert ('rel="prev"' in body) is (number > 0)
        url = reverse("devices:imports") + (re.findall(r'rel="next" href="([^"]+)"', body) or [""])[0]
    assert seen == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]
    back = re.findall(r'rel="prev" href="([^"]+)"', body)[0]
    assert totals(client.get(reverse("devices:imports") + back).content.decode()) == [6, 5, 4, 3]


def test_odd_keys(client: Client, world: World) -> None:
    client.force_login(world.owner)
    make(world, 2)
    for odd in ("x", "-1", "0", "9" * 30, "\x00", "1.5"):
        assert client.get(reverse("devices:imports"), {"after": odd}).status_code == 400
        assert client.get(reverse("devices:imports"), {"before": odd}).status_code == 400
