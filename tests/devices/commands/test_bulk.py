"""One command to many devices: to those that take it, and why not to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.bulk_actions.forms import params_form
from devices.commands import operations as commands
from devices.models import BulkAction, Command, Device, Event, RecipeVersion, Touched
from devices.recipes import command_lines
from tests.builders import make_device, make_recipe
from tests.devices.api import Program, kind
from tests.devices.commands.test_commands import LINES
from tests.devices.doing import act

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture(autouse=True)
def _declared(world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(commands=command_lines.clean_lines(LINES))


def test_each_that_takes_it_gets_it_once(world: World) -> None:
    other = make_device(make_recipe(world.kanarra, "Other"), group=world.anaheim, by=world.owner)
    busy = make_device(world.version, group=world.anaheim, by=world.owner)
    full = Device.objects.select_related("version", "group").get(pk=busy.pk)
    for _ in range(commands.MOST_OPEN):
        commands.send(device=full, name="start", payload=None, by=world.owner)
    before = Command.objects.count()
    form = params_form("command", {"command": "setLoad", "payload": '{"load": 5}'}, user=world.admin)  # a page's
    assert form.is_valid(), form.errors
    chosen = Device.objects.filter(pk__in=[world.placed.pk, other.pk, busy.pk])
    params = {name: value for name, value in form.params().as_json().items() if value}
    action = act(BulkAction.Kind.COMMAND, world.admin, chosen, **params)
    assert (action.total, action.changed) == (3, 1)
    verdicts = dict(Touched.objects.filter(action=action).values_list("device_id", "verdict"))
    assert verdicts == {world.placed.pk: "change", other.pk: "unable", busy.pk: "waiting"}
    (sent,) = Command.objects.filter(device=world.placed)
    assert (sent.name, sent.payload, sent.by) == ("setLoad", {"load": 5}, world.admin)
    assert Command.objects.count() == before + 1
    assert Event.objects.get(device=world.placed, kind="command-sent").data["action"] == str(action.key)


@pytest.mark.parametrize("sent", [{"command": "explode"}, {"command": "setLoad", "payload": {"load": 501}}, {}])
def test_what_no_device_takes_is_refused(world: World, sent: dict[str, object]) -> None:
    asked = {"kind": "command", "params": sent, "serials": [world.placed.serial]}
    answer = Program(world.admin).post("actions/", asked)
    assert answer.status_code == 400, answer.content
    assert kind(answer)
    assert not Command.objects.exists()


def test_commands_of_others_recipes_are_not_offered(world: World) -> None:
    offered = dict(params_form("command", user=world.stranger).fields["command"].choices)  # type: ignore[attr-defined]
    assert list(offered) == [""]
    mine = dict(params_form("command", user=world.admin).fields["command"].choices)  # type: ignore[attr-defined]
    assert set(mine) == {"", "start", "stop", "setLoad", "ping", "identify"}
