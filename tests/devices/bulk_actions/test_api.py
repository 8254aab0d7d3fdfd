"""Actions on many devices for programs: previewed, done, undone; and the export."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices import tasks
from devices.bulk_actions import runner
from devices.credentials import operations as credentials
from devices.lifecycle import assignments
from devices.models import BulkAction, Device, Event
from tenants.tokens import operations as tokens
from tests import builders
from tests.devices.api import Program, body, kind, places
from tests.devices.doing import started

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.models import Group
    from tests.conftest import World


@pytest.fixture
def admin(world: World) -> Program:
    return Program(world.admin)


@pytest.fixture
def second(world: World) -> Device:
    """Another device of Sadler-Isberg."""
    group = builders.make_group(world.sadler, "San Diego")
    return builders.make_device(world.version, group=group, by=world.owner, name="San Diego One")


def path(answer: Any) -> str:
    assert answer.status_code == 201, answer.content
    return str(answer["Location"]).removeprefix("/api/v1/")


def test_previewed_done_and_undone(admin: Program, world: World, second: Device) -> None:
    which = {"kind": "move", "params": {"group": world.anaheim.pk}, "filter": {}}
    seen = admin.post("actions/preview/", which).json()
    assert (seen["total"], seen["changing"], seen["outside"]) == (2, 1, 0)
    assert seen["staying"] == [{"reason": "in this group already", "devices": 1}]
    assert seen["leaving"] == [{"group": "San Diego", "devices": 1}]
    assert not BulkAction.objects.exists()
    made = admin.post("actions/", which | {"digest": seen["digest"]}, key="one")
    told = made.json()
    assert (told["state"], told["total"], told["done"], told["changed"]) == ("done", 2, 2, 1)
    assert (told["kept"], told["undoable"], told["params"]) == (seen["staying"], True, {"group": world.anaheim.pk})
    assert Device.objects.get(pk=second.pk).group == world.anaheim
    assert admin.post("actions/", which | {"digest": seen["digest"]}, key="one").json() == told
    assert kind(admin.post("actions/", which | {"digest": seen["digest"]})) == "selection-changed"
    back = admin.post(f"{path(made)}undo/", key="back")
    assert (back.json()["undo_of"], back.json()["changed"]) == (told["key"], 1)
    assert Device.objects.get(pk=second.pk).group == second.group
    assert admin.post(f"{path(made)}undo/", key="back").json() == back.json()
    assert kind(admin.post(f"{path(made)}undo/")) == "not-undoable"
    assert [row["key"] for row in admin.get("actions/").json()["results"]] == [back.json()["key"], told["key"]]


def test_many_are_left_to_a_worker(
    admin: Program, world: World, second: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "AT_ONCE", 1)
    at = path(admin.post("actions/", {"kind": "lock", "filter": {}}))
    assert admin.get(at).json()["state"] == "waiting"
    assert admin.post(f"{at}cancel/").json()["state"] == "cancelled"
    assert kind(admin.post(f"{at}cancel/")) == "job-ended"
    assert not Device.objects.exclude(locked_at=None).exists()


def test_which_devices(admin: Program, world: World, second: Device) -> None:
    def total(**which: Any) -> Any:
        return admin.post("actions/preview/", {"kind": "lock"} | which).json().get("total")

    one = world.placed.serial.lower()
    assert total(serials=[one, second.serial]) == 2
    assert total(filter={"group": world.anaheim.pk}) == 1
    assert total(filter={"q": "san diego", "waiting": False}) == 1
    assert total(filter={}, **{"except": [one]}) == 1
    assert total(filter={"since": "2999-01-01"}) == 0
    seen = admin.post("actions/preview/", {"kind": "lock", "serials": [one, world.foreign.serial, "NOSUCH"]}).json()
    assert (seen["total"], seen["outside"]) == (1, 2)


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({"kind": "lock"}, "#"),
        ({"kind": "lock", "filter": {}, "serials": ["A"]}, "#"),
        ({"kind": "lock", "serials": []}, "#"),
        ({"kind": "lock", "serials": ["foreign"]}, "#"),
        ({"kind": "lock", "filter": {"status": "asleep"}}, "#/filter/status"),
        ({"kind": "lock", "filter": {"group": "foreign"}}, "#/filter/group"),
        ({"kind": "lock", "filter": {"colour": "red"}}, "#/filter/colour"),
        ({"kind": "lock", "filter": {"model": 999_999}}, "#/filter/model"),
        ({"kind": "explode", "filter": {}}, "#/kind"),
        ({"kind": "lock", "filter": {}, "params": {"tag": "a"}}, "#/params/tag"),
        ({"kind": "move", "filter": {}}, "#/params/group"),
        ({"kind": "move", "filter": {}, "params": {"group": "foreign"}}, "#/params/group"),
        ({"kind": "tag", "filter": {}, "params": {"tag": "1"}}, "#/params/value"),
        ({"kind": "tag", "filter": {}, "params": {"tag": "a:b", "value": ""}}, "#/params/tag"),
        ({"kind": "model", "filter": {}, "params": {"model": "foreign"}}, "#/params/model"),
        ({"kind": "reissue", "filter": {}}, "#/params/old"),
    ],
)
def test_what_is_refused(admin: Program, world: World, sent: dict[str, Any], place: str) -> None:
    ids: dict[str, Any] = {"group": world.boise.pk, "model": world.other_version.model_id}

    def named(data: Any, at: str = "") -> Any:
        if isinstance(data, dict):
            return {name: named(value, name) for name, value in data.items()}
        return ids[at] if data == "foreign" else data

    body = named(sent)
    if body.get("serials") == ["foreign"]:
        body["serials"] = [world.foreign.serial]
    assert place in places(admin.post("actions/", body))
    assert not BulkAction.objects.exists()


def test_new_secrets_are_taken_once(admin: Program, world: World) -> None:
    which = {"kind": "reissue", "params": {"old": "now"}, "serials": [world.placed.serial]}
    made = admin.post("actions/", which)
    assert made.json()["result"] is True
    assert kind(Program(world.owner).post(f"{path(made)}result/")) == "not-found"
    [row] = csv.DictReader(body(admin.post(f"{path(made)}result/")).splitlines())
    issued = {name: row[name] for name in ("access_key", "access_secret")}
    assert credentials.authenticate_device(**issued) == world.placed
    assert kind(admin.post(f"{path(made)}result/")) == "result-taken"
    assert admin.get(path(made)).json()["result"] is False


def test_a_token_meets_only_what_was_begun_with_it(world: World, second: Device) -> None:
    """A person's actions may have changed what this token of theirs does not reach."""
    narrow, other = Program(world.admin, world.region), Program(world.admin, world.region)
    wide = started("lock", world.admin, Device.objects.filter(pk=second.pk))
    assert narrow.get("actions/").json()["results"] == []
    for address in ("", "cancel/", "undo/", "result/"):
        asked = narrow.post if address else narrow.get
        assert kind(asked(f"actions/{wide.key}/{address}")) == "not-found"
    made = narrow.post("actions/", {"kind": "tag", "params": {"tag": "hall", "value": "2"}, "filter": {}})
    assert made.json()["total"] == 1
    assert kind(other.get(path(made))) == "not-found"
    undone = narrow.post(f"{path(made)}undo/")
    assert narrow.get(path(undone)).json()["changed"] == 1
    assert "token" not in str(list(Event.objects.values_list("data", flat=True)))


