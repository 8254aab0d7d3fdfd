"""The same act leaves the same history, whichever way it was done: page, API, window, CSV, bulk action or undo."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils.timezone import now

from devices.models import BulkAction, Credential, Device, Event, RecipeVersion
from lib import live
from tests.devices.doing import act
from tests.devices.scene import FORMER, MOVES, NEW, SAME, bulk, by_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.devices.scene import Door, Scene, Told

Kind = BulkAction.Kind
TAG: dict[str, Callable[[Scene], object]] = {"tag": lambda _: "site", "value": lambda _: "roof"}


def undo_a_first_placement(scene: Scene) -> None:
    scene.release()
    scene.undo(Kind.MOVE, group=scene.world.boise.pk)


def placed(scene: Scene, door: Door) -> None:
    scene.release()
    door(scene)


def edit(scene: Scene, tags: str) -> None:
    scene.posted("edit/", name=scene.device.name, description="", tags=tags)


def patch(scene: Scene, **fields: Any) -> None:
    scene.ok(scene.api.patch(f"devices/{scene.device.serial}/", fields))


def locked(scene: Scene, door: Door) -> None:
    scene.update(locked_at=now())
    door(scene)


def retired(scene: Scene, door: Door) -> None:
    scene.update(retired_at=now())
    door(scene)


def later(scene: Scene, door: Door) -> None:
    RecipeVersion.objects.create(recipe=scene.world.version.recipe, number=2)
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
            "file": by_file("tag:site", lambda _: "roof"),
            **bulk(Kind.TAG, **TAG),
        },
    ),
    "model": (
        [("changed", ["fields"], SAME)],
        None,
        {
            "API": lambda scene: patch(scene, model=scene.second.pk),
            "undo": lambda scene: scene.undo(Kind.MODEL, model=scene.second.pk),
            "file": by_file("Model", lambda scene: scene.second.name),
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
    "retire": (
        [("retired", [], SAME), ("credential-revoked", ["access_key", "reason"], SAME)],
        issued,
        {
            "API": lambda scene: scene.called("retire/"),
            **bulk(Kind.RETIRE),
        },
    ),
    "retired again by undoing": (
        [("retired", [], SAME)],
        retired,
        {"undo": lambda scene: scene.undo(Kind.RESTORE)},
    ),
    "bring back": (
        [("brought-back", [], SAME)],
        retired,
        {
            "API": lambda scene: scene.called("restore/"),
            **bulk(Kind.RESTORE),
        },
    ),
    "brought back by undoing": (
        [("brought-back", [], SAME)],
        None,
        {"undo": lambda scene: scene.undo(Kind.RETIRE)},
    ),
    "give the serial free": (
        [("serial-freed", [], SAME)],
        retired,
        {
            "API": lambda scene: scene.called("free-serial/"),
            **bulk(Kind.FREE),
        },
    ),
    "the recipe's last version": (
        [("changed", ["fields", "version"], SAME)],
        later,
        {
            "API": lambda scene: scene.called("recipe-version/"),
            "undo": lambda scene: scene.undo(Kind.RECIPE, version=scene.world.version.recipe.current.pk),
            **bulk(Kind.RECIPE, version=lambda scene: scene.world.version.recipe.current.pk),
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


def cases() -> Iterator[Any]:
    for name, (told, prepare, doors) in CASES.items():
        for door in doors:
            yield pytest.param(told, prepare, doors[door], id=f"{name}, {door}")


@pytest.mark.parametrize(("told", "prepare", "door"), list(cases()))
def test_one_act_one_history(
    scene: Scene,
    told: list[Told],
    prepare: Any,
    door: Door,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    announced: set[str] = set()
    monkeypatch.setattr(live, "announce", lambda topics: announced.update(topics))

    def watched(scene: Scene) -> None:
        announced.clear()
        with django_capture_on_commit_callbacks(execute=True):
            door(scene)

    if prepare:
        prepare(scene, watched)
    else:
        watched(scene)
    assert scene.told() == told
    # Whoever looks at the device sees it at once, or sees it no longer.
    of_credentials = all(kind.startswith("credential") for kind, *_ in told)
    assert (f"device:{scene.device.device_id}" in announced) is not of_credentials


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
