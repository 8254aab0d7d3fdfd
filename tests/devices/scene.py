"""A device and whoever acts on it, for what is to leave the same history through every door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.test import Client

from devices import imports
from devices.bulk_actions.changes import start_changes
from devices.credentials import operations as credentials
from devices.lifecycle import assignments
from devices.models import BulkAction, Credential, Device, DeviceModel, Event, Import
from provisioning.models import Window
from tenants.models import Organisation, Role
from tests import builders
from tests.devices.api import Program
from tests.devices.doing import act, ran, undone
from tests.provisioning.conftest import report_press

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

    Door = Callable[["Scene"], object]
    Told = tuple[str, list[str], str]

Kind = BulkAction.Kind
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
            credentials.issue_credential(device=device, by=self.world.owner)
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

    def act(self, kind: str, *, many: bool, **params: Any) -> BulkAction:
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


def by_file(column: str, cell: Callable[[Scene], object]) -> Door:
    def door(scene: Scene) -> None:
        text = f"Serial,{column}\n{scene.device.serial},{cell(scene)}\n{scene.twin.serial},{cell(scene)}\n"
        told: dict[str, Any] = {"by": scene.world.owner, "version": scene.world.version, "name": "list.csv"}
        importing = imports.upload(**told, chunks=[text.encode()])
        rest: dict[str, Any] = {"group": None, "all_or_nothing": True, "name_pattern": "", "encoding": None}
        rest |= {"columns": importing.columns, "delimiter": ",", "act": "change"}
        imports.match(importing=importing, by=scene.world.owner, **rest)
        imports.work(importing.pk)
        ran(start_changes(importing=Import.objects.get(pk=importing.pk), by=scene.world.owner))

    return door


BOISE = {"group": lambda scene: scene.world.boise.pk}
MOVES: dict[str, Door] = {
    "API": lambda scene: scene.called("assign/", group=scene.world.boise.pk),
    "window": by_window,
    **bulk(Kind.MOVE, **BOISE),
    "file": by_file("Group", lambda scene: f"#{scene.world.boise.pk}"),
}
