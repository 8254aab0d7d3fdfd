"""Page and API give one verdict on each operation on groups: the same tree afterwards, or the same reason."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from devices.lifecycle import assignments
from tenants.groups import operations as groups
from tenants.models import Group, Membership, Role, User
from tests import builders
from tests.devices.api import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import World

pytestmark = pytest.mark.django_db
TRIES = {
    "create": ("root", "region", "holder", "closed", "elsewhere", "missing"),
    "rename": ("region", "elsewhere"),
    "archive": ("root", "region", "holder", "empty", "closed", "lived"),
    "restore": ("root", "empty", "closed", "elsewhere"),
    "delete": ("root", "region", "holder", "empty", "lived", "missing"),
}
MOVES = (
    *(("root", "holding"), ("region", "holding"), ("region", "empty"), ("region", "closed"), ("holder", "empty")),
    *(
        ("empty", "holding"),
        ("empty", "holder"),
        ("empty", "elsewhere"),
        ("missing", "holding"),
        ("holding", "missing"),
    ),
)


@dataclass
class Verdict:
    found: bool
    done: bool
    tree: list[tuple[object, ...]]
    reason: str = ""


@dataclass
class Doors:
    """The same person at both; each try is undone."""

    page: Client
    api: Program

    def by_page(self, act: str, pk: int, to: int) -> Verdict:
        name = "group-move-confirm" if act == "move" else f"group-{act}"
        seen = self._seen(pk, to) if act == "move" else ""
        data = {"new-name": "New", "rename-name": "New", "to": str(to), "seen": seen}

        def ask() -> tuple[int, str]:
            answer = self.page.post(reverse(f"tenants:{name}", kwargs={"pk": pk}), data)
            said = self.page.get(answer["Location"]) if answer.status_code == 302 and tree() == before else answer
            return answer.status_code, said.content.decode()

        before = tree()

        return self._tried(ask)

    def _seen(self, pk: int, to: int) -> str:
        """The digest of the page's preview, if it shows one."""
        shown = self.page.get(reverse("tenants:group-move", kwargs={"pk": pk}), {"to": to})
        preview = shown.context.get("preview") if shown.status_code == 200 else None
        return preview.digest if preview else ""

    def by_api(self, act: str, pk: int, to: int) -> Verdict:
        asks: dict[str, Callable[[], Any]] = {
            "create": lambda: self.api.post("groups/", {"name": "New", "parent": pk}),
            "rename": lambda: self.api.patch(f"groups/{pk}/", {"name": "New"}),
            "delete": lambda: self.api.delete(f"groups/{pk}/"),
            "move": lambda: self.api.post(f"groups/{pk}/move/", {"parent": to}),
        }

        def ask() -> tuple[int, str]:
            answer = asks.get(act, lambda: self.api.post(f"groups/{pk}/{act}/"))()
            told = answer.json() if answer.status_code >= 400 else {}
            # A parent that is not there is a value that can't be accepted, where the page has no such address.
            absent = any("/parent" in each["pointer"] for each in told.get("errors", ()))
            said = " ".join(each["detail"] for each in told.get("errors", ())) or told.get("detail", "")
            return 404 if absent else answer.status_code, said

        return self._tried(ask)

    def _tried(self, ask: Callable[[], tuple[int, str]]) -> Verdict:
        with transaction.atomic():
            before = tree()
            status, said = ask()
            after = tree()
            transaction.set_rollback(True)
        assert status < 500
        return Verdict(status != 404 or after != before, after != before, after, said)


def tree() -> list[tuple[object, ...]]:
    """Without the ids, which no two tries have in common."""
    return [
        (path, name, bool(archived))
        for path, name, archived in Group.objects.values_list("path", "name", "archived_at")
    ]


@pytest.fixture
def spots(world: World) -> dict[str, int]:
    """Groups of every kind, by what is special about them."""
    empty, closed, lived = (builders.make_group(world.region, name) for name in ("Empty", "Closed", "Lived in"))
    groups.archive(group=closed)
    device = builders.make_device(world.version, group=lived, by=world.owner)
    assignments.release(device=device, by=world.owner)
    holding = builders.make_group(world.tekton, "Holding")
    named = {"root": world.kanarra.root, "region": world.region, "holder": world.anaheim, "elsewhere": world.other_site}
    named |= {"empty": empty, "closed": closed, "lived": lived, "holding": holding}
    return {name: group.pk for name, group in named.items()} | {"missing": 999_999}


def actor(world: World, name: str, spots: dict[str, int]) -> User:
    if name != "two":
        found: User = getattr(world, name)
        return found
    two = builders.make_user("admin@two.example", world.region, Role.ADMIN)
    Membership.objects.create(user=two, group_id=spots["holding"], role=Role.ADMIN)
    return two


