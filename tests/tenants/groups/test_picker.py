"""The field that asks for a group, and the pages that have one: what they cost does not grow with the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django import forms
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import picker
from tenants.models import Group, Role
from tenants.picker import GroupField
from tests import builders
from tests.provisioning.conftest import pressed_window

if TYPE_CHECKING:
    from django.test import Client

    from tenants.models import User
    from tests.conftest import World

pytestmark = pytest.mark.django_db
CHOICES = "/groups/choices/"


class Form(forms.Form):
    group = GroupField(empty_label="Choose a group")

    def __init__(self, *args: Any, user: User, among: str = "place", recent: list[Group] | None = None) -> None:
        super().__init__(*args)
        self.fields["group"].offer(user, among, recent=recent or [])  # type: ignore[attr-defined]


@pytest.fixture
def many(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """More leaves than a list holds: Anaheim and Los Angeles's halls."""
    monkeypatch.setattr(picker, "LISTED", 3)
    for n in range(5):
        builders.make_group(world.region, f"Hall {n}")
    return world


def hall(number: int) -> Group:
    found: Group = Group.objects.get(name=f"Hall {number}")
    return found


def test_few_are_a_list_under_their_parents(world: World) -> None:
    page = str(Form(user=world.technician)["group"])
    assert '<optgroup label="Sadler-Isberg › Los Angeles">' in page
    assert "Boise" not in page
    assert Form({"group": world.anaheim.pk}, user=world.technician).is_valid()


def test_many_are_searched(many: World) -> None:
    page = str(Form(user=many.technician, recent=[hall(3)])["group"])
    assert 'role="combobox"' in page
    assert "Used recently" in page
    assert "Hall 3" in page
    assert "Hall 2" not in page


@pytest.mark.parametrize(
    ("sent", "chosen"),
    [
        ({"group": "3"}, "Hall 3"),
        ({"group": "3", "group-sought": "Hall 3", "group-for": "Hall 3"}, "Hall 3"),
        ({"group": "", "group-sought": "Hall 4", "group-for": ""}, "Hall 4"),
        ({"group": "", "group-sought": " kaiser", "group-for": ""}, "Kaiser Permanente Anaheim"),
        ({"group": "", "group-sought": "", "group-for": "", "group-offered": "2"}, "Hall 2"),
        ({"group": "1", "group-sought": "Hall", "group-for": "Hall", "group-offered": "2"}, "Hall 2"),
        ({"group": "1", "group-sought": "Hall 4", "group-for": "Hall 1"}, "Hall 4"),  # written over
    ],
)
def test_however_it_is_chosen(sent: dict[str, str], chosen: str, many: World) -> None:
    given = {name: str(hall(int(value)).pk) if value.isdigit() else value for name, value in sent.items()}
    form = Form(given, user=many.technician)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["group"].name == chosen


@pytest.mark.parametrize(
    ("text", "said"), [("hall", "Several groups fit"), ("Angeles", "Several groups fit"), ("boise", "No group")]
)
def test_words_that_are_no_choice(text: str, said: str, many: World) -> None:
    form = Form({"group": "", "group-sought": text, "group-for": ""}, user=many.technician)
    assert said in str(form.errors)
    page = str(form["group"])
    assert f'value="{text}"' in page
    assert ("Hall 1" in page) == (said == "Several groups fit")


def test_foreign_groups_are_no_choice(many: World) -> None:
    for foreign in (many.boise, many.other_site, many.region):
        for name in ("group", "group-offered"):
            form = Form({name: foreign.pk}, user=many.technician)
            assert not form.is_valid()
            assert foreign.name not in str(form["group"])


