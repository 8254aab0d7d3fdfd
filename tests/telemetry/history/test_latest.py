"""What a process keeps of recipe versions: bounded, and never another answer than the database's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.models import Attribute, RecipeVersion
from telemetry.history import latest
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    from tests.conftest import World


def make_version(world: World, *names: str) -> RecipeVersion:
    recipe = world.placed.version.recipe
    version = RecipeVersion.objects.create(recipe=recipe, number=recipe.versions.count() + 1)
    Attribute.objects.bulk_create(Attribute(version=version, name=name, label=name) for name in names)
    return version


def count_known() -> int:
    return sum(map(len, latest._declared.values()))


def test_what_is_kept_is_bounded_and_lists_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "MOST", 4)
    save(timed(world.placed, now(), rpm=5))
    declared = [each.name for each in latest.list_declared(world.placed.version_id)]
    for _ in range(5):
        version = make_version(world, "one", "two", "three")
        assert [each.name for each in latest.list_declared(version.pk)] == ["one", "three", "two"]
        assert count_known() <= len(declared) + 3
        [(attribute, value)] = latest.read_key_values([world.placed])[world.placed.pk]
        assert (attribute.name, value) == ("rpm", 5)
    assert [each.name for each in latest.list_declared(world.placed.version_id)] == declared
