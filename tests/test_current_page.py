"""Which page one is on: the bars mark a page's own link, and nothing on the pages beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.urls import reverse

from tests.access import CAST, table
from tests.test_access import named

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World

PAGES = {
    name: row
    for name, row in table().items()
    if row.method == "get" and 200 in row.statuses and not name.endswith("stream")
}
MARKED = re.compile(r'<a class="(?:tab|bar-link)[^"]*" href="([^"]+)" aria-current="page"')


def find_marked(client: Client, world: World, name: str) -> tuple[str, set[str]]:
    """Return the page's path, and what its bars mark for somebody who may read it and register devices."""
    row = PAGES[name]
    able = [who for who, status in zip(CAST, row.statuses, strict=True) if status == 200]
    person = next((who for who in ("technician", "admin", "owner") if who in able), able[0])
    path = reverse(named(name), kwargs=row.kwargs(world))
    if person == "anonymous":
        return path, set()
    client.force_login(getattr(world, person))
    answer = client.get(path, row.data(world))
    is_page = not answer.streaming and answer["Content-Type"].startswith("text/html")
    return path, set(MARKED.findall(answer.content.decode())) if is_page else set()


def test_a_link_is_current_on_its_own_pages_alone(client: Client, world: World, settings: Settings) -> None:
    settings.DOWNLOADS_PERSON = len(PAGES)  # a server closes each answer, and its place is free
    found = {name: find_marked(client, world, name) for name in PAGES}
    astray = {
        name: (path, marked)
        for name, (path, marked) in found.items()
        if not all(path == url or (url != "/" and path.startswith(url)) for url in marked)
    }
    assert astray == {}
    register = {reverse("provisioning:register")}
    for name in ("provisioning:register", "provisioning:window"):
        assert found[name][1] == register, name
    assert found["devices:list"][1] == {"/"}
