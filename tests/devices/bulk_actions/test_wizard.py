"""From the list's selection over the preview to the action: what is meant, shown and done."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from devices.bulk_actions import eligibility, runner
from devices.credentials import operations as credentials
from devices.inventory.selection import Selection
from devices.models import BulkAction, Delivery, Device, DeviceModel, Event, Import, Touched
from tenants.models import Membership, Role
from tests import builders
from tests.devices.doing import act, started

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

FRAGMENT = {"HX-Request": "true", "HX-Target": "devices"}


@pytest.fixture
def fleet(world: World) -> list[Device]:
    """More than a page."""
    return [
        builders.make_device(world.version, group=world.anaheim, by=world.owner, name=f"Gateway {number:02}")
        for number in range(60)
    ]


def body(answer: Any) -> str:
    """Of a stream."""

    async def joined() -> bytes:
        return b"".join([chunk async for chunk in answer])

    text: str = async_to_sync(joined)().decode("utf-8-sig")
    return text


def carried(body: str) -> dict[str, str]:
    """What the page would post: its hidden fields."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', body.replace("&amp;", "&")))


def preview(client: Client, kind: str, status: int = 200, **data: Any) -> str:
    answer = client.post("/actions/new/", {"kind": kind, "set": "1", **data})
    assert answer.status_code == status
    return answer.content.decode()


def confirm(client: Client, body: str, **typed: str) -> Any:
    return client.post("/actions/run/", {**carried(body), **re_fields(body), **typed})


