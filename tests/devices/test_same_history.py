"""The same act leaves the same history, whichever way it was done: page, API, window, CSV, bulk action or undo."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils.timezone import now

from devices import imports
from devices.credentials import operations as credentials
from devices.lifecycle import assignments
from devices.models import Action, Credential, Device, DeviceModel, Event, Import, RecipeVersion
from provisioning.models import Window
from tenants.models import Organisation, Role
from tests import builders
from tests.devices.api import Program
from tests.devices.doing import act, undone
from tests.provisioning.conftest import report_press

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import World

    Door = Callable[["Scene"], object]
    Told = tuple[str, list[str], str]

Kind = Action.Kind
NEW, FORMER, NONE, SAME = "the new assignment", "the former assignment", "no assignment", "its assignment"


class Scene:
    """A device of Anaheim, its twin that bulk actions take along, and who does it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.device = world.placed
        self.twin = builders.make_device(world.version, group=world.anaheim, by=world.owner)
        self.api = Program(world.owner)
        self.page = Client()
        self.page.force_login(world.owner)
        self.second = DeviceModel.objects.create(organisation=world.kanarra, name="KG-500")
        self.mark()

    def mark(self) -> None:
        """What happened until now was a preparation."""
        self.device.refresh_from_db()
        self.former = self.device.assignment_id
        self.last = Event.objects.filter(device=self.device).values_list("pk", flat=True).first() or 0

    def release(self) -> None:
        for device in (self.device, self.twin):
            assignments.release(device=Device.objects.get(pk=device.pk), by=self.world.owner)
        self.mark()

    def issue(self) -> None:
        """The credential is the factory's: it stays whoever gets the device."""
        for device in (self.device, self.twin):
            credentials.issue(device=device, by=self.world.owner)
        Credential.objects.update(assignment=None)
        self.mark()

    def update(self, **facts: Any) -> None:
        Device.objects.filter(pk__in=[self.device.pk, self.twin.pk]).update(**facts)
        self.mark()

    def ok(self, answer: Any) -> Any:
        assert answer.status_code in {200, 201, 204, 302}, answer.content
        return answer

    def posted(self, path: str, **data: Any) -> Any:
        return self.ok(self.page.post(f"/devices/{self.device.serial}/{path}", data))

    def called(self, path: str, **data: Any) -> Any:
        return self.ok(self.api.post(f"devices/{self.device.serial}/{path}", data))

    def act(self, kind: str, *, many: bool, **params: Any) -> Action:
        keys = [self.device.pk, self.twin.pk] if many else [self.device.pk]
        action = act(kind, self.world.owner, Device.objects.filter(pk__in=keys), **params)
        assert action.changed == len(keys)
        return action

    def undo(self, kind: str, **params: Any) -> None:
        done = self.act(kind, many=True, **params)
        self.mark()
        assert undone(done, self.world.owner).changed == 2

    def told(self) -> list[Told]:
        """Of each event since: kind, names of its data but for the bulk action's, and whose history it is in."""
        self.device.refresh_from_db()
        places = {None: NONE, self.former: FORMER, self.device.assignment_id: NEW}
        if self.former == self.device.assignment_id:
            places = {None: NONE, self.former: SAME}
        rows = Event.objects.filter(device=self.device, pk__gt=self.last).order_by("pk")
        return [(row.kind, sorted(set(row.data) - {"action"}), places[row.assignment_id]) for row in rows]


def bulk(kind: str, **params: Callable[[Scene], object]) -> dict[str, Door]:
    def door(*, many: bool) -> Door:
        return lambda scene: scene.act(kind, many=many, **{name: value(scene) for name, value in params.items()})

    return {"bulk of one": door(many=False), "bulk of many": door(many=True)}


def by_window(scene: Scene) -> None:
    Organisation.objects.update(allow_reprovisioning=True)
    taker = Program(builders.make_user("hand@kanarra.example", scene.world.kanarra.root, Role.TECHNICIAN))
    window = scene.ok(taker.post("windows/", {"text": scene.device.serial})).json()["key"]
    Window.objects.update(opened_at="2020-01-01T00:00:00Z")
    report_press(scene.device)
    scene.last = Event.objects.values_list("pk", flat=True)[0]
    place = {"name": "Taken", "group": scene.world.boise.pk, "model": scene.device.model_id}
    scene.ok(taker.post(f"windows/{window}/complete/", place))


def undo_a_first_placement(scene: Scene) -> None:
    scene.release()
    scene.undo(Kind.MOVE, group=scene.world.boise.pk)


def placed(scene: Scene, door: Door) -> None:
    scene.release()
    door(scene)


BOISE = {"group": lambda scene: scene.world.boise.pk}
TAG: dict[str, Callable[[Scene], object]] = {"tag": lambda _: "site", "value": lambda _: "roof"}
MOVES: dict[str, Door] = {
    "API": lambda scene: scene.called("assign/", group=scene.world.boise.pk),
    "window": by_window,
    **bulk(Kind.MOVE, **BOISE),
}