def test_the_export_is_narrowed_as_the_list_is(admin: Program, world: World, second: Device) -> None:
    def exported(program: Program, query: str = "") -> list[str]:
        return [row["Serial"] for row in csv.DictReader(body(program.post(f"devices/export.csv{query}")).splitlines())]

    assert exported(admin) == [world.placed.serial, second.serial]
    assert exported(admin, f"?group={world.anaheim.pk}") == [world.placed.serial]
    assert exported(admin, "?q=san+diego") == [second.serial]
    assert exported(Program(world.admin, world.region)) == [world.placed.serial]
    assert exported(Program(world.owner), "?waiting=true") == [world.waiting.serial]
    assert Event.objects.filter(kind="exported", by=world.admin).count() == 4
    assert places(admin.post(f"devices/export.csv?group={world.boise.pk}")) == ["group"]
    assert places(admin.post("devices/export.csv?colour=red")) == ["colour"]
    assert kind(admin.get("devices/export.csv")) == "method-not-allowed"


@pytest.mark.parametrize("address", ["actions/", "labels/"])
def test_a_list_costs_the_same_however_long(address: str, admin: Program, world: World) -> None:
    sent = {"serials": [world.placed.serial]} | ({"kind": "lock"} if address == "actions/" else {})

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert admin.get(address).status_code == 200
        return len(asked)

    admin.post(address, sent)
    few = queries()
    for _ in range(4):
        admin.post(address, sent)
    assert len(admin.get(address).json()["results"]) == 5
    assert queries() == few


def test_a_worker_does_no_more_than_the_token_may(
    world: World, second: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its person manages both devices all the while."""
    monkeypatch.setattr(runner, "AT_ONCE", 0)
    narrow = Program(world.admin, world.region)

    def left_to_a_worker(answer: Any, meanwhile: Callable[[], object]) -> BulkAction:
        action = BulkAction.objects.get(key=answer.json()["key"])
        meanwhile()
        tasks.run_action(action.pk)
        action.refresh_from_db()
        return action

    def move(to: Group) -> None:
        assignments.assign(
            device=Device.objects.get(pk=world.placed.pk), group=to, name="x", model=None, by=world.owner
        )

    assert second.group
    away, back = second.group, world.anaheim
    lock = {"kind": "lock", "filter": {}}
    done = left_to_a_worker(narrow.post("actions/", lock), lambda: move(away))
    assert (done.state, done.total, done.changed) == ("done", 1, 0)
    move(back)
    done = left_to_a_worker(narrow.post("actions/", lock), lambda: None)
    assert done.changed == 1
    undone = left_to_a_worker(narrow.post(f"actions/{done.key}/undo/"), lambda: move(away))
    assert (undone.state, undone.changed) == ("done", 0)
    move(back)
    made = narrow.post("actions/", {"kind": "unlock", "filter": {}})
    ended = left_to_a_worker(made, lambda: tokens.revoke_all(user=world.admin, by=None))
    assert (ended.state, ended.changed) == ("failed", 0)
    assert "token" in ended.cause
