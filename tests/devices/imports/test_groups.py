"""What a cell may call a group, and where the report says that devices went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices import imports
from devices.models import Device
from tenants.groups import operations as groups
from tests import builders
from tests.devices.imports.conftest import problems, table

if TYPE_CHECKING:
    from tests.conftest import World
    from tests.devices.imports.conftest import Run


def places(importing: Any) -> list[str]:
    return [row["Placed in"] for row in table(imports.write_report_csv(importing))]


def test_a_number_is_no_name(run: Run, world: World) -> None:
    """The group that is called by digits, never the one which has them for its number."""
    called = builders.make_group(world.sadler, str(world.boise.pk))
    importing = run(f"Serial,Group\nS1,{world.boise.pk}\nS2,#{world.boise.pk}\nS3,# {called.pk}\nS4,{called.pk}\n")
    assert places(importing) == [
        f"Kanarra / Sadler-Isberg / {called.name}",
        "Kanarra / Tekton Health / Boise",
        f"Kanarra / Sadler-Isberg / {called.name}",
        "",
    ]
    [(row, column, cause)] = problems(importing)
    assert (row, column, f"write #{called.pk}" in cause) == (5, "Group", True)


def test_a_group_that_is_called_like_a_number_with_its_mark(check: Run, world: World) -> None:
    builders.make_group(world.sadler, f"#{world.boise.pk}")
    [(_, _, cause)] = problems(check(f"Serial,Group\nS1,#{world.boise.pk}\n"))
    assert "2 groups are called that" in cause


def test_what_is_ambiguous_is_refused_with_the_paths(check: Run, run: Run, world: World) -> None:
    north = [builders.make_group(parent, "North") for parent in (world.sadler, world.tekton)]
    groups.archive(group=builders.make_group(world.sadler, "Boise"), by=world.owner)
    cells = ["North", "Boise", "Sadler-Isberg / North", f"#{north[1].pk}", "Kanarra / Tekton Health / Boise"]
    text = "Serial,Group\n" + "".join(f"S{at},{cell}\n" for at, cell in enumerate(cells))
    importing = check(text)
    causes = {row: cause for row, _, cause in problems(importing)}
    assert causes.keys() == {2, 3}
    assert f"“Kanarra / Sadler-Isberg / North” (#{north[0].pk})" in causes[2]
    assert f"“Kanarra / Tekton Health / North” (#{north[1].pk})" in causes[2]
    assert "“Kanarra / Sadler-Isberg / Boise”" in causes[3]
    assert places(run(text))[2:] == [
        "Kanarra / Sadler-Isberg / North",
        "Kanarra / Tekton Health / North",
        "Kanarra / Tekton Health / Boise",
    ]


def test_the_one_leaf_below_a_group_of_its_name_is_meant(run: Run, world: World) -> None:
    leaf = builders.make_group(builders.make_group(world.sadler, "Clinic"), "Clinic")
    importing = run("Serial,Group\nS1,Clinic\n")
    assert Device.objects.get(source=importing).group == leaf


@pytest.mark.parametrize("cell", ["Closed clinic", "Sadler-Isberg / Closed clinic", "#"])
def test_archived_groups_are_refused_by_the_check(check: Run, world: World, cell: str) -> None:
    closed = builders.make_group(world.sadler, "Closed clinic")
    groups.archive(group=closed, by=world.owner)
    importing = check(f"Serial,Name,Group\nGRP9,Pump,{cell if cell != '#' else f'#{closed.pk}'}\n")
    [(row, column, cause)] = problems(importing)
    assert (row, column, "archived" in cause) == (2, "Group", True)


def test_a_parent_names_what_is_below_it(check: Run, world: World) -> None:
    [(_, _, cause)] = problems(check("Serial,Group\nS1,Los Angeles\n"))
    assert "Kanarra / Sadler-Isberg / Los Angeles / Kaiser Permanente Anaheim" in cause


def test_without_a_column_the_report_says_it_too(run: Run, world: World) -> None:
    importing = run("Serial\nS1\n?\n", group=world.boise)
    assert places(importing) == ["Kanarra / Tekton Health / Boise", ""]


def test_a_cause_that_is_too_long_to_be_kept_says_so(check: Run, world: World) -> None:
    for at in range(3):
        builders.make_group(world.sadler, f"{'Long ' * 18}{at}")
    [(_, _, cause)] = problems(check(f"Serial,Group\nS1,{world.sadler.name}\n"))
    assert (len(cause), cause[-1]) == (300, "…")