def edit(scene: Scene, tags: str) -> None:
    scene.posted("edit/", name=scene.device.name, description="", tags=tags)


def patch(scene: Scene, **fields: Any) -> None:
    scene.ok(scene.api.patch(f"devices/{scene.device.serial}/", fields))


def locked(scene: Scene, door: Door) -> None:
    scene.update(locked_at=now())
    door(scene)


def issued(scene: Scene, door: Door) -> None:
    scene.issue()
    door(scene)


def waiting(scene: Scene, door: Door) -> None:
    scene.update(expires_at=now() - timedelta(hours=1))
    door(scene)


CASES: dict[str, tuple[list[Told], Any, dict[str, Door]]] = {
    "move": (
        [("moved", ["from", "to"], NEW)],
        None,
        MOVES | {"undo": lambda scene: scene.undo(Kind.MOVE, group=scene.world.boise.pk)},
    ),
    "first placement": (
        [("provisioned", [], NEW)],
        placed,
        MOVES,
    ),
    "placement by undoing a release": (
        [("provisioned", [], NEW)],
        None,
        {"undo": lambda scene: scene.undo(Kind.RELEASE)},
    ),
    "placement in the same group again": (
        [("provisioned", [], NEW)],
        None,
        {"API": lambda scene: scene.called("assign/", group=scene.world.anaheim.pk)},
    ),
    "release": (
        [("released", [], FORMER)],
        None,
        {
            "API": lambda scene: scene.called("release/"),
            "undo of a first placement": undo_a_first_placement,
            **bulk(Kind.RELEASE),
        },
    ),
    "handing over with a credential of one's own": (
        [("credential-revoked", ["access_key", "reason"], FORMER), ("moved", ["from", "to"], NEW)],
        lambda scene, door: (scene.issue(), Credential.objects.update(assignment=scene.former), door(scene)),
        {name: door for name, door in MOVES.items() if name != "bulk of many"},
    ),
    "tags": (
        [("changed", ["fields"], SAME)],
        None,
        {
            "page": lambda scene: edit(scene, tags="site: roof"),
            "API": lambda scene: patch(scene, tags={"site": "roof"}),
            "undo": lambda scene: scene.undo(Kind.TAG, tag="site", value="roof"),
            **bulk(Kind.TAG, **TAG),
        },
    ),
    "model": (
        [("changed", ["fields"], SAME)],
        None,
        {
            "API": lambda scene: patch(scene, model=scene.second.pk),
            "undo": lambda scene: scene.undo(Kind.MODEL, model=scene.second.pk),
            **bulk(Kind.MODEL, model=lambda scene: scene.second.pk),
        },
    ),
    "lock": (
        [("locked", [], SAME)],
        None,
        {
            "page": lambda scene: scene.posted("lock/"),
            "API": lambda scene: scene.called("lock/"),
            **bulk(Kind.LOCK),
        },
    ),
    "locked again by undoing": (
        [("locked", [], SAME)],
        locked,
        {"undo": lambda scene: scene.undo(Kind.UNLOCK)},
    ),
    "unlock": (
        [("unlocked", [], SAME)],
        locked,
        {
            "page": lambda scene: scene.posted("unlock/"),
            "API": lambda scene: scene.called("unlock/"),
            **bulk(Kind.UNLOCK),
        },
    ),
    "unlocked again by undoing": (
        [("unlocked", [], SAME)],
        None,
        {"undo": lambda scene: scene.undo(Kind.LOCK)},
    ),
    "activation opened again": (
        [("opened-again", [], SAME)],
        waiting,
        {
            "page": lambda scene: scene.posted("open-again/"),
            "API": lambda scene: scene.called("open-again/"),
            **bulk(Kind.REOPEN),
        },
    ),
    "revoke all": (
        [("credential-revoked", ["access_key", "reason"], SAME)],
        issued,
        {
            "page": lambda scene: scene.posted("credentials/revoke/"),
            "API": lambda scene: scene.called("credentials/revoke/"),
            **bulk(Kind.REVOKE),
        },
    ),
    "new credentials": (
        [("credential-rotated", ["access_key", "instead_of"], SAME)],
        issued,
        {
            "page": lambda scene: scene.posted("credentials/rotate/", ends="first-use"),
            "API": lambda scene: scene.called("credentials/rotate/", ends="first-use"),
            **bulk(Kind.REISSUE),
        },
    ),
    "new credentials at once": (
        [
            ("credential-rotated", ["access_key", "instead_of"], SAME),
            ("credential-revoked", ["access_key", "reason"], SAME),
        ],
        issued,
        {
            "page": lambda scene: scene.posted("credentials/rotate/", ends="now"),
            "API": lambda scene: scene.called("credentials/rotate/", ends="now"),
            **bulk(Kind.REISSUE, at_once=lambda _: True),
        },
    ),
}


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def cases() -> Iterator[Any]:
    for name, (told, prepare, doors) in CASES.items():
        for door in doors:
            yield pytest.param(told, prepare, doors[door], id=f"{name}, {door}")