def tries() -> Iterator[tuple[str, str, str]]:
    yield from ((act, name, name) for act, names in TRIES.items() for name in names)
    yield from (("move", *pair) for pair in MOVES)


@pytest.mark.parametrize("name", ["owner", "admin", "two", "technician", "stranger"])
def test_page_and_api_agree(world: World, spots: dict[str, int], name: str) -> None:
    user = actor(world, name, spots)
    doors = Doors(Client(), Program(user))
    doors.page.force_login(user)
    manages = set(Group.objects.manageable_by(user).values_list("pk", flat=True))
    for act, one, to in tries():
        page, api = (door(act, spots[one], spots[to]) for door in (doors.by_page, doors.by_api))
        case = (name, act, one, to)
        assert (page.done, page.tree, page.found) == (api.done, api.tree, api.found), case
        assert page.found == (spots[one] in manages and spots[to] in manages), case
        if page.found and not page.done and api.reason:
            assert escape(api.reason) in page.reason, case


@pytest.mark.parametrize("act", ["move", "archive", "restore", "delete"])
def test_what_becomes_of_a_group_is_for_who_manages_the_one_above(
    world: World, spots: dict[str, int], act: str
) -> None:
    """An admin of two small groups takes nothing away from the tenant above it; one of both may."""
    spot, to = Group.objects.get(pk=spots["closed" if act == "restore" else "empty"]), spots["holding"]
    small = builders.make_user("admin@small.example", spot, Role.ADMIN)
    Membership.objects.create(user=small, group_id=to, role=Role.ADMIN)
    for above in (False, True):
        if above:
            Membership.objects.create(user=small, group=world.region, role=Role.ADMIN)
            if act == "delete":
                small.memberships.filter(group=spot).delete()
        user = User.objects.get(pk=small.pk)
        doors = Doors(Client(), Program(user))
        doors.page.force_login(user)
        page, api = (door(act, spot.pk, to) for door in (doors.by_page, doors.by_api))
        assert (page.done, api.done) == (above, above)
        if not above:
            assert api.reason == f"Your own powers begin at this group. Somebody above it can {act} it."
            assert escape(api.reason) in page.reason
            assert Program(user).patch(f"groups/{spot.pk}/", {"name": "Own name"}).status_code == 200


DEEPEST = 63


@pytest.fixture
def deep(world: World) -> list[Group]:
    """From right below the organisation to as deep as groups go."""
    line = [builders.make_group(world.kanarra.root, "Deep 2")]
    while line[-1].depth < DEEPEST:
        line.append(builders.make_group(line[-1], f"Deep {line[-1].depth + 1}"))
    return line


def test_groups_are_nested_only_so_deep(world: World, deep: list[Group]) -> None:
    doors = Doors(Client(), Program(world.owner))
    doors.page.force_login(world.owner)
    bottom, short = deep[-1], world.sadler  # three levels: Sadler-Isberg, Los Angeles, Anaheim
    for act, pk, to in (("create", bottom.pk, 0), ("move", short.pk, deep[-3].pk), ("move", short.pk, bottom.pk)):
        page, api = (door(act, pk, to) for door in (doors.by_page, doors.by_api))
        assert (page.done, api.done) == (False, False)
        assert "63" in api.reason
        assert escape(api.reason) in page.reason
    offered = doors.page.get(reverse("tenants:group-move", kwargs={"pk": short.pk}), {"q": "Deep 6"}).context["rows"]
    assert [row.name for row in offered] == ["Deep 6", "Deep 60"]
    page, api = (door("move", short.pk, deep[-4].pk) for door in (doors.by_page, doors.by_api))
    assert (page.done, api.done) == (True, True)


def test_every_page_shows_the_deepest(world: World, deep: list[Group]) -> None:
    device = builders.make_device(world.version, group=deep[-1], by=world.owner)
    pk, client = deep[-1].pk, Client()
    client.force_login(world.owner)
    for url in (
        "/groups/?q=deep",
        f"/groups/{pk}/",
        f"/groups/{pk}/move/",
        f"/groups/{pk}/move/?to={world.tekton.pk}",
        f"/?group={pk}",
        f"/?group={deep[0].pk}",
        f"/groups/{deep[30].pk}/tree/",
        f"/people/?group={pk}",
        f"/labels/?group={pk}",
        f"/devices/{device.serial}/",
        "/api/v1/groups/?q=deep",
        f"/api/v1/groups/{pk}/",
        f"/api/v1/devices/?group={pk}",
    ):
        assert client.get(url).status_code == 200, url
