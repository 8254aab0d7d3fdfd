"""Which group a cell means, in every way in which people write it; and whose a device would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from devices.imports import people
from devices.imports.certificates import Cause
from devices.imports.groups import GroupNames, find_groups
from devices.imports.people import People
from devices.models import Import
from tenants.models import Group, Organisation, User
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def names(world: World) -> GroupNames:
    return GroupNames(world.kanarra.root.path)


@pytest.mark.parametrize(
    "text",
    [
        "Kaiser Permanente Anaheim",
        " kaiser  PERMANENTE anaheim ",
        "Kanarra / Sadler-Isberg / Los Angeles / Kaiser Permanente Anaheim",
        "Sadler-Isberg/Los Angeles/Kaiser Permanente Anaheim",
        "sadler-isberg › los angeles › kaiser permanente anaheim",
        "#{anaheim}",
        "# {anaheim} ",
    ],
)
def test_a_group_is_named_by_its_path_its_name_or_its_number(world: World, names: GroupNames, text: str) -> None:
    assert names.find(text.format(anaheim=world.anaheim.pk)) == world.anaheim.pk


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Nowhere", "No such group. Write its path, as in “Customer / Region / Site”, or its number, as in #12."),
        ("", "No such group."),
        ("#0", "No such group."),
        ("#{other}", "No such group."),  # another organisation's
        ("{anaheim}", "No group has this name. If its number is meant, write #{anaheim}."),
        ("Los Angeles / Kaiser Permanente Anaheim", "No such group."),
        ("Sadler-Isberg", "It has groups below it, and so can't hold devices. Name one of those: “Kanarra / Sadler-"),
        ("Kanarra", "It has groups below it, and so can't hold devices."),
        ("Sadler-Isberg /", "No such group."),
    ],
)
def test_what_names_no_group_is_told(world: World, names: GroupNames, text: str, cause: str) -> None:
    known = {"anaheim": world.anaheim.pk, "other": world.other_site.pk}
    assert str(names.find(text.format(**known))).startswith(cause.format(**known))


def test_of_one_name_the_only_leaf_below_the_others_is_meant(world: World) -> None:
    outer = builders.make_group(world.tekton, "Site")
    inner = builders.make_group(outer, "Site")
    assert GroupNames(world.kanarra.root.path).find("site") == inner.pk
    beside = builders.make_group(world.sadler, "Site")
    told = str(GroupNames(world.kanarra.root.path).find("site"))
    assert told.startswith("3 groups are called that. Write which one: ")
    assert all(f"(#{group.pk})" in told for group in (outer, inner, beside))
    assert GroupNames(world.kanarra.root.path).find("Sadler-Isberg / Site") == beside.pk
    builders.make_group(world.region, "Site")
    assert str(GroupNames(world.kanarra.root.path).find("site")).endswith(" and 1 more.")


def test_an_archived_group_and_a_parent_of_none_are_named_as_such(world: World) -> None:
    Group.objects.filter(pk=world.boise.pk).update(archived_at=timezone.now())
    names = GroupNames(world.kanarra.root.path)
    assert str(names.find("Boise")).startswith("This group is archived: nothing is placed in it any more.")
    assert str(names.find("Tekton Health")).endswith("Name one of those: there is none.")


def test_a_name_that_is_a_number_with_its_mark_is_ambiguous(world: World) -> None:
    odd = builders.make_group(world.tekton, f"#{world.anaheim.pk}")
    names = GroupNames(world.kanarra.root.path)
    assert str(names.find(f"#{world.anaheim.pk}")).startswith("2 groups are called that.")
    assert names.calls(f"#{world.anaheim.pk}", odd.pk)
    assert names.calls(f" #{world.anaheim.pk}", world.anaheim.pk)
    assert not names.calls("Boise", world.anaheim.pk)


def test_groups_are_described_from_the_organisation_on(world: World, names: GroupNames) -> None:
    assert names.describe(world.region.pk) == "Kanarra / Sadler-Isberg / Los Angeles"
    assert names.describe(None) == names.describe(world.other_site.pk) == ""
    found = find_groups(world.kanarra.root.path)
    assert {pk for pk, group in found.items() if group.is_leaf} == {world.anaheim.pk, world.boise.pk}
    assert not any(group.is_archived for group in found.values())


class TestPeople:
    @pytest.fixture
    def importing(self, world: World) -> Import:
        Organisation.objects.update(personal_devices=True)
        owner = User.objects.get(pk=world.owner.pk)
        return Import.objects.create(organisation=world.kanarra, by=owner, version=world.version)

    def told(self, importing: Import, text: str, group: int | None) -> str:
        with pytest.raises(Cause) as caught:
            People(importing).read(text, group)
        return str(caught.value)

    def test_are_named_by_their_address(self, world: World, importing: Import) -> None:
        for text in (world.viewer.email, f" {world.viewer.email.upper()} "):
            assert People(importing).read(text, world.anaheim.pk) == world.viewer.pk

    def test_have_a_role_in_the_group(self, world: World, importing: Import) -> None:
        for text in (world.sibling.email, world.stranger.email, "nobody@kanarra.example", "x"):
            assert self.told(importing, text, world.anaheim.pk) == f"“{text}”: {people.NOT_THERE}"
        assert People(importing).read(world.sibling.email, world.boise.pk) == world.sibling.pk
        assert self.told(importing, world.viewer.email, 0).endswith(people.NOT_THERE)

    def test_have_nothing_outside_of_groups(self, world: World, importing: Import) -> None:
        assert self.told(importing, world.viewer.email, None).endswith(people.NO_GROUP)

    def test_have_nothing_where_the_organisation_wants_none(self, world: World, importing: Import) -> None:
        Organisation.objects.update(personal_devices=False)
        assert self.told(importing, world.viewer.email, world.anaheim.pk).endswith(people.NOT_ALLOWED)

    def test_are_unknown_to_an_import_of_nobody(self, world: World, importing: Import) -> None:
        importing.by = None
        assert self.told(importing, world.viewer.email, world.anaheim.pk).endswith(people.NOT_THERE)