@pytest.mark.parametrize(
    ("person", "among", "text", "found"),
    [
        ("technician", "place", "", ["Hall 0", "Hall 1", "Hall 2", "Hall 3", "Hall 4", "Kaiser Permanente Anaheim"]),
        ("technician", "place", "hall 1", ["Hall 1"]),
        ("technician", "place", "boise", []),
        ("technician", "manage", "hall", []),
        ("viewer", "place", "hall", []),
        ("sibling", "place", "", ["Boise"]),
        ("owner", "see", "els", []),
    ],
)
def test_suggestions(person: str, among: str, text: str, found: list[str], client: Client, many: World) -> None:
    client.force_login(getattr(many, person))
    answer = client.get(CHOICES, {"among": among, "q": text})
    assert [row.name for row in answer.context["rows"]] == found


@pytest.mark.parametrize("query", [{"among": "all"}, {}, {"among": "objects"}])
def test_an_unknown_choice(query: dict[str, str], client: Client, world: World) -> None:
    client.force_login(world.owner)
    assert client.get(CHOICES, query).status_code == 404
    assert client.get(CHOICES, {"among": "see", "q": "\0" * 500}).status_code == 200


def test_a_group_used_recently_is_one_tap_away(client: Client, many: World) -> None:
    window = pressed_window(many)
    client.force_login(many.technician)
    sent = {"name": "A", "group": hall(2).pk, "model": many.version.model_id or ""}
    answer = client.post(f"/register/{window.key}/place/", sent)
    assert answer.status_code == 302, answer.context["form"].errors
    many.waiting = builders.make_device(many.version, name="Next")
    page = client.get(f"/register/{pressed_window(many).key}/").content.decode()
    assert f'name="group-offered" value="{hall(2).pk}"' in page


OWNERS = [
    "/groups/",
    "/groups/?q=site",
    "/groups/{top}/",
    "/groups/{top}/children/",
    "/groups/{leaf}/move/",
    "/groups/{leaf}/move/?to={top}",
    "/groups/choices/?among=see&q=site",
    "/people/",
    "/people/invite/",
    "/journal/",
    "/tokens/",
    "/labels/",
    "/imports/",
    "/actions/",
    "/recipes/",
    "/recipes/{recipe}/",
    "/devices/new/",
    "/devices/new/?how=many",
    "/devices/{serial}/credentials/",
    "/register/",
    "/register/{window}/",
]


@pytest.mark.parametrize("listed", [200, 3], ids=["listed", "searched"])
def test_pages_ask_no_more_for_more_groups(
    listed: int, client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picker, "LISTED", listed)
    world.technician.memberships.update(group=world.kanarra.root, role=Role.ADMIN)
    window = pressed_window(world)
    client.force_login(world.technician)
    names = {
        "top": world.kanarra.root.pk,
        "leaf": world.anaheim.pk,
        "recipe": world.version.recipe_id,
        "serial": world.placed.serial,
        "window": window.key,
    }

    def asked() -> dict[str, int]:
        counts = {}
        for address in OWNERS:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address.format(**names)).status_code == 200
            counts[address] = len(queries)
        return counts

    def grow(number: int) -> None:
        for n in range(number):
            deep = builders.make_group(builders.make_group(world.sadler, f"Site {n}"), f"Site {n} below")
            builders.make_device(world.version, group=deep, by=world.owner, name=f"Site {n}")

    grow(2)
    asked()
    before = asked()
    grow(4)
    after = asked()
    assert {address: count for address, count in after.items() if count > before[address]} == {}


def test_words_that_were_understood_are_carried_on(client: Client, many: World) -> None:
    client.force_login(many.admin)
    sent = {"kind": "move", "set": "1", "scope": "ticked", "chosen": many.placed.serial, "group-sought": "hall 4"}
    page = client.post("/actions/new/", sent).content.decode()
    assert f'name="group" value="{hall(4).pk}"' in page


def test_labels_of_a_group_among_many(client: Client, many: World) -> None:
    client.force_login(many.admin)
    assert 'value="Los Angeles"' in client.get("/labels/", {"group": many.region.pk}).content.decode()
    assert "several" not in client.get("/labels/").content.decode().lower()