@pytest.mark.parametrize(("told", "prepare", "door"), cases())
def test_one_act_one_history(scene: Scene, told: list[Told], prepare: Any, door: Door) -> None:
    if prepare:
        prepare(scene, door)
    else:
        door(scene)
    assert scene.told() == told


def test_reasons_and_keys_are_the_same_too(scene: Scene) -> None:
    one, two = scene.device, scene.twin
    scene.issue()
    old = {device.pk: Credential.objects.get(device=device).access_key for device in (one, two)}
    scene.called("credentials/rotate/", ends="now")
    act(Kind.REISSUE, scene.world.owner, Device.objects.filter(pk=two.pk), at_once=True)
    new = {device.pk: Credential.objects.standing().get(device=device).access_key for device in (one, two)}
    scene.called("credentials/revoke/")
    act(Kind.REVOKE, scene.world.owner, Device.objects.filter(pk=two.pk))
    for device in (one, two):
        rows = Event.objects.filter(device=device, kind__in=["credential-rotated", "credential-revoked"]).order_by("pk")
        assert [{name: value for name, value in row.data.items() if name != "action"} for row in rows] == [
            {"access_key": new[device.pk], "instead_of": [old[device.pk]]},
            {"access_key": old[device.pk], "reason": "rotated"},
            {"access_key": new[device.pk], "reason": "all revoked"},
        ]


# Adding ----------------------------------------------------------------------------------------


def add_by_page(scene: Scene) -> None:
    recipe = scene.world.version.recipe_id
    scene.ok(
        scene.page.post("/devices/new/one/", {"recipe": recipe, "serial": "ADDED1", "group": scene.world.boise.pk})
    )


def add_by_api(scene: Scene) -> None:
    scene.ok(scene.api.post("devices/", {"recipe": scene.world.version.recipe_id, "serial": "ADDED1"}))
    scene.ok(scene.api.post("devices/ADDED1/assign/", {"group": scene.world.boise.pk}))


def add_by_csv(scene: Scene) -> None:
    world = scene.world
    text = b"Serial,Group\nADDED1,Tekton Health / Boise\n"
    importing = imports.upload(by=world.owner, version=world.version, name="one.csv", chunks=[text])
    given = {name: getattr(importing, name) for name in ("columns", "encoding", "delimiter")}
    given |= {"group": None, "all_or_nothing": False, "name_pattern": ""}
    assert imports.match(importing=importing, by=world.owner, **given)
    imports.work(importing.pk)
    assert imports.start(importing=Import.objects.get(), by=world.owner)
    imports.work(importing.pk)


@pytest.mark.parametrize("door", [add_by_page, add_by_api, add_by_csv])
@pytest.mark.parametrize(("kind", "data"), [("access-key", ["access_key"]), ("activation", [])])
def test_an_added_device_has_one_history(scene: Scene, door: Door, kind: str, data: list[str]) -> None:
    RecipeVersion.objects.update(identity={"kind": "opaque"}, credential_kind=kind)
    scene.world.version.refresh_from_db()
    door(scene)
    device = Device.objects.get(serial="ADDED1")
    rows = Event.objects.filter(device=device).order_by("pk")
    assert [(row.kind, sorted(row.data), row.assignment_id, row.by) for row in rows] == [
        ("registered", data, None, scene.world.owner),
        ("provisioned", [], device.assignment_id, scene.world.owner),
    ]


# Who sees it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("door", MOVES)
def test_a_move_names_its_groups_for_the_log_alone(scene: Scene, door: str) -> None:
    """Nobody who sees the device is shown where it was before, nor what happened there."""
    world = scene.world
    world.anaheim.name = "Canary ward"
    world.anaheim.save()
    MOVES[door](scene)
    (moved,) = Event.objects.filter(device=scene.device, kind="moved")
    assert (moved.data["from"], moved.data["to"]) == (world.anaheim.pk, world.boise.pk)
    tekton = builders.make_user("admin@tekton.example", world.tekton, Role.ADMIN)
    theirs = Program(tekton)
    (shown,) = theirs.get(f"devices/{scene.device.serial}/events/").json()["results"]
    assert (shown["kind"], set(shown)) == ("moved", {"id", "kind", "at", "by"})
    for page in ("", "events/"):
        html = theirs.client.get(f"/devices/{scene.device.serial}/{page}")
        assert html.status_code == 200
        assert "Canary" not in html.content.decode()
    assert Program(world.admin).get(f"devices/{scene.device.serial}/events/").status_code == 404


def test_who_gets_it_back_sees_its_own_part(scene: Scene) -> None:
    scene.undo(Kind.MOVE, group=scene.world.boise.pk)
    mine = Program(scene.world.admin).get(f"devices/{scene.device.serial}/events/").json()["results"]
    assert [row["kind"] for row in mine] == ["moved", "provisioned"]
