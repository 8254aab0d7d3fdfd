"""Who may be given devices of a group, and how they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.lifecycle import persons
from devices.refusals import (
    PERSON_NOT_ALLOWED,
    PERSON_NOT_THERE,
)
from tenants.models import Membership, Organisation, Role, User
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World


class TestPeople:
    @pytest.fixture(autouse=True)
    def _allowed(self, world: World) -> None:
        Organisation.objects.update(personal_devices=True)

    @pytest.mark.parametrize(
        ("paths", "path", "does"),
        [
            (["0001"], "00010002", True),
            (["0001"], "0001", True),
            (["00010002"], "0001", False),
            (["0002", "0001"], "00010002", True),
            ([], "0001", False),
        ],
        ids=str,
    )
    def test_reach_what_lies_below_their_groups(self, paths: list[str], path: str, does: bool) -> None:
        assert persons.reaches(paths, path) is does

    def test_have_devices_where_they_have_a_role(self, world: World) -> None:
        def refuse(user: User, path: str = world.anaheim.path, organisation: int = world.kanarra.pk) -> None:
            persons.refuse_outsider(user, organisation=organisation, path=path)

        for user in (world.viewer, world.admin, world.owner):
            refuse(user)
        for user in (world.sibling, world.stranger):
            with refused(PERSON_NOT_THERE):
                refuse(user)
        User.objects.filter(pk=world.viewer.pk).update(is_active=False)
        with refused(PERSON_NOT_THERE):
            refuse(world.viewer)
        Organisation.objects.update(personal_devices=False)
        with refused(PERSON_NOT_ALLOWED):
            refuse(world.admin)
        assert persons.find_reach([world.admin.pk], organisation=world.kanarra.pk) == {}

    def test_are_found_by_their_whole_address(self, world: World) -> None:
        admin = User.objects.get(pk=world.admin.pk)
        assert persons.find_person(admin, " Viewer@Sadler.example ") == world.viewer
        for address in ("viewer@sadler", "", world.stranger.email, world.sibling.email):
            with refused(PERSON_NOT_THERE):
                persons.find_person(admin, address)

    def test_of_a_group_are_those_with_a_role_there_or_above(self, world: World) -> None:
        owner = User.objects.get(pk=world.owner.pk)
        below = builders.make_user("below@sadler.example", world.anaheim, Role.VIEWER)
        assert set(persons.list_known(owner, world.anaheim)) == {
            *(world.owner, world.admin, world.technician, world.viewer),
            below,
        }
        assert below not in persons.list_known(owner, world.region)
        Membership.objects.filter(user=below).delete()
        assert below not in persons.list_known(owner, world.anaheim)