def re_fields(body: str) -> dict[str, str]:
    """The settings, carried as hidden fields too."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)" id="set-[^"]+"', body)
    return dict(found)


def test_only_admins_get_boxes_and_only_for_what_they_manage(client: Client, world: World) -> None:
    Membership.objects.create(user=world.admin, group=world.boise, role=Role.VIEWER)
    client.force_login(world.admin)
    body = client.get("/").content.decode()
    assert "Canary Boise One" in body
    assert re.findall(r"data-pick>.*?Select ([^<]+)<", body) == ["Anaheim One"]
    client.force_login(world.viewer)
    assert "data-pick" not in client.get("/?select=1").content.decode()


@pytest.mark.usefixtures("fleet")
def test_the_list_asks_no_more_for_more_boxes(client: Client, world: World) -> None:
    client.force_login(world.owner)
    client.get("/?select=1")  # what is known of a recipe's version is kept
    with CaptureQueriesContext(connection) as many:
        assert client.get("/?select=1&q=Gateway").content.count(b"data-pick>") == 50
    with CaptureQueriesContext(connection) as few:
        assert client.get("/?select=1&q=Gateway 0").content.count(b"data-pick>") == 10
    assert len(many) == len(few)


@pytest.mark.usefixtures("fleet")
def test_all_that_match_are_meant_over_pages_less_those_left_out(client: Client, world: World) -> None:
    client.force_login(world.admin)
    left_out = Device.objects.get(name="Gateway 07")
    given: dict[str, Any] = {"scope": "all", "query": "q=Gateway&after=5:x", "left_out": left_out.serial}
    body = preview(client, "tag", tag="site", value="roof", **given)
    assert "59 of 59 devices will change" in body
    answer = confirm(client, body)
    action = BulkAction.objects.get()
    assert answer["Location"] == action.get_absolute_url()
    assert (action.changed, Device.objects.filter(tags__site="roof").count()) == (59, 59)
    left_out.refresh_from_db()
    assert left_out.tags == {}


def test_thousands_are_set_apart(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def count_thousands(*asked: Any) -> eligibility.Preview:
        return replace(counted(*asked), total=2345, changing=1234, reasons={"locked already": 1111})

    action = act("lock", world.owner)
    counted = eligibility.preview
    monkeypatch.setattr(eligibility, "preview", count_thousands)
    client.force_login(world.owner)
    body = preview(client, "retire", scope="all")
    for said in ("1,234 of 2,345 devices will", "1,111 locked already", "Type 1,234 to confirm", r"and 2,3\d\d more"):
        assert re.search(said, body), said
    assert "that change: 1,234." in confirm(client, body, typed="1").content.decode()
    BulkAction.objects.update(changed=1234, total=2345, state=BulkAction.State.DONE)
    assert ">1,234 of 2,345<" in client.get(reverse("devices:actions")).content.decode()
    shown = client.get(action.get_absolute_url()).content.decode()
    assert ">1,234<" in shown


def test_serials_of_others_change_nothing(client: Client, world: World) -> None:
    client.force_login(world.admin)
    named = [world.placed.serial, world.foreign.serial, world.alien.serial, world.waiting.serial, "NOSUCHDEVICE"]
    body = preview(client, "lock", serial=named)
    assert "1 of 1 device will change" in body
    assert "4 not yours to manage, or not there" in body
    assert "Canary" not in body
    assert confirm(client, body).status_code == 302
    assert list(Device.objects.filter(locked_at__isnull=False)) == [world.placed]
    assert list(Touched.objects.values_list("device_id", flat=True)) == [world.placed.pk]


@pytest.mark.parametrize("group", ["boise", "other_site", "region"])
def test_no_device_goes_into_a_group_that_is_not_ones_own_or_no_leaf(client: Client, world: World, group: str) -> None:
    client.force_login(world.admin)
    target = getattr(world, group).pk
    body = preview(client, "move", 422, serial=world.placed.serial, group=target)
    assert "can&#x27;t take devices any more" in body or "can't take devices any more" in body
    fine = preview(client, "lock", serial=world.placed.serial)
    forged = {**carried(fine), "kind": "move", "group": target}
    assert client.post("/actions/run/", forged).status_code == 422
    assert not BulkAction.objects.exists()


def test_a_foreign_model_is_refused(client: Client, world: World) -> None:
    client.force_login(world.owner)
    theirs = DeviceModel.objects.get(organisation=world.other)
    preview(client, "model", 422, serial=world.placed.serial, model=theirs.pk)


def test_a_preview_says_who_loses_access_and_asks_for_the_number(client: Client, world: World) -> None:
    client.force_login(world.owner)
    empty = builders.make_group(world.tekton, "Nampa")
    body = preview(client, "move", serial=[world.placed.serial, world.foreign.serial], group=empty.pk)
    assert "lose access" in body
    assert "1 from Boise" in body
    assert not BulkAction.objects.exists()
    for typed in ("", "3", "two"):
        assert confirm(client, body, typed=typed).status_code == 422
    assert not BulkAction.objects.exists()
    assert confirm(client, body, typed="2").status_code == 302
    assert Device.objects.filter(group=empty).count() == 2


def test_what_changed_since_the_preview_is_shown_anew(client: Client, world: World) -> None:
    client.force_login(world.owner)
    body = preview(client, "lock", scope="all")
    Device.objects.filter(pk=world.foreign.pk).update(locked_at=now())
    answer = confirm(client, body, typed="3")
    assert (answer.status_code, BulkAction.objects.exists()) == (409, False)
    fresh = answer.content.decode()
    assert "Something changed" in fresh
    assert "1 locked already" in fresh
    builders.make_device(world.version, name="Newcomer")
    assert confirm(client, fresh, typed="2").status_code == 409
    assert Device.objects.filter(locked_at__isnull=False).count() == 1


def test_a_preview_confirmed_twice_runs_once(client: Client, world: World) -> None:
    client.force_login(world.owner)
    body = preview(client, "lock", serial=world.placed.serial)
    assert [confirm(client, body).status_code, confirm(client, body).status_code] == [302, 409]
    assert Event.objects.filter(kind="locked").count() == 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"scope": "ticked"},
        {"scope": "some", "serial": "X"},
        {"scope": "all", "query": "status=odd"},
        {"scope": "all", "query": "x" * 3_000},
        {"serial": "x\x00y"},
        {"chosen": " ".join(f"S{number}" for number in range(5_001))},
    ],
)
def test_nothing_or_nonsense_selected_is_said(client: Client, world: World, data: dict[str, str]) -> None:
    client.force_login(world.owner)
    for url in ("/actions/new/", "/actions/run/", "/actions/export/"):
        answer = client.post(url, {**data, "kind": "lock"})
        assert (answer.status_code, b"Select devices" in answer.content) == (422, True)


@pytest.mark.parametrize("query", ["group=999999", "group=x", "group=9999999999999999999999", "group=%00"])
def test_a_group_that_is_not_there_holds_nothing(client: Client, world: World, query: str) -> None:
    client.force_login(world.owner)
    assert "0 of 0 devices will change" in preview(client, "lock", scope="all", query=query)


def test_somebody_elses_group_narrows_to_nothing(client: Client, world: World) -> None:
    client.force_login(world.admin)
    assert "0 of 0" in preview(client, "lock", scope="all", query=f"group={world.boise.pk}")
    assert "1 of 1" in preview(client, "lock", scope="all", query=f"group={world.region.pk}")


def test_many_devices_are_left_to_a_worker(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[int] = []
    monkeypatch.setattr(runner, "AT_ONCE", 2)
    monkeypatch.setattr("lib.tasks.send", lambda task, pk: queued.append(pk))
    client.force_login(world.owner)
    confirm(client, preview(client, "lock", scope="all"), typed="3")
    action = BulkAction.objects.get()
    assert (action.state, queued) == (BulkAction.State.WAITING, [action.pk])
    page = client.get(action.get_absolute_url()).content.decode()
    assert "Waiting for a worker" in page
    assert ">0 of 3<" in page
    assert f'data-live="{reverse("devices:action-stream", kwargs={"key": action.key})}"' in page
    assert client.post(f"{action.get_absolute_url()}cancel/").status_code == 302
    assert "Cancelled" in client.get(action.get_absolute_url(), headers={"HX-Request": "true"}).content.decode()


def test_labels_are_asked_for_with_the_same_selection(world: World) -> None:
    def address(query: str) -> str:
        selection = Selection(QueryDict(query), user=world.owner)
        assert selection.is_valid()
        return selection.build_address()

    assert address("scope=all&query=q%3DRoof%26group%3D7") == "q=Roof&group=7"
    assert address(f"serial={world.placed.serial}&serial=B2") == f"serials={world.placed.serial}%0AB2"
    assert address("serial=LE003&serial=ioi") == "serials=LE003%0Aioi"  # as they are read, not as they are compared
    assert address("scope=all&query=&left_out=B2") == ""
    assert address("chosen=" + "+".join(f"B{number}" for number in range(2, 103))) == ""


def test_undoing_over_the_page(client: Client, world: World) -> None:
    client.force_login(world.admin)
    action = act("lock", world.admin)
    assert b"/undo/" in client.get(action.get_absolute_url()).content
    answer = client.post(f"{action.get_absolute_url()}undo/")
    assert answer["Location"] == BulkAction.objects.get(undo_of=action).get_absolute_url()
    assert not Device.objects.filter(locked_at__isnull=False).exists()
    again = client.post(f"{action.get_absolute_url()}undo/", follow=True).content.decode()
    assert "undone any more" in again
    assert f'{action.get_absolute_url()}undo/"' not in again


def test_the_result_is_taken_once_and_by_whoever_had_it_made(client: Client, world: World) -> None:
    credentials.issue_credential(device=world.placed, by=None)
    action = act("reissue", world.admin)
    url = f"{action.get_absolute_url()}result/"
    client.force_login(world.owner)
    assert client.post(url).status_code == 404
    assert b"Download once" not in client.get(action.get_absolute_url()).content
    client.force_login(world.admin)
    assert b"Download once" in client.get(action.get_absolute_url()).content
    taken = client.post(url)
    assert "no-store" in taken["Cache-Control"]
    (row,) = csv.DictReader(StringIO(body(taken)))
    assert (row["serial"], row["device_id"]) == (world.placed.serial, world.placed.device_id)
    who = credentials.authenticate_device(access_key=row["access_key"], access_secret=row["access_secret"])
    assert who == world.placed
    again = client.post(url)
    assert (again.status_code, row["access_secret"] in again.content.decode()) == (410, False)
    kinds = list(Event.objects.filter(kind__startswith="result-").order_by("pk").values_list("kind", flat=True))
    assert kinds == ["result-taken", "result-refused"]
    for table in (Touched, BulkAction, Event, Delivery):
        assert row["access_secret"] not in str(list(table.objects.values()))


def test_no_result_while_it_runs(client: Client, world: World) -> None:
    action = started("reissue", world.admin)
    client.force_login(world.admin)
    assert client.post(f"{action.get_absolute_url()}result/").status_code == 404


def test_the_export_is_what_one_manages_and_runs_no_formula(client: Client, world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(name='=HYPERLINK("x")', tags={"site": "roof"})
    client.force_login(world.admin)
    answer = client.post("/actions/export/", {"serial": [world.placed.serial, world.foreign.serial]})
    (row,) = csv.DictReader(StringIO(body(answer)))
    assert row["Serial"] == world.placed.serial
    assert row["Name"] == '\'=HYPERLINK("x")'
    assert row["Group"].endswith("Kaiser Permanente Anaheim")
    assert (row["Tags"], row["Model"], row["Status"]) == ("site: roof", "KG-250", "Never connected")
    assert Event.objects.get(kind="exported").data["devices"] == 1


def test_the_list_narrows_by_import_recipe_and_day(client: Client, world: World) -> None:
    other = builders.make_recipe(world.kanarra, "Pump gateway")
    importing = Import.objects.create(organisation=world.kanarra, by=world.owner, version=other)
    made = builders.make_device(other, name="Pump")
    Device.objects.filter(pk=made.pk).update(source=importing, registered_at="2024-02-03T12:00Z")

    def names(**query: Any) -> list[str]:
        body = client.get("/", query, headers=FRAGMENT).content.decode()
        return re.findall(r'class="device-link" href="[^"]+">([^<]+)<', body)

    client.force_login(world.owner)
    assert names(**{"import": importing.key}) == names(recipe=other.recipe_id) == ["Pump"]
    assert names(since="2024-02-03", until="2024-02-03") == names(until="2024-02-04") == ["Pump"]
    assert names(since="2024-02-04", until="9999-12-31") == ["Anaheim One", "Canary Boise One", "Waiting gateway"]
    assert names(since="soon") == names(**{"import": "x"}) == names(recipe="x") == []
    client.force_login(world.stranger)
    assert names(**{"import": importing.key}) == names(recipe=other.recipe_id) == []


def test_recent_actions_are_paged(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.bulk_actions.views.PAGE", 2)
    for kind in ("lock", "unlock", "lock"):
        act(kind, world.admin)
    client.force_login(world.admin)
    with CaptureQueriesContext(connection) as full:
        first = client.get("/actions/").content.decode()
    older = re.search(r'href="(\?after=[\w-]+)"', first)
    assert older
    with CaptureQueriesContext(connection) as rest:
        second = client.get(f"/actions/{older[1]}").content.decode()
    assert (first.count('<th scope="row">'), second.count('<th scope="row">')) == (2, 1)
    assert len(full) == len(rest)
